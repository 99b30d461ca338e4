//! Programs: commands of several streams with the order between them, submitted as a whole.
//!
//! Invariant: a segment waits only for segments before it in the list, so a program in which the
//! device would wait for ever cannot be written. A run comes after the last run of the program, on
//! whatever streams, and after all that its streams were given before; and what the streams are
//! given next comes after the run. So nothing that is given to the streams of a run meets it, and
//! neither does another run.

use core::fmt;
use std::sync::{Mutex, PoisonError};

use super::{
    memory::VulkanMemory, point::VulkanPoint, program_error::VulkanProgramError,
    recorder::VulkanCommands, stream::VulkanStream,
};
use crate::{error::DeviceMemoryError, order::StreamId, pool::DevicePool};

/// Commands of several streams and the order between them, which can be submitted as often as
/// wanted. It holds the pools whose tensors it uses.
pub struct VulkanProgram {
    pub(super) segments: Vec<Segment>,
    /// What is behind the last run. Locked while a run is submitted.
    pub(super) last_run: Mutex<Vec<VulkanPoint>>,
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
    /// Has the streams run the program, each its part, after all that any of them was given before
    /// and after the program's last run, on whatever streams that was. What any of the streams is
    /// given next, a transfer for instance, comes after all of the run. Returns the timeline point
    /// behind the run for each stream.
    ///
    /// Nothing orders the runs of two programs with the same tensors that are submitted to
    /// different streams.
    ///
    /// # Errors
    /// A stream that the program uses is missing, or one is of another device: nothing is
    /// submitted. Or [`VulkanStream::submit`] fails: what was submitted of the run by then does
    /// run.
    pub fn submit(
        &self,
        streams: &mut [VulkanStream],
    ) -> Result<Vec<VulkanPoint>, VulkanProgramError> {
        let places = self.places(streams)?;
        let last_run = self.last_run.lock();
        let mut last_run = last_run.unwrap_or_else(PoisonError::into_inner);
        let mut before: Vec<_> = streams.iter().map(VulkanStream::last).collect();
        last_run.iter().for_each(|end| end.add_to(&mut before));
        let submitted = self.submit_segments(streams, &places, &before);
        let ends: Vec<_> = streams.iter().map(VulkanStream::last).collect();
        if submitted.is_err() {
            // Streams to which nothing was submitted have not waited for the run before.
            ends.iter().for_each(|end| end.add_to(&mut before));
            *last_run = before;
        } else {
            last_run.clone_from(&ends);
        }
        streams
            .iter_mut()
            .try_for_each(|stream| stream.wait_for(&last_run))?;
        submitted?;
        Ok(ends)
    }

    /// The place of each segment's stream among those that are given, which are of its device.
    fn places(&self, streams: &[VulkanStream]) -> Result<Vec<usize>, VulkanProgramError> {
        if let Some(segment) = self.segments.first() {
            let commands = &segment.commands;
            let mut devices = streams.iter().map(VulkanStream::device);
            devices.try_for_each(|device| commands.check_own(device))?;
        }
        let places = self.segments.iter().map(|segment| {
            let stream = segment.stream;
            let place = streams.iter().position(|other| other.id() == stream);
            place.ok_or(VulkanProgramError::NoStream { stream })
        });
        places.collect()
    }

    /// Submits each segment to its stream; the first of each stream comes after `before`.
    fn submit_segments(
        &self,
        streams: &mut [VulkanStream],
        places: &[usize],
        before: &[VulkanPoint],
    ) -> Result<(), DeviceMemoryError> {
        let mut begun = vec![false; streams.len()];
        let mut ends: Vec<VulkanPoint> = Vec::with_capacity(self.segments.len());
        for (segment, &place) in self.segments.iter().zip(places) {
            let mut waits: Vec<_> = segment.waits.iter().map(|&of| ends[of].clone()).collect();
            if !core::mem::replace(&mut begun[place], true) {
                waits.extend_from_slice(before);
            }
            ends.push(streams[place].submit(&segment.commands, &waits)?);
        }
        Ok(())
    }
}

impl fmt::Debug for VulkanProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VulkanProgram")
            .field("segments", &self.segments.len())
            .finish_non_exhaustive()
    }
}
