//! How a command uses memory: which tensors it reads and writes, as the claims are told, and the
//! buffers that it is given for them.
//!
//! Stands on slots. Invariant: whoever has the buffer of a use from here has told the claims of it.

use core::fmt;

use orionrt_plan::TensorId;

use crate::{memory::DeviceMemory, order::StreamId, slot::DeviceSlot, slot_error::DeviceSlotError};

/// How a command uses a tensor, or memory that is no tensor's.
///
/// A part is a tensor that lies within another one whose slot has its bytes: a view, or an operand
/// of a concatenation that was [joined](crate::DevicePool::join). The kernel is given the part; the
/// claims know of the whole slot.
///
/// ```
/// use orionrt_devices::{DeviceArena, DeviceUse, HostDevice, StreamId, StreamOrder};
/// use orionrt_plan::{Lifetimes, Plan, TensorId};
///
/// let rows = [("pair", 0, 2, 512, 256), ("second", 2, 3, 256, 256)];
/// let plan = Plan::new(Lifetimes::from_rows(rows)?, vec![0, 256])?;
/// let arena = DeviceArena::new(HostDevice::new(1 << 20)?)?;
/// let pool = arena.pool(&plan, &StreamOrder::new(1))?;
/// let (stream, second) = (StreamId::new(0), TensorId::new(1));
///
/// let pair = pool.slot(TensorId::new(0), stream)?;
/// assert_eq!(*DeviceUse::Write(&pair).on(stream)?, 0..512);
/// assert_eq!(*DeviceUse::ReadPart(&pair, second).on(stream)?, 256..512);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[non_exhaustive]
pub enum DeviceUse<'s, M: DeviceMemory> {
    /// It reads the tensor.
    Read(&'s DeviceSlot<M>),
    /// It writes the tensor, and may read it.
    Write(&'s DeviceSlot<M>),
    /// It reads a tensor that lies within the slot's.
    ReadPart(&'s DeviceSlot<M>, TensorId),
    /// It writes a tensor that lies within the slot's, and may read it.
    WritePart(&'s DeviceSlot<M>, TensorId),
    /// It reads memory that is written before all commands and by none of them, such as weights.
    Constant(&'s M::Buffer),
}

impl<'s, M: DeviceMemory> DeviceUse<'s, M> {
    /// Tells the claims that the next command of a stream uses the memory so; returns the buffer to
    /// give to the kernel.
    ///
    /// # Errors
    /// The stream has not waited for an earlier use of the tensor on another one, the part does not
    /// lie within the slot's tensor, or there is no such stream.
    pub fn on(&self, stream: StreamId) -> Result<&'s M::Buffer, DeviceSlotError> {
        let buffer = self.buffer()?;
        match self {
            Self::Read(slot) | Self::ReadPart(slot, _) => slot.read_on(stream)?,
            Self::Write(slot) | Self::WritePart(slot, _) => slot.write_on(stream)?,
            Self::Constant(_) => {}
        }
        Ok(buffer)
    }

    /// The slot, unless it is a constant that is used.
    #[cfg(feature = "vulkan")]
    pub(crate) fn slot(&self) -> Option<&'s DeviceSlot<M>> {
        match self {
            Self::Read(slot)
            | Self::Write(slot)
            | Self::ReadPart(slot, _)
            | Self::WritePart(slot, _) => Some(slot),
            Self::Constant(_) => None,
        }
    }

    fn buffer(&self) -> Result<&'s M::Buffer, DeviceSlotError> {
        match self {
            Self::Read(slot) | Self::Write(slot) => Ok(slot.buffer()),
            Self::ReadPart(slot, part) | Self::WritePart(slot, part) => slot.part(*part),
            Self::Constant(buffer) => Ok(buffer),
        }
    }
}

impl<M: DeviceMemory> Clone for DeviceUse<'_, M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M: DeviceMemory> Copy for DeviceUse<'_, M> {}

impl<M: DeviceMemory> fmt::Debug for DeviceUse<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(slot) => f.debug_tuple("Read").field(slot).finish(),
            Self::Write(slot) => f.debug_tuple("Write").field(slot).finish(),
            Self::ReadPart(slot, part) => {
                f.debug_tuple("ReadPart").field(slot).field(part).finish()
            }
            Self::WritePart(slot, part) => {
                f.debug_tuple("WritePart").field(slot).field(part).finish()
            }
            Self::Constant(_) => f.write_str("Constant(..)"),
        }
    }
}
