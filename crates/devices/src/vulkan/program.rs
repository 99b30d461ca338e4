//! Programs: commands of several streams on planned tensors, recorded once with the order between
//! them.
//!
//! Every command says how it uses each tensor, and the claims of the pool are asked when it is
//! recorded. What is signalled and waited for is told to the claims and becomes semaphores by the
//! same call, so the two cannot disagree.
//!
//! ```text
//! stream 0   dispatch ─ dispatch ─ signal ┊ dispatch         a segment ends where it is signalled,
//!                                    └─────────┐             and where it waits: each is one
//! stream 1   dispatch ─────────────── ┊ wait ──┴─ dispatch   command buffer
//! ```
//!
//! Invariant: a segment waits only for segments before it in the list, so a program in which the
//! device would wait for ever cannot be written. A run comes after all that its streams were given
//! before, so a run never meets the one before it.

use core::fmt;
use std::sync::Arc;

use super::{
    device::VulkanDevice,
    event::VulkanEvent,
    kernel::VulkanKernel,
    memory::VulkanMemory,
    program_error::VulkanProgramError,
    recorder::{VulkanCommands, VulkanRecorder},
    stream::VulkanStream,
};
use crate::{
    error::DeviceMemoryError,
    order::{Event, StreamId, StreamOrder},
    pool::DevicePool,
    slot::DeviceSlot,
};

/// How a command uses a tensor.
#[derive(Clone, Copy)]
pub enum VulkanUse<'s> {
    /// It reads the tensor.
    Read(&'s DeviceSlot<VulkanMemory>),
    /// It writes the tensor, and may read it.
    Write(&'s DeviceSlot<VulkanMemory>),
}

/// Commands of several streams and the order between them, which can be submitted as often as
/// wanted. It holds the pools whose tensors it uses.
pub struct VulkanProgram {
    segments: Vec<Segment>,
    /// Keeps the tensors' bytes from being lent to others.
    _pools: Vec<DevicePool<VulkanMemory>>,
}

/// Commands of one stream without a wait or a signal between them.
struct Segment {
    stream: StreamId,
    commands: VulkanCommands,
    /// The segments of other streams that come before, by their places in the list.
    waits: Vec<usize>,
}

/// Records a [`VulkanProgram`].
pub struct VulkanProgramRecorder {
    device: VulkanDevice,
    order: StreamOrder,
    segments: Vec<Segment>,
    pools: Vec<DevicePool<VulkanMemory>>,
    /// For each stream.
    open: Vec<Open>,
    /// Which program it is, for signals.
    token: Arc<()>,
    /// Why commands are missing, if the driver refused some.
    refused: Option<DeviceMemoryError>,
}

/// What of a stream is not yet a segment.
struct Open {
    commands: VulkanRecorder,
    waits: Vec<usize>,
    /// The stream's last segment.
    last: Option<usize>,
}

/// The end of a stream's commands at some place in a program, for which its other streams can wait.
#[derive(Clone, Debug)]
pub struct VulkanSignal {
    event: Event,
    /// `None` if the program had nothing for the stream before.
    segment: Option<usize>,
    /// That of the program.
    token: Arc<()>,
}

impl VulkanSignal {
    /// The event in the order of the streams: the host tells the order that it waited, when it has
    /// waited for a run of the program.
    #[must_use]
    pub fn event(&self) -> &Event {
        &self.event
    }
}

impl VulkanUse<'_> {
    fn slot(&self) -> &DeviceSlot<VulkanMemory> {
        match self {
            Self::Read(slot) | Self::Write(slot) => slot,
        }
    }
}

impl VulkanProgramRecorder {
    /// An empty program for streams of a device, whose order its pools have.
    #[must_use]
    pub fn new(device: &VulkanDevice, order: &StreamOrder) -> Self {
        let open = || Open {
            commands: VulkanRecorder::new(device),
            waits: Vec::new(),
            last: None,
        };
        Self {
            device: device.clone(),
            order: order.clone(),
            segments: Vec::new(),
            pools: Vec::new(),
            open: (0..order.streams()).map(|_| open()).collect(),
            token: Arc::new(()),
            refused: None,
        }
    }

