//! Staging: chunks of the host's memory that the device copies from and to. They are made once, so
//! a transfer allocates nothing.
//!
//! wgpu does not let a buffer be mapped while the device uses it, so uploads take turns on two
//! chunks: one is filled while the device copies out of the other. Invariant: a chunk for uploads
//! is mapped, or its mapping was asked for behind the submission that reads it. The chunk for
//! downloads is mapped within a download only; what an error has left is undone by the next one.

use core::{ops::Range, time::Duration};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use wgpu::{Buffer, BufferUsages, MapMode, SubmissionIndex};

use super::{calls::Asked, device::WgpuDevice};
use crate::error::DeviceMemoryError;

/// How long another thread's callback is waited for before it is looked for again.
const SETTLED: Duration = Duration::from_millis(10);
const UPLOAD: &str = "upload to a buffer";
const DOWNLOAD: &str = "download from a buffer";

/// Whether a chunk is mapped.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mapping {
    /// The device has it.
    None,
    /// It was asked for.
    Asked,
    Made,
    Refused,
}

/// The state of a chunk's mapping, which the callback of any thread that polls may change.
struct Mapped {
    state: Mutex<Mapping>,
    changed: Condvar,
}

/// A chunk, and what the device still does with it.
struct Chunk {
    buffer: Buffer,
    /// The submission that copies from it or to it, until that is known to be done.
    busy: Option<SubmissionIndex>,
    mapped: Arc<Mapped>,
}

/// The chunks of one block.
pub(super) struct Staging {
    uploads: [Chunk; 2],
    downloads: Chunk,
    /// The chunk of `uploads` whose turn it is.
    turn: usize,
    chunk_bytes: u64,
}

