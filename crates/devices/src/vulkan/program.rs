//! Programs: commands of several streams with the order between them, submitted as a whole.
//!
//! Invariant: a segment waits only for segments before it in the list, so a program in which the
//! device would wait for ever cannot be written. A run comes after all that its streams were given
//! before, so a run never meets the one before it.

use core::fmt;

use super::{
    event::VulkanEvent, memory::VulkanMemory, program_error::VulkanProgramError,
    recorder::VulkanCommands, stream::VulkanStream,
};
use crate::{order::StreamId, pool::DevicePool};

/// Commands of several streams and the order between them, which can be submitted as often as
/// wanted. It holds the pools whose tensors it uses.
pub struct VulkanProgram {
    pub(super) segments: Vec<Segment>,
    /// Keeps the tensors' bytes from being lent to others.
    pub(super) _pools: Vec<DevicePool<VulkanMemory>>,
}

/// Commands of one stream without a wait or a signal between them.
pub(super) struct Segment {
    pub(super) stream: StreamId,
    pub(super) commands: VulkanCommands,
    /// The segments of other streams that come before, by their places in the list.
    pub(super) waits: Vec<usize>,
}

impl VulkanProgram {
    /// Has the streams run the program, each its part, after all that any of them was given before.
    /// Returns an event behind all of it, for each stream.
    ///
    /// # Errors
    /// A stream that the program uses is missing, or [`VulkanStream::submit`] fails: what was
    /// submitted of the run by then does run.
    pub fn submit(
        &self,
        streams: &mut [VulkanStream],
    ) -> Result<Vec<VulkanEvent>, VulkanProgramError> {
        let before: Vec<_> = streams.iter().map(VulkanStream::last).collect();
        let mut begun = vec![false; streams.len()];
        let mut ends: Vec<VulkanEvent> = Vec::with_capacity(self.segments.len());
        for segment in &self.segments {
            let stream = segment.stream;
            let place = streams.iter().position(|other| other.id() == stream);
            let place = place.ok_or(VulkanProgramError::NoStream { stream })?;
            let mut waits: Vec<_> = segment.waits.iter().map(|&of| ends[of].clone()).collect();
            if !core::mem::replace(&mut begun[place], true) {
                waits.extend_from_slice(&before);
            }
            ends.push(streams[place].submit(&segment.commands, &waits)?);
        }
        Ok(streams.iter().map(VulkanStream::last).collect())
    }
}

impl fmt::Debug for VulkanProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VulkanProgram")
            .field("segments", &self.segments.len())
            .finish_non_exhaustive()
    }
}
