//! Programs, recorded once.
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

use std::sync::{Arc, Mutex};

use super::{
    block::VulkanBuffer,
    device::VulkanDevice,
    kernel::VulkanKernel,
    memory::VulkanMemory,
    program::{Segment, VulkanProgram},
    program_error::VulkanProgramError,
    recorder::VulkanRecorder,
};
use crate::{
    error::DeviceMemoryError,
    order::{Event, StreamId, StreamOrder},
    pool::DevicePool,
    slot::DeviceSlot,
    uses::DeviceUse,
};

/// How a command uses a tensor, or memory that is no tensor's.
pub type VulkanUse<'s> = DeviceUse<'s, VulkanMemory>;

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
        let buffers = self.claim(stream, tensors)?;
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
        self.claim(stream, &[DeviceUse::Read(from), DeviceUse::Write(to)])?;
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
            last_run: Mutex::default(),
            _pools: self.pools,
        })
    }

    /// Tells the claims how a stream's next command uses tensors; returns their buffers.
    fn claim<'s>(
        &mut self,
        stream: StreamId,
        tensors: &[VulkanUse<'s>],
    ) -> Result<Vec<&'s VulkanBuffer>, VulkanProgramError> {
        self.open(stream)?;
        let mut buffers = Vec::with_capacity(tensors.len());
        for tensor in tensors {
            if let Some(slot) = tensor.slot() {
                self.keep(slot.pool())?;
            }
            buffers.push(tensor.on(stream)?);
        }
        Ok(buffers)
    }

    /// Keeps a pool as long as the program, if it has the program's order.
    fn keep(&mut self, pool: &DevicePool<VulkanMemory>) -> Result<(), VulkanProgramError> {
        if !pool.order().is(&self.order) {
            return Err(VulkanProgramError::OtherProgram);
        }
        if !self.pools.iter().any(|other| other.is(pool)) {
            self.pools.push(pool.clone());
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
