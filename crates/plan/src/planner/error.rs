//! Why planning has no answer.

use alloc::string::String;
use core::fmt;

use crate::{
    lifetimes::LifetimesError,
    plan::{Plan, PlanError},
};

/// Why planning failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlannerError {
    /// The alignment asked for is no power of two, or makes the sizes overflow.
    Lifetimes(LifetimesError),
    /// Tensors whose offsets are fixed share bytes.
    Fixed(PlanError),
    /// No plan with a peak within the capacity was found; the best one found is here.
    Capacity {
        /// The capacity in bytes.
        capacity: u64,
        /// The best plan found.
        best: alloc::boxed::Box<Plan>,
    },
    /// The strategy proposed offsets that are no plan.
    Strategy {
        /// The strategy's name.
        name: String,
        /// What is wrong with them.
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
                "no plan within {capacity} bytes was found; the best one has a peak of {} bytes, and no plan can be below {}",
                best.peak(),
                best.lower_bound()
            ),
            Self::Strategy { name, error } => {
                write!(f, "strategy '{name}' proposed what is no plan: {error}")
            }
        }
    }
}

impl core::error::Error for PlannerError {}
