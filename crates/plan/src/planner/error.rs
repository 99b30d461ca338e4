//! Why planning fails.

use alloc::{boxed::Box, string::String};
use core::{error::Error, fmt};

use crate::lifetimes::LifetimesError;
use crate::plan::{Plan, PlanError};

/// Why planning failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlannerError {
    /// The alignment asked for is not a power of two, makes the sizes overflow, or does not divide
    /// a fixed offset.
    Lifetimes(LifetimesError),
    /// Tensors with fixed offsets share bytes.
    Fixed(PlanError),
    /// No plan with a peak within the capacity was found.
    Capacity {
        /// The capacity in bytes.
        capacity: u64,
        /// The best plan found.
        best: Box<Plan>,
    },
    /// The offsets that the strategy proposed are not a plan.
    Strategy {
        /// The strategy's name.
        name: String,
        /// What is wrong with its offsets.
        error: PlanError,
    },
}

impl fmt::Display for PlannerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lifetimes(error) => write!(f, "cannot plan: {error}"),
            Self::Fixed(error) => write!(f, "cannot plan around the fixed offsets: {error}"),
            Self::Capacity { capacity, best } => write!(
                f,
                "found no plan within {capacity} bytes: the best has a peak of {} bytes, and none \
                 can have a peak below {} bytes",
                best.peak(),
                best.lower_bound()
            ),
            Self::Strategy { name, error } => {
                write!(f, "strategy '{name}' proposed an invalid plan: {error}")
            }
        }
    }
}

impl Error for PlannerError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Lifetimes(error) => Some(error),
            Self::Fixed(error) | Self::Strategy { error, .. } => Some(error),
            Self::Capacity { .. } => None,
        }
    }
}
