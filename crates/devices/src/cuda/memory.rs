//! One block of a device's memory, its ranges, and transfers of typed slices.

#![allow(unsafe_code)]

use core::{fmt, ops::Range};
use std::sync::Arc;

use bytemuck::Pod;
use cudarc::driver::{result, sys::CUdeviceptr};

use super::{block::Block, device::CudaDevice, driver::Asked, stream::CudaStream};
use crate::{error::DeviceMemoryError, memory::DeviceMemory, properties::DeviceProperties};

const BUFFER: &str = "make a buffer of a range";
const UPLOAD: &str = "upload to a buffer";
const DOWNLOAD: &str = "download from a buffer";

/// One block of a device's memory. Its addresses never change.
///
/// A range of an arena that is dropped is lent again when the kernels and graphs that were launched
/// before are done: an event is recorded behind them on each of their streams, and the driver is
/// asked for it. An arena without room waits for these events. It waits for a stream that could not
/// be given an event, as the driver refused it, and for the context as a whole in two cases: a
/// stream was dropped before anybody asked for an event behind its work, or an engine has called
/// [`CudaDevice::note_submission`]. A stream that is being captured, by whichever thread, cannot be
/// waited for, nor can its context; the arena's answer is an error then, and the capture stays
/// valid.
///
/// The block is given back to the driver when this and all of its buffers are dropped; whoever is
/// the last waits until the device has done all its work. While a stream of the context is being
/// captured, that is put off until the context is next waited for.
pub struct CudaMemory {
    block: Arc<Block>,
}

/// A range of a block, as kernels are given it. A clone is the same range, and keeps the block.
#[derive(Clone)]
pub struct CudaBuffer {
    block: Arc<Block>,
    bytes: Range<u64>,
}

impl CudaMemory {
    /// A block of this size, rounded up to a multiple of 256, allocated at once.
    ///
    /// # Errors
    /// The device has no such amount of memory, or is lost.
    pub fn new(device: &CudaDevice, bytes: u64) -> Result<Self, DeviceMemoryError> {
        let largest = device.properties().largest_block;
        let alignment = device.properties().plan_alignment();
        let needed = bytes.max(1).checked_next_multiple_of(alignment);
        let fitting = needed.filter(|&needed| needed <= largest);
        let needed = fitting.ok_or(DeviceMemoryError::TooLarge {
            needed: bytes,
            largest,
        })?;
        let block = Arc::new(Block::allocate(device, needed)?);
        Ok(Self { block })
    }

    /// A block of addresses, of this size or somewhat more. It gets memory as it is needed, in
    /// steps of some MiB: up to the end of each [`buffer`](DeviceMemory::buffer) that is made of
    /// it. So a block can grow without moving, to the size that was reserved.
    ///
    /// # Errors
    /// The driver has no such amount of addresses, or the device is lost.
    pub fn reserve(device: &CudaDevice, bytes: u64) -> Result<Self, DeviceMemoryError> {
        let block = Arc::new(Block::reserve(device, bytes.max(1))?);
        Ok(Self { block })
    }

    /// The device whose memory this is.
    #[must_use]
    pub fn device(&self) -> &CudaDevice {
        self.block.device()
    }

    /// How many bytes of the device's memory the block takes at present.
    #[must_use]
    pub fn mapped_bytes(&self) -> u64 {
        self.block.mapped_bytes()
    }

    /// Copies a slice into a buffer, when the stream has done all that it was asked for before, and
    /// waits for it.
    ///
    /// # Errors
    /// The slice has another size than the buffer, the buffer or the stream are of another block or
    /// device, the stream is being captured, or the device is lost. If another thread begins to
    /// capture the stream meanwhile, this waits for the end of that capture, which is invalid.
    pub fn upload<T: Pod>(
        &self,
        stream: &CudaStream,
        to: &CudaBuffer,
        data: &[T],
    ) -> Result<(), DeviceMemoryError> {
        let data: &[u8] = bytemuck::cast_slice(data);
        self.check(stream, to, data.len(), UPLOAD)?;
        let asked = Asked::to(UPLOAD);
        // SAFETY: the range is within the block, which has memory there, and `to` keeps it. The
        // slice is borrowed until the stream has read it, as `finish_transfer` returns only then.
        let submitted =
            unsafe { result::memcpy_htod_async(to.address(), data, stream.stream().cu_stream()) };
        let done = submitted.and_then(|()| stream.finish_transfer());
        done.map_err(|error| asked.answered(error))
    }

