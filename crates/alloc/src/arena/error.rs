//! The ways in which making an arena can fail.

#![forbid(unsafe_code)]

use core::{error::Error, fmt};

use orionrt_buddy::BuddyError;
#[cfg(feature = "std")]
use orionrt_sys::mapping::MapError;

#[cfg(feature = "std")]
use super::{memory::MemoryError, numa::NumaNodes};

/// Why an arena could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ArenaError {
    /// The operating system refused memory, or the limit of locked memory forbids a pinned arena.
    #[cfg(feature = "std")]
    Memory(MapError),
    /// The NUMA node that was asked for does not exist.
    #[cfg(feature = "std")]
    NoSuchNode {
        /// The node.
        node: u32,
        /// The nodes that exist.
        online: NumaNodes,
    },
    /// The operating system refused to bind memory to a NUMA node.
    #[cfg(feature = "std")]
    CannotBind {
        /// The node.
        node: u32,
        /// The nodes that exist.
        online: NumaNodes,
        /// What the operating system said.
        error: MapError,
    },
    /// The block size is not a power of two, or so small that the blocks cannot be numbered.
    BadBlockSize(BuddyError),
    /// The base alignment is not a power of two.
    BadAlignment {
        /// The alignment in bytes.
        alignment: usize,
    },
}

impl fmt::Display for ArenaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            #[cfg(feature = "std")]
            Self::Memory(error) => write!(f, "no memory for the arena: {error}"),
            #[cfg(feature = "std")]
            Self::NoSuchNode { node, online } => {
                write!(f, "there is no NUMA node {node}: online are {online}")
            }
            #[cfg(feature = "std")]
            Self::CannotBind {
                node,
                online,
                error,
            } => write!(
                f,
                "the arena's memory cannot come from NUMA node {node} (online are {online}): \
                 {error}. In a container, the call may need CAP_SYS_NICE or another seccomp \
                 profile, and the node must be among the container's cpuset.mems"
            ),
            Self::BadBlockSize(error) => write!(f, "the arena's block size is refused: {error}"),
            Self::BadAlignment { alignment } => write!(
                f,
                "the arena's base alignment {alignment} is not a power of two"
            ),
        }
    }
}

impl Error for ArenaError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            #[cfg(feature = "std")]
            Self::Memory(error) | Self::CannotBind { error, .. } => Some(error),
            Self::BadBlockSize(error) => Some(error),
            _ => None,
        }
    }
}

#[cfg(feature = "std")]
impl From<MemoryError> for ArenaError {
    fn from(error: MemoryError) -> Self {
        match error {
            MemoryError::Map(error) => Self::Memory(error),
            MemoryError::Buddy(error) => Self::BadBlockSize(error),
        }
    }
}

#[cfg(feature = "std")]
impl From<MapError> for ArenaError {
    fn from(error: MapError) -> Self {
        Self::Memory(error)
    }
}
