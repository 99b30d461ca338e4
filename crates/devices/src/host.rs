//! A device that is the host: the same interface over ordinary memory, for tests and examples.
//!
//! Invariant: all ranges that are copied lie within the block.

use core::{fmt, ops::Range};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{
    error::DeviceMemoryError,
    memory::DeviceMemory,
    properties::{DeviceKind, DeviceProperties, MemoryHeap},
};

/// Memory of the host in the place of a device's, whose buffers are ranges of it.
///
/// ```
/// use orionrt_devices::{DeviceArena, HostDevice};
///
/// let arena = DeviceArena::new(HostDevice::new(4096)?)?;
/// let block = arena.allocate(4)?;
/// arena.memory().write(block.range(), &[1, 2, 3, 4])?;
/// let mut bytes = [0; 4];
/// arena.memory().read(block.range(), &mut bytes)?;
/// assert_eq!(bytes, [1, 2, 3, 4]);
/// # Ok::<(), orionrt_devices::DeviceMemoryError>(())
/// ```
pub struct HostDevice {
    properties: DeviceProperties,
    block: Mutex<Vec<u8>>,
    bytes: u64,
}

impl HostDevice {
    /// A device with a block of so many bytes, all of them 0, and without rules of its own.
    ///
    /// # Errors
    /// The host has no such memory.
    pub fn new(bytes: u64) -> Result<Self, DeviceMemoryError> {
        let properties = DeviceProperties::unlimited("host", DeviceKind::Cpu);
        Self::with_properties(bytes, properties)
    }

    /// A device with a block of so many bytes, rounded up to what copies need, and the rules of
    /// another one.
    ///
    /// # Errors
    /// The host has no such memory, or the properties allow no block of this size.
    pub fn with_properties(
        bytes: u64,
        mut properties: DeviceProperties,
    ) -> Result<Self, DeviceMemoryError> {
        let rounded = bytes.checked_next_multiple_of(properties.copy_alignment);
        let bytes = rounded.unwrap_or(u64::MAX);
        if bytes > properties.largest_block {
            return Err(DeviceMemoryError::TooLarge {
                needed: bytes,
                largest: properties.largest_block,
            });
        }
        let refused = DeviceMemoryError::OutOfMemory {
            needed: bytes,
            heap: None,
        };
        let size = usize::try_from(bytes).map_err(|_| refused.clone())?;
        let mut block = Vec::new();
        block.try_reserve_exact(size).map_err(|_| refused)?;
        block.resize(size, 0);
        properties.heaps = vec![MemoryHeap {
            bytes,
            budget: None,
            device_local: true,
            host_visible: true,
        }];
        let block = Mutex::new(block);
        Ok(Self {
            properties,
            block,
            bytes,
        })
    }

    /// Copies bytes into the block.
    ///
    /// # Errors
    /// The range is not within the block, or does not have as many bytes.
    pub fn write(&self, range: Range<u64>, bytes: &[u8]) -> Result<(), DeviceMemoryError> {
        let range = self.indices(range, bytes.len())?;
        self.block()[range].copy_from_slice(bytes);
        Ok(())
    }

    /// Copies bytes of the block.
    ///
    /// # Errors
    /// The range is not within the block, or does not have as many bytes.
    pub fn read(&self, range: Range<u64>, bytes: &mut [u8]) -> Result<(), DeviceMemoryError> {
        let range = self.indices(range, bytes.len())?;
        bytes.copy_from_slice(&self.block()[range]);
        Ok(())
    }

    /// The positions of a range that has so many bytes.
    fn indices(&self, range: Range<u64>, bytes: usize) -> Result<Range<usize>, DeviceMemoryError> {
        self.check(&range)?;
        if range.end - range.start != bytes as u64 {
            return Err(DeviceMemoryError::OtherSize {
                range: range.end - range.start,
                given: bytes as u64,
            });
        }
        // Positions within the block fit a `usize`, as its size does.
        Ok(range.start as usize..range.end as usize)
    }

    fn check(&self, range: &Range<u64>) -> Result<(), DeviceMemoryError> {
        if range.start <= range.end && range.end <= self.bytes {
            return Ok(());
        }
        Err(DeviceMemoryError::OutOfBlock {
            start: range.start,
            end: range.end,
            block: self.bytes,
        })
    }

    fn block(&self) -> MutexGuard<'_, Vec<u8>> {
        self.block.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DeviceMemory for HostDevice {
    type Buffer = Range<u64>;

    fn properties(&self) -> &DeviceProperties {
        &self.properties
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn buffer(&self, bytes: Range<u64>) -> Result<Self::Buffer, DeviceMemoryError> {
        self.check(&bytes)?;
        Ok(bytes)
    }
}

impl fmt::Debug for HostDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostDevice")
            .field("bytes", &self.bytes)
            .field("properties", &self.properties)
            .finish_non_exhaustive()
    }
}
