//! One block of a device's memory as one buffer of wgpu, and its ranges.

use core::{fmt, ops::Range};
use std::sync::{Mutex, PoisonError};

use bytemuck::Pod;
use wgpu::{Buffer, BufferUsages};

use super::{calls::Asked, device::WgpuDevice, staging::Staging};
use crate::{error::DeviceMemoryError, memory::DeviceMemory, properties::DeviceProperties};

/// How large a chunk of staging memory is, unless it is said.
const CHUNK_BYTES: u64 = 4 << 20;

/// Blocks are multiples of this, as an arena lends ranges of this size at least.
const GRANULE: u64 = 256;

/// One block of a device's memory: one buffer of wgpu, and chunks of staging memory for transfers.
///
/// Nothing is allocated once it is made. wgpu keeps the block until the device has done all that
/// was submitted with it.
pub struct WgpuMemory {
    device: WgpuDevice,
    block: Buffer,
    staging: Mutex<Staging>,
}

/// A range of a block, as kernels are given it. A clone is the same range.
#[derive(Clone, Debug)]
pub struct WgpuBuffer {
    pub(super) device: WgpuDevice,
    block: Buffer,
    bytes: Range<u64>,
}

impl WgpuMemory {
    /// A block of this size, rounded up to a multiple of 256, with staging memory of three chunks
    /// of at most 4 MiB each.
    ///
    /// # Errors
    /// The device has no such amount of memory, allows no such block, or is lost.
    pub fn new(device: &WgpuDevice, bytes: u64) -> Result<Self, DeviceMemoryError> {
        Self::with_staging(device, bytes, bytes.min(CHUNK_BYTES))
    }

    /// A block of this size, rounded up to a multiple of 256, with chunks of staging memory of
    /// another size: a longer transfer goes through them piece by piece.
    ///
    /// # Errors
    /// The device has no such amount of memory, allows no such block, or is lost.
    pub fn with_staging(
        device: &WgpuDevice,
        bytes: u64,
        chunk_bytes: u64,
    ) -> Result<Self, DeviceMemoryError> {
        let block = storage(device, bytes, "make a block")?;
        let staging = Mutex::new(Staging::new(device, chunk_bytes)?);
        let device = device.clone();
        Ok(Self {
            device,
            block,
            staging,
        })
    }

    /// The device whose memory this is.
    #[must_use]
    pub fn device(&self) -> &WgpuDevice {
        &self.device
    }

    /// Submits the copy of a slice into a buffer, behind all that was submitted before. When this
    /// returns, the slice has been read; the copy is made before what is submitted next.
    ///
    /// ```no_run
    /// # use orionrt_devices::{DeviceMemory, wgpu::WgpuMemory};
    /// # fn fill(memory: &WgpuMemory) -> Result<(), orionrt_devices::DeviceMemoryError> {
    /// let x = memory.buffer(0..8)?;
    /// memory.upload(&x, &[1.0_f32, 2.0])
    /// # }
    /// ```
    ///
    /// # Errors
    /// The slice has another size than the buffer, but for less than 4 bytes of padding; the buffer
    /// is of another block or device; or the device is lost.
    pub fn upload<T: Pod>(&self, to: &WgpuBuffer, data: &[T]) -> Result<(), DeviceMemoryError> {
        let data = bytemuck::cast_slice(data);
        self.check(to, data.len(), "upload to a buffer")?;
        self.with_chunks(|staging| staging.upload(&self.device, &self.block, to.bytes.start, data))
    }

    /// Copies a buffer into a slice, behind all that was submitted before, and waits for it.
    ///
    /// # Errors
    /// The slice has another size than the buffer, but for less than 4 bytes of padding; the buffer
    /// is of another block or device; or the device is lost. What the slice has then is not
    /// specified.
    pub fn download<T: Pod>(
        &self,
        from: &WgpuBuffer,
        data: &mut [T],
    ) -> Result<(), DeviceMemoryError> {
        let data = bytemuck::cast_slice_mut(data);
        self.check(from, data.len(), "download from a buffer")?;
        let offset = from.bytes.start;
        self.with_chunks(|staging| staging.download(&self.device, &self.block, offset, data))
    }