    /// Copies a buffer into a slice, when the stream has done all that it was asked for before, and
    /// waits for it.
    ///
    /// # Errors
    /// The slice has another size than the buffer, the buffer or the stream are of another block or
    /// device, the stream is being captured, or the device is lost. What the slice has then is not
    /// specified. If another thread begins to capture the stream meanwhile, this waits for the end
    /// of that capture, which is invalid.
    pub fn download<T: Pod>(
        &self,
        stream: &CudaStream,
        from: &CudaBuffer,
        data: &mut [T],
    ) -> Result<(), DeviceMemoryError> {
        let data: &mut [u8] = bytemuck::cast_slice_mut(data);
        self.check(stream, from, data.len(), DOWNLOAD)?;
        let asked = Asked::to(DOWNLOAD);
        // SAFETY: the range is within the block, which has memory there, and `from` keeps it. The
        // slice is borrowed until the stream has written it, as `finish_transfer` returns only
        // then.
        let submitted =
            unsafe { result::memcpy_dtoh_async(data, from.address(), stream.stream().cu_stream()) };
        let done = submitted.and_then(|()| stream.finish_transfer());
        done.map_err(|error| asked.answered(error))
    }

    fn check(
        &self,
        stream: &CudaStream,
        buffer: &CudaBuffer,
        bytes: usize,
        action: &'static str,
    ) -> Result<(), DeviceMemoryError> {
        let refused = |answer: &str| DeviceMemoryError::Refused {
            action,
            answer: answer.to_owned(),
        };
        self.device().check_own(buffer.block.device(), "a buffer")?;
        self.device().check_own(stream.device(), "a stream")?;
        if !Arc::ptr_eq(&buffer.block, &self.block) {
            return Err(refused("the buffer is of another block"));
        }
        if buffer.size() != bytes as u64 {
            return Err(DeviceMemoryError::OtherSize {
                range: buffer.size(),
                given: bytes as u64,
            });
        }
        self.device().bind(Asked::to(action))?;
        stream.check_not_captured(action)
    }
}

impl fmt::Debug for CudaMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CudaMemory")
            .field("bytes", &self.block.bytes())
            .field("mapped_bytes", &self.mapped_bytes())
            .field("device", &self.device().properties().name)
            .finish_non_exhaustive()
    }
}

impl DeviceMemory for CudaMemory {
    type Buffer = CudaBuffer;

    fn properties(&self) -> &DeviceProperties {
        self.device().properties()
    }

    fn bytes(&self) -> u64 {
        self.block.bytes()
    }

    fn buffer(&self, bytes: Range<u64>) -> Result<CudaBuffer, DeviceMemoryError> {
        let (start, end, block) = (bytes.start, bytes.end, self.bytes());
        if start > end || end > block {
            return Err(DeviceMemoryError::OutOfBlock { start, end, block });
        }
        let alignment = self.properties().plan_alignment();
        if !start.is_multiple_of(alignment) {
            return Err(DeviceMemoryError::Refused {
                action: BUFFER,
                answer: format!("{start}..{end} does not begin at a multiple of {alignment}"),
            });
        }
        self.block.map(&bytes)?;
        let block = Arc::clone(&self.block);
        Ok(CudaBuffer { block, bytes })
    }

    fn submitted(&self) -> u64 {
        self.device().submissions().last()
    }

    fn completed(&self) -> Result<u64, DeviceMemoryError> {
        self.device().submissions().ended()
    }

    fn wait_for(&self, submission: u64) -> Result<(), DeviceMemoryError> {
        self.device().submissions().wait(submission)
    }
}

impl CudaBuffer {
    /// The device whose memory this is.
    #[must_use]
    pub fn device(&self) -> &CudaDevice {
        self.block.device()
    }

    /// Its address on the device, which never changes.
    #[must_use]
    pub fn address(&self) -> CUdeviceptr {
        self.block.address() + self.bytes.start
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
}

impl fmt::Debug for CudaBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CudaBuffer")
            .field("address", &format_args!("{:#x}", self.address()))
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}
