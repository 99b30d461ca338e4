//! Why a command cannot be part of a program.

use core::{error::Error, fmt};

use crate::{
    error::DeviceMemoryError,
    order::{OrderError, StreamId},
    slot_error::DeviceSlotError,
};

/// Why a command cannot be part of a [`VulkanProgram`](super::VulkanProgram), or a program not be
/// submitted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VulkanProgramError {
    /// The tensor's bytes may be in use, or are used without the order of the streams.
    Slot(DeviceSlotError),
    /// The command cannot be recorded or submitted.
    Memory(DeviceMemoryError),
    /// A slot's pool was made with the order of other streams, or a signal is another program's.
    OtherProgram,
    /// There is no stream with this number among those that a program was submitted to.
    NoStream {
        /// The stream.
        stream: StreamId,
    },
}

impl fmt::Display for VulkanProgramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slot(error) => error.fmt(f),
            Self::Memory(error) => error.fmt(f),
            Self::OtherProgram => f.write_str(
                "a slot or a signal belongs to a program with the order of other streams",
            ),
            Self::NoStream { stream } => {
                write!(f, "a program was submitted without {stream}, which it uses")
            }
        }
    }
}

// Displayed as the error inside, so that error's source is this one's, too.
impl Error for VulkanProgramError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Slot(error) => error.source(),
            Self::Memory(error) => error.source(),
            Self::OtherProgram | Self::NoStream { .. } => None,
        }
    }
}

impl From<DeviceSlotError> for VulkanProgramError {
    fn from(error: DeviceSlotError) -> Self {
        Self::Slot(error)
    }
}

impl From<OrderError> for VulkanProgramError {
    fn from(error: OrderError) -> Self {
        Self::Slot(error.into())
    }
}

impl From<DeviceMemoryError> for VulkanProgramError {
    fn from(error: DeviceMemoryError) -> Self {
        Self::Memory(error)
    }
}