    /// Staging is used by one thread at a time. A panic of another thread in there leaves a chunk
    /// unmapped at worst, and that is an error of the next transfer.
    fn with_chunks<R>(&self, transfer: impl FnOnce(&mut Staging) -> R) -> R {
        transfer(&mut self.staging.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn check(
        &self,
        buffer: &WgpuBuffer,
        bytes: usize,
        action: &'static str,
    ) -> Result<(), DeviceMemoryError> {
        self.device.check_own(&buffer.device, "a buffer")?;
        if buffer.block != self.block {
            return Err(DeviceMemoryError::Refused {
                action,
                answer: "the buffer is of another block".to_owned(),
            });
        }
        // A planned tensor's buffer is rounded up to what copies need, and so are copies.
        let size = buffer.size();
        match bytes as u64 <= size && size - (bytes as u64) < wgpu::COPY_BUFFER_ALIGNMENT {
            true => Ok(()),
            false => Err(DeviceMemoryError::OtherSize {
                range: size,
                given: bytes as u64,
            }),
        }
    }
}

impl fmt::Debug for WgpuMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WgpuMemory")
            .field("bytes", &self.bytes())
            .field("device", &self.device.properties().name)
            .finish_non_exhaustive()
    }
}

impl DeviceMemory for WgpuMemory {
    type Buffer = WgpuBuffer;

    fn properties(&self) -> &DeviceProperties {
        self.device.properties()
    }

    fn bytes(&self) -> u64 {
        self.block.size()
    }

    fn buffer(&self, bytes: Range<u64>) -> Result<WgpuBuffer, DeviceMemoryError> {
        let alignment = self.properties().plan_alignment();
        let (start, end, block) = (bytes.start, bytes.end, self.bytes());
        if start > end || end > block {
            return Err(DeviceMemoryError::OutOfBlock { start, end, block });
        }
        if !start.is_multiple_of(alignment) {
            return Err(DeviceMemoryError::Refused {
                action: "make a buffer of a range",
                answer: format!("{start}..{end} does not begin at a multiple of {alignment}"),
            });
        }
        Ok(WgpuBuffer {
            device: self.device.clone(),
            block: self.block.clone(),
            bytes,
        })
    }
}

impl WgpuBuffer {
    /// A buffer of its own, outside of any block, of this size rounded up to a multiple of 256:
    /// for what has no plan, or to compare with a plan. wgpu frees it when nothing has it any more
    /// and the device has done all that was submitted with it.
    ///
    /// # Errors
    /// The device has no such amount of memory, allows no such buffer, or is lost.
    pub fn alone(device: &WgpuDevice, bytes: u64) -> Result<Self, DeviceMemoryError> {
        let block = storage(device, bytes, "make a buffer")?;
        Ok(Self {
            device: device.clone(),
            block,
            bytes: 0..bytes,
        })
    }

    /// Its size in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.bytes.end - self.bytes.start
    }

    /// Where it is in its block.
    #[must_use]
    pub fn bytes(&self) -> Range<u64> {
        self.bytes.clone()
    }

    /// The buffer of wgpu that is the block.
    #[must_use]
    pub fn block(&self) -> &Buffer {
        &self.block
    }

    /// The range for a bind group of an engine's own; nothing if it is empty, which wgpu does not
    /// allow. Its size is rounded up to a multiple of 4: the next tensor begins behind that.
    #[must_use]
    pub fn binding(&self) -> Option<wgpu::BufferBinding<'_>> {
        let size = self.size().next_multiple_of(wgpu::COPY_BUFFER_ALIGNMENT);
        Some(wgpu::BufferBinding {
            buffer: &self.block,
            offset: self.bytes.start,
            size: Some(wgpu::BufferSize::new(size)?),
        })
    }

    /// Whether both have a byte of the same block.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let (a, b) = (&self.bytes, &other.bytes);
        self.block == other.block && a.start.max(b.start) < a.end.min(b.end)
    }
}

/// Makes a buffer for kernels and copies, of at least one byte.
fn storage(
    device: &WgpuDevice,
    bytes: u64,
    action: &'static str,
) -> Result<Buffer, DeviceMemoryError> {
    let largest = device.properties().largest_block;
    let needed = bytes.max(1).checked_next_multiple_of(GRANULE);
    let fitting = needed.filter(|&needed| needed <= largest);
    let needed = fitting.ok_or(DeviceMemoryError::TooLarge {
        needed: bytes,
        largest,
    })?;
    let asked = Asked {
        action,
        bytes: Some(needed),
    };
    let description = wgpu::BufferDescriptor {
        label: Some("orionrt"),
        size: needed,
        usage: BufferUsages::STORAGE | BufferUsages::COPY_SRC | BufferUsages::COPY_DST,
        mapped_at_creation: false,
    };
    device.scoped(asked, || device.device().create_buffer(&description))
}