    /// Appends a run of a kernel to a stream, as [`VulkanRecorder::dispatch`] does, on tensors that
    /// it uses so.
    ///
    /// # Errors
    /// A tensor is used by another stream for which this one has not waited, or the run cannot be
    /// recorded. What the claims were told is not taken back then.
    pub fn dispatch(
        &mut self,
        stream: StreamId,
        kernel: &VulkanKernel,
        tensors: &[VulkanUse<'_>],
        constants: &[u8],
        groups: [u32; 3],
    ) -> Result<(), VulkanProgramError> {
        self.claim(stream, tensors)?;
        let buffers: Vec<_> = tensors
            .iter()
            .map(|tensor| tensor.slot().buffer())
            .collect();
        let commands = &mut self.open(stream)?.commands;
        Ok(commands.dispatch(kernel, &buffers, constants, groups)?)
    }

    /// Appends a copy of a whole tensor into another to a stream.
    ///
    /// # Errors
    /// As [`dispatch`](Self::dispatch), or the other tensor is smaller.
    pub fn copy(
        &mut self,
        stream: StreamId,
        from: &DeviceSlot<VulkanMemory>,
        to: &DeviceSlot<VulkanMemory>,
    ) -> Result<(), VulkanProgramError> {
        self.claim(stream, &[VulkanUse::Read(from), VulkanUse::Write(to)])?;
        let commands = &mut self.open(stream)?.commands;
        Ok(commands.copy((from.buffer(), 0), (to.buffer(), 0), from.bytes())?)
    }

    /// Ends a stream's commands up to here, for others to wait for.
    ///
    /// # Errors
    /// There is no such stream, or the driver refuses the commands.
    pub fn signal(&mut self, stream: StreamId) -> Result<VulkanSignal, VulkanProgramError> {
        let event = self.order.signal(stream)?;
        let segment = self.close(stream)?;
        Ok(VulkanSignal {
            event,
            segment,
            token: Arc::clone(&self.token),
        })
    }

    /// Has a stream's next commands come after a signal of another.
    ///
    /// # Errors
    /// There is no such stream, the signal is of another program, or the driver refuses the
    /// commands before.
    pub fn wait(
        &mut self,
        stream: StreamId,
        signal: &VulkanSignal,
    ) -> Result<(), VulkanProgramError> {
        if !Arc::ptr_eq(&signal.token, &self.token) {
            return Err(VulkanProgramError::OtherProgram);
        }
        if !self.open(stream)?.commands.is_empty() {
            self.close(stream)?;
        }
        self.order.wait(stream, &signal.event)?;
        self.open(stream)?.waits.extend(signal.segment);
        Ok(())
    }

    /// Ends the program.
    ///
    /// # Errors
    /// The driver refuses the commands, or has refused some before.
    pub fn finish(mut self) -> Result<VulkanProgram, VulkanProgramError> {
        for stream in (0..).take(self.open.len()).map(StreamId::new) {
            self.close(stream)?;
        }
        Ok(VulkanProgram {
            segments: self.segments,
            _pools: self.pools,
        })
    }

    /// Tells the claims how a stream's next command uses tensors.
    fn claim(
        &mut self,
        stream: StreamId,
        tensors: &[VulkanUse<'_>],
    ) -> Result<(), VulkanProgramError> {
        self.open(stream)?;
        for tensor in tensors {
            let pool = tensor.slot().pool();
            if !pool.order().is(&self.order) {
                return Err(VulkanProgramError::OtherProgram);
            }
            if !self.pools.iter().any(|other| other.is(pool)) {
                self.pools.push(pool.clone());
            }
            match tensor {
                VulkanUse::Read(slot) => slot.read_on(stream)?,
                VulkanUse::Write(slot) => slot.write_on(stream)?,
            }
        }
        Ok(())
    }

    fn open(&mut self, stream: StreamId) -> Result<&mut Open, VulkanProgramError> {
        if let Some(refused) = &self.refused {
            return Err(refused.clone().into());
        }
        let index = stream.index().unwrap_or(usize::MAX);
        let open = self.open.get_mut(index);
        open.ok_or(VulkanProgramError::NoStream { stream })
    }

    /// Makes what a stream has been given since its last segment into one, if there is anything;
    /// returns its last segment.
    fn close(&mut self, stream: StreamId) -> Result<Option<usize>, VulkanProgramError> {
        let (device, place) = (self.device.clone(), self.segments.len());
        let open = self.open(stream)?;
        if open.commands.is_empty() && open.waits.is_empty() {
            return Ok(open.last);
        }
        let commands = core::mem::replace(&mut open.commands, VulkanRecorder::new(&device));
        let waits = core::mem::take(&mut open.waits);
        open.last = Some(place);
        let commands = commands.finish();
        let commands = commands.inspect_err(|refused| self.refused = Some(refused.clone()))?;
        self.segments.push(Segment {
            stream,
            commands,
            waits,
        });
        Ok(Some(place))
    }
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
