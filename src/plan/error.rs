//! Why there is no plan.

#![forbid(unsafe_code)]

use alloc::string::String;
use core::{fmt, ops::Range};

use super::Plan;
use crate::{lifetimes::LifetimesError, tensor::TensorId};

/// Why offsets do not make a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlanError {
    /// Not one offset for each tensor.
    Count {
        /// How many tensors there are.
        tensors: usize,
        /// How many offsets were given.
        offsets: usize,
    },
    /// An offset that is no multiple of its tensor's alignment.
    Misaligned {
        /// The tensor.
        id: TensorId,
        /// Its name.
        name: String,
        /// Its offset in bytes.
        offset: u64,
        /// Its alignment in bytes.
        alignment: u64,
    },
    /// A tensor that is not at the offset at which it is fixed.
    Moved {
        /// The tensor.
        id: TensorId,
        /// Its name.
        name: String,
        /// Its offset in bytes.
        offset: u64,
        /// The offset at which it is fixed, in bytes.
        fixed: u64,
    },
    /// A tensor that is not where the one is that it lies within.
    Apart {
        /// The tensor.
        id: TensorId,
        /// Its name.
        name: String,
        /// Its offset in bytes.
        offset: u64,
        /// The offset that it must have, in bytes.
        expected: u64,
    },
    /// A tensor that ends at 2⁶³ bytes or above.
    OutOfRange {
        /// The tensor.
        id: TensorId,
        /// Its name.
        name: String,
        /// Its offset in bytes.
        offset: u64,
        /// Its size in bytes.
        size: u64,
    },
    /// Two tensors that are alive together share bytes.
    Overlap {
        /// The tensors, in order.
        ids: [TensorId; 2],
        /// Their names.
        names: [String; 2],
        /// The bytes that they share.
        bytes: Range<u64>,
        /// The steps at which both are alive.
        steps: Range<i64>,
    },
    /// Two tensors share bytes, and neither has been used for the last time when the other one is used for the first time: their streams run
    /// at the same time.
    Unordered {
        /// The tensors, in order.
        ids: [TensorId; 2],
        /// Their names.
        names: [String; 2],
        /// The bytes that they share.
        bytes: Range<u64>,
    },
    /// Two tensors of models that may run at the same time share bytes.
    Together {
        /// The tensors, in order.
        ids: [TensorId; 2],
        /// Their names, behind those of their models.
        names: [String; 2],
        /// The bytes that they share.
        bytes: Range<u64>,
    },
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count { tensors, offsets } => {
                write!(f, "{offsets} offsets for {tensors} tensors; each needs one")
            }
            Self::Misaligned {
                name,
                offset,
                alignment,
                ..
            } => write!(
                f,
                "tensor '{name}' is at offset {offset}, which is no multiple of its alignment {alignment}"
            ),
            Self::Moved {
                name,
                offset,
                fixed,
                ..
            } => write!(
                f,
                "tensor '{name}' is at offset {offset}, but is fixed at {fixed}"
            ),
            Self::Apart {
                name,
                offset,
                expected,
                ..
            } => write!(
                f,
                "tensor '{name}' is at offset {offset}, but the one that it lies within has it at {expected}"
            ),
            Self::Unordered {
                names: [a, b],
                bytes,
                ..
            } => write!(
                f,
                "tensors '{a}' and '{b}' share bytes {}..{}, and their streams do not wait for each other",
                bytes.start, bytes.end
            ),
            Self::Together {
                names: [a, b],
                bytes,
                ..
            } => write!(
                f,
                "tensors '{a}' and '{b}' share bytes {}..{}, and their models may run at the same time",
                bytes.start, bytes.end
            ),
            Self::OutOfRange {
                name, offset, size, ..
            } => write!(
                f,
                "tensor '{name}' of {size} bytes at offset {offset} ends at 2^63 bytes or above"
            ),
            Self::Overlap {
                names: [a, b],
                bytes,
                steps,
                ..
            } => write!(
                f,
                "tensors '{a}' and '{b}' share bytes {}..{} while both are alive in steps {}..{}",
                bytes.start, bytes.end, steps.start, steps.end
            ),
        }
    }
}

impl core::error::Error for PlanError {}

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