impl Mapped {
    fn new(state: Mapping) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
        })
    }

    fn state(&self) -> MutexGuard<'_, Mapping> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, state: Mapping) {
        *self.state() = state;
        self.changed.notify_all();
    }

    /// The state, for which is waited so long at most if it was asked for.
    fn settled(&self, at_most: Duration) -> Mapping {
        let asked = |state: &mut Mapping| *state == Mapping::Asked;
        let waited = self
            .changed
            .wait_timeout_while(self.state(), at_most, asked);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Chunk {
    fn new(
        device: &WgpuDevice,
        bytes: u64,
        usage: BufferUsages,
        mapped: bool,
    ) -> Result<Self, DeviceMemoryError> {
        let asked = Asked {
            action: "make a staging buffer",
            bytes: Some(bytes),
        };
        let description = wgpu::BufferDescriptor {
            label: Some("orionrt staging"),
            size: bytes,
            usage,
            mapped_at_creation: mapped,
        };
        let buffer = device.scoped(asked, || device.device().create_buffer(&description))?;
        let state = if mapped { Mapping::Made } else { Mapping::None };
        Ok(Self {
            buffer,
            busy: None,
            mapped: Mapped::new(state),
        })
    }

    /// Submits a copy between this chunk and the block, and asks for the chunk's mapping after it.
    fn copy_then_map(
        &mut self,
        device: &WgpuDevice,
        mode: MapMode,
        block: (&Buffer, Range<u64>),
        action: &'static str,
    ) -> Result<(), DeviceMemoryError> {
        let (block, bytes) = block;
        let size = bytes.end - bytes.start;
        let submission = device.scoped(Asked::to(action), || {
            let mut encoder = device.device().create_command_encoder(&Default::default());
            match mode {
                MapMode::Write => {
                    encoder.copy_buffer_to_buffer(&self.buffer, 0, block, bytes.start, size);
                }
                MapMode::Read => {
                    encoder.copy_buffer_to_buffer(block, bytes.start, &self.buffer, 0, size);
                }
            }
            let submission = device.queue().submit([encoder.finish()]);
            self.map(mode);
            submission
        })?;
        self.busy = Some(submission);
        Ok(())
    }

    /// Waits until the chunk is mapped.
    fn wait(&mut self, device: &WgpuDevice, action: &'static str) -> Result<(), DeviceMemoryError> {
        if let Some(submission) = &self.busy {
            device.wait_for(submission, None, action)?;
            self.busy = None;
        }
        loop {
            match self.mapped.settled(SETTLED) {
                Mapping::Made => return Ok(()),
                // Another thread that polls has the callback, and is about to run it.
                Mapping::Asked => device.run_callbacks(action)?,
                Mapping::None | Mapping::Refused => {
                    return Err(DeviceMemoryError::Refused {
                        action,
                        answer: "a staging buffer could not be mapped".to_owned(),
                    });
                }
            }
        }
    }

    /// Asks for the mapping behind what was submitted.
    fn map(&self, mode: MapMode) {
        let mapped = Arc::clone(&self.mapped);
        mapped.set(Mapping::Asked);
        self.buffer.map_async(mode, .., move |answer| {
            mapped.set(answer.map_or(Mapping::Refused, |()| Mapping::Made));
        });
    }

    /// Asks for the mapping once more, if an error has left the chunk without it.
    fn recover(
        &self,
        device: &WgpuDevice,
        mode: MapMode,
        action: &'static str,
    ) -> Result<(), DeviceMemoryError> {
        match self.mapped.settled(Duration::ZERO) {
            Mapping::Asked | Mapping::Made => Ok(()),
            Mapping::None | Mapping::Refused => device.scoped(Asked::to(action), || self.map(mode)),
        }
    }

    /// Gives the chunk back to the device if an error has left it mapped, or its mapping asked for.
    fn take_back(
        &mut self,
        device: &WgpuDevice,
        action: &'static str,
    ) -> Result<(), DeviceMemoryError> {
        let left = self.mapped.settled(Duration::ZERO);
        if left == Mapping::None {
            return Ok(());
        }
        // A callback that comes late speaks of that mapping, not of the next one.
        self.mapped = Mapped::new(Mapping::None);
        let ended = device.scoped(Asked::to(action), || self.buffer.unmap());
        match left {
            // There was no mapping to end.
            Mapping::Refused => Ok(()),
            _ => ended,
        }
    }

    /// Gives the chunk back to the device.
    fn unmap(&mut self) {
        self.mapped.set(Mapping::None);
        self.buffer.unmap();
    }
}

impl Staging {
    /// Chunks of this many bytes, rounded up to what a mapping needs.
    pub fn new(device: &WgpuDevice, chunk_bytes: u64) -> Result<Self, DeviceMemoryError> {
        let largest = device.properties().largest_block;
        let too_large = DeviceMemoryError::TooLarge {
            needed: chunk_bytes,
            largest,
        };
        let rounded = chunk_bytes
            .max(1)
            .checked_next_multiple_of(wgpu::MAP_ALIGNMENT);
        let chunk_bytes = rounded.filter(|&bytes| bytes <= largest).ok_or(too_large)?;
        let upload = BufferUsages::MAP_WRITE | BufferUsages::COPY_SRC;
        let download = BufferUsages::MAP_READ | BufferUsages::COPY_DST;
        let uploads = [
            Chunk::new(device, chunk_bytes, upload, true)?,
            Chunk::new(device, chunk_bytes, upload, true)?,
        ];
        Ok(Self {
            uploads,
            downloads: Chunk::new(device, chunk_bytes, download, false)?,
            turn: 0,
            chunk_bytes,
        })
    }

    /// Submits the copy of `data` to the block, from an offset on. What is copied is rounded up to
    /// a multiple of 4 with zeros.
    pub fn upload(
        &mut self,
        device: &WgpuDevice,
        block: &Buffer,
        offset: u64,
        data: &[u8],
    ) -> Result<(), DeviceMemoryError> {
        let mut at = offset;
        for piece in data.chunks(self.piece_bytes()) {
            let chunk = &mut self.uploads[self.turn];
            self.turn = 1 - self.turn;
            chunk.recover(device, MapMode::Write, UPLOAD)?;
            chunk.wait(device, UPLOAD)?;
            let size = rounded(piece.len());
            {
                let mapping = chunk.buffer.get_mapped_range_mut(0..size);
                let mut mapping = mapping.map_err(|error| refused(UPLOAD, error))?;
                mapping.slice(..piece.len()).copy_from_slice(piece);
                mapping.slice(piece.len()..).fill(0);
            }
            chunk.unmap();
            chunk.copy_then_map(device, MapMode::Write, (block, at..at + size), UPLOAD)?;
            at += size;
        }
        Ok(())
    }

    /// Copies from the block, from an offset on, into `data`, and waits for it.
    pub fn download(
        &mut self,
        device: &WgpuDevice,
        block: &Buffer,
        offset: u64,
        data: &mut [u8],
    ) -> Result<(), DeviceMemoryError> {
        let mut at = offset;
        for piece in data.chunks_mut(self.piece_bytes()) {
            let chunk = &mut self.downloads;
            let size = rounded(piece.len());
            chunk.take_back(device, DOWNLOAD)?;
            chunk.copy_then_map(device, MapMode::Read, (block, at..at + size), DOWNLOAD)?;
            chunk.wait(device, DOWNLOAD)?;
            {
                let mapping = chunk.buffer.get_mapped_range(0..size);
                let mapping = mapping.map_err(|error| refused(DOWNLOAD, error))?;
                piece.copy_from_slice(&mapping[..piece.len()]);
            }
            chunk.unmap();
            at += size;
        }
        Ok(())
    }

    /// The largest part of a transfer that one chunk takes.
    fn piece_bytes(&self) -> usize {
        usize::try_from(self.chunk_bytes).unwrap_or(usize::MAX & !7)
    }
}

/// The size of a copy that has so many bytes.
fn rounded(bytes: usize) -> u64 {
    (bytes as u64).next_multiple_of(wgpu::COPY_BUFFER_ALIGNMENT)
}

fn refused(action: &'static str, error: wgpu::MapRangeError) -> DeviceMemoryError {
    DeviceMemoryError::Refused {
        action,
        answer: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transfer_works_behind_one_that_failed() {
        let device = match WgpuDevice::open(0) {
            Ok(device) => device,
            Err(error) if std::env::var_os("ORIONRT_NEEDS_DEVICE").is_some() => panic!("{error}"),
            Err(error) => {
                println!("skipped: {error}");
                return;
            }
        };
        let block = || {
            device.device().create_buffer(&wgpu::BufferDescriptor {
                label: None,
                size: 256,
                usage: BufferUsages::COPY_SRC | BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        };
        let (good, gone) = (block(), block());
        gone.destroy();
        let mut staging = Staging::new(&device, 64).unwrap();
        for value in 0..3 {
            // More than a chunk.
            let (data, mut back) = ([value; 100], [0; 100]);
            staging.upload(&device, &gone, 0, &data).unwrap_err();
            staging.upload(&device, &good, 0, &data).unwrap();
            staging.download(&device, &gone, 0, &mut back).unwrap_err();
            staging.download(&device, &good, 0, &mut back).unwrap();
            assert_eq!(back, data);
        }
        // A mapping that is still asked for, and one that cannot be.
        for outstanding in [true, false] {
            if !outstanding {
                staging.downloads.mapped.set(Mapping::Refused);
            } else {
                staging.downloads.map(MapMode::Read);
            }
            let mut back = [0; 100];
            staging.download(&device, &good, 0, &mut back).unwrap();
            assert_eq!(back, [2; 100]);
        }
    }
}
