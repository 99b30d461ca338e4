//! Memory of the host through which tensors are copied to and from the device: bytes of a pinned
//! arena, or memory of the driver that is mapped once.
//!
//! Invariant: the host touches a range of it only while no submission uses that range.

use core::ptr::NonNull;
use std::sync::Arc;

use ash::vk;
use orionrt_alloc::Arena;

use super::{
    answer::refused,
    block::{Block, VulkanBuffer},
    device::VulkanDevice,
    host_bytes::{self, HostBytes},
    import::import,
    memory_type::Home,
};
use crate::{
    error::DeviceMemoryError,
    pinned::check_pinned,
    ring::{RingError, StagingRing},
};

/// Where pieces begin.
const ALIGNMENT: u64 = 64;

pub(super) struct Staging {
    block: Arc<Block>,
    /// Which bytes the stream's submissions use.
    pub(super) ring: StagingRing,
    /// The first of the block's bytes.
    first: NonNull<u8>,
}

// SAFETY: the mapping, or the block of the arena, is of the process, and only `write` and `read`
// use it, through `&mut self`.
unsafe impl Send for Staging {}

impl Staging {
    pub(super) fn new(device: &VulkanDevice, bytes: u64) -> Result<Self, DeviceMemoryError> {
        let bytes = bytes.max(2 * ALIGNMENT);
        let block = Block::new(device, bytes, Home::Host, true)?;
        let (memory, whole) = (block.memory.handle, vk::WHOLE_SIZE);
        let flags = vk::MemoryMapFlags::empty();
        // SAFETY: memory that the host can map, and that is mapped here alone; freeing it, when the
        // block is dropped, unmaps it.
        let first = unsafe { device.raw().map_memory(memory, 0, whole, flags) };
        let first = first.map_err(refused("map the memory of transfers"))?;
        let first = NonNull::new(first.cast()).ok_or(DeviceMemoryError::Refused {
            action: "map the memory of transfers",
            answer: "it is mapped at null".into(),
        })?;
        Ok(Self::of(block, first))
    }

    /// Memory of an arena, if the device can use it; else of the driver.
    pub(super) fn new_in(
        device: &VulkanDevice,
        bytes: u64,
        arena: &Arc<Arena>,
    ) -> Result<Self, DeviceMemoryError> {
        let Some(alignment) = device.logical.host_alignment else {
            // An arena that is refused is refused on every device.
            check_pinned(arena, host_bytes::ACTION)?;
            return Self::new(device, bytes);
        };
        let needed = bytes.max(2 * ALIGNMENT).checked_next_multiple_of(alignment);
        let host = HostBytes::new(arena, needed.unwrap_or(u64::MAX), alignment)?;
        let first = host.start();
        match import(device, host)? {
            Some(block) => Ok(Self::of(block, first)),
            None => Self::new(device, bytes),
        }
    }

    fn of(block: Block, first: NonNull<u8>) -> Self {
        Self {
            ring: StagingRing::new(block.bytes, ALIGNMENT),
            block: Arc::new(block),
            first,
        }
    }

    /// Whether it is memory of an arena.
    pub(super) fn is_in_arena(&self) -> bool {
        self.block.host.is_some()
    }

    /// The largest piece of a transfer: two of them can be on their way.
    pub(super) fn piece(&self) -> usize {
        let half = (self.block.bytes / 2 / ALIGNMENT * ALIGNMENT).max(ALIGNMENT);
        usize::try_from(half).unwrap_or(usize::MAX)
    }

    /// Takes a piece, or says which submission has to end before.
    pub(super) fn take(&mut self, bytes: u64) -> Result<Result<u64, u64>, DeviceMemoryError> {
        match self.ring.take(bytes) {
            Ok(range) => Ok(Ok(range.start)),
            Err(RingError::Full { wait_for, .. }) => Ok(Err(wait_for)),
            Err(_) => Err(DeviceMemoryError::OtherSize {
                range: self.block.bytes,
                given: bytes,
            }),
        }
    }

    /// A range of it for copies of the device.
    pub(super) fn buffer(&self, start: u64, bytes: u64) -> Result<VulkanBuffer, DeviceMemoryError> {
        VulkanBuffer::new(&self.block, start..start + bytes)
    }

    /// The address of a range.
    fn at(&self, start: u64, bytes: usize) -> Result<*mut u8, DeviceMemoryError> {
        let end = start.checked_add(bytes as u64);
        let within = end.is_some_and(|end| end <= self.block.bytes);
        let place = usize::try_from(start).ok().filter(|_| within);
        let place = place.ok_or(DeviceMemoryError::OutOfBlock {
            start,
            end: end.unwrap_or(u64::MAX),
            block: self.block.bytes,
        })?;
        // SAFETY: within the mapping, or the arena's block.
        Ok(unsafe { self.first.as_ptr().add(place) })
    }

    /// Writes to a range.
    ///
    /// # Safety
    /// The device has done what used the range.
    pub(super) unsafe fn write(&mut self, at: u64, from: &[u8]) -> Result<(), DeviceMemoryError> {
        let to = self.at(at, from.len())?;
        // SAFETY: within the mapping or the arena's block, into which there are no references, and
        // the caller says that the device does not use the range.
        unsafe { to.copy_from_nonoverlapping(from.as_ptr(), from.len()) };
        Ok(())
    }

    /// Reads a range.
    ///
    /// # Safety
    /// The device has done what used the range.
    pub(super) unsafe fn read(&mut self, at: u64, to: &mut [u8]) -> Result<(), DeviceMemoryError> {
        let from = self.at(at, to.len())?;
        // SAFETY: as in `write`.
        unsafe { to.as_mut_ptr().copy_from_nonoverlapping(from, to.len()) };
        Ok(())
    }
}
