//! Transfers between the host and buffers, in pieces that go through a stream's own memory.
//!
//! Invariant: the host touches a piece only while the ring has handed it out and no submission uses
//! it.

use bytemuck::Pod;

use super::{
    block::VulkanBuffer, point::VulkanPoint, recorder::VulkanRecorder, stream::VulkanStream,
};
use crate::error::DeviceMemoryError;

impl VulkanStream {
    /// Copies values of the host to the beginning of a buffer, after all that was submitted to the
    /// stream before. The values are taken at once; the point says when they are in the buffer.
    ///
    /// # Errors
    /// The buffer is smaller, or the driver refuses the copy.
    pub fn upload<T: Pod>(
        &mut self,
        from: &[T],
        to: &VulkanBuffer,
    ) -> Result<VulkanPoint, DeviceMemoryError> {
        let from: &[u8] = bytemuck::cast_slice(from);
        fits(from.len(), to)?;
        let mut start = 0;
        for piece in from.chunks(self.staging.piece()) {
            let bytes = piece.len() as u64;
            let at = self.take(bytes)?;
            // SAFETY: the ring hands out bytes that no submission uses.
            unsafe { self.staging.write(at, piece)? };
            let staged = self.staging.buffer(at, bytes)?;
            self.copy((&staged, 0), (to, start), bytes)?;
            start += bytes;
        }
        Ok(self.last())
    }

    /// Copies the beginning of a buffer to the host, after all that was submitted to the stream
    /// before, and waits for it.
    ///
    /// # Errors
    /// The buffer is smaller, or the driver refuses the copy.
    pub fn download<T: Pod>(
        &mut self,
        from: &VulkanBuffer,
        to: &mut [T],
    ) -> Result<(), DeviceMemoryError> {
        let to: &mut [u8] = bytemuck::cast_slice_mut(to);
        fits(to.len(), from)?;
        let mut start = 0;
        for piece in to.chunks_mut(self.staging.piece()) {
            let bytes = piece.len() as u64;
            let at = self.take(bytes)?;
            let staged = self.staging.buffer(at, bytes)?;
            self.copy((from, start), (&staged, 0), bytes)?;
            self.wait()?;
            // SAFETY: the device has done all that was submitted.
            unsafe { self.staging.read(at, piece)? };
            start += bytes;
        }
        Ok(())
    }

    /// Takes bytes of the memory for transfers, waiting for the device if none are free.
    fn take(&mut self, bytes: u64) -> Result<u64, DeviceMemoryError> {
        loop {
            match self.staging.take(bytes)? {
                Ok(at) => return Ok(at),
                Err(submission) => self.timeline.wait(submission, u64::MAX)?,
            };
            self.retire()?;
        }
    }

    /// Submits a copy, and gives what was taken of the memory for transfers to the submission; to
    /// the last one if the device refuses it.
    fn copy(
        &mut self,
        from: (&VulkanBuffer, u64),
        to: (&VulkanBuffer, u64),
        bytes: u64,
    ) -> Result<(), DeviceMemoryError> {
        let mut recorder = VulkanRecorder::new(&self.device);
        let copied = recorder.copy(from, to, bytes);
        let commands = copied.and_then(|()| self.held.record(recorder));
        let submitted = commands.and_then(|commands| self.submit(&commands, &[]));
        self.staging.ring.submit(self.submitted);
        submitted.map(|_| ())
    }
}

/// Checks that a transfer of `bytes` bytes is within a buffer.
fn fits(bytes: usize, buffer: &VulkanBuffer) -> Result<(), DeviceMemoryError> {
    let (given, expected) = (bytes as u64, buffer.bytes());
    if given <= expected {
        return Ok(());
    }
    Err(DeviceMemoryError::OtherSize {
        range: expected,
        given,
    })
}
