//! Why offsets do not make a plan.

use alloc::string::String;
use core::{fmt, ops::Range};

use crate::ids::TensorId;

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
