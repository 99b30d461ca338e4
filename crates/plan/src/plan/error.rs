//! Why offsets do not make a plan.
//!
//! Stands on ids and lifetimes. Every kind carries the ids, the names and the numbers that it is
//! about, so a message needs nothing else.

use alloc::string::{String, ToString};
use core::{fmt, ops::Range};

use crate::ids::TensorId;
use crate::lifetimes::Lifetimes;

/// Why offsets do not make a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlanError {
    /// There is not exactly one offset for each tensor.
    Count {
        /// How many tensors there are.
        tensors: usize,
        /// How many offsets were given.
        offsets: usize,
    },
    /// An offset is not a multiple of its tensor's alignment.
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
    /// A tensor is not at its fixed offset.
    NotAtFixedOffset {
        /// The tensor.
        id: TensorId,
        /// Its name.
        name: String,
        /// Its offset in bytes.
        offset: u64,
        /// Its fixed offset in bytes.
        fixed: u64,
    },
    /// A tensor that lies within another one is not at its place there.
    NotWithinRoot {
        /// The tensor.
        id: TensorId,
        /// Its name.
        name: String,
        /// Its offset in bytes.
        offset: u64,
        /// The offset in bytes that follows from that of the other one.
        expected: u64,
    },
    /// A tensor ends at 2⁶³ bytes or above.
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
        /// The tensors, in order of their ids.
        ids: [TensorId; 2],
        /// Their names.
        names: [String; 2],
        /// The bytes that they share.
        bytes: Range<u64>,
        /// The steps at which both are alive.
        steps: Range<i64>,
    },
    /// Two tensors of concurrent streams share bytes: neither is used for the last time before the
    /// other one is used for the first time.
    StreamsOverlap {
        /// The tensors, in order of their ids.
        ids: [TensorId; 2],
        /// Their names.
        names: [String; 2],
        /// The bytes that they share.
        bytes: Range<u64>,
    },
    /// Two tensors of models that may run at the same time share bytes.
    ModelsOverlap {
        /// The tensors, in order of their ids.
        ids: [TensorId; 2],
        /// Their names, `model/tensor`.
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
                "tensor '{name}' is at offset {offset}, \
                 which is not a multiple of its alignment {alignment}"
            ),
            Self::NotAtFixedOffset {
                name,
                offset,
                fixed,
                ..
            } => write!(
                f,
                "tensor '{name}' is at offset {offset}, but its offset is fixed at {fixed}"
            ),
            Self::NotWithinRoot {
                name,
                offset,
                expected,
                ..
            } => write!(
                f,
                "tensor '{name}' is at offset {offset}, \
                 but its place within another tensor is at {expected}"
            ),
            Self::OutOfRange {
                name, offset, size, ..
            } => write!(
                f,
                "tensor '{name}' of {size} bytes at offset {offset} ends at 2^63 bytes or above; \
                 it must end below"
            ),
            Self::Overlap {
                names,
                bytes,
                steps,
                ..
            } => {
                write_shared(f, names, bytes)?;
                write!(
                    f,
                    " while both are alive in steps {}..{}",
                    steps.start, steps.end
                )
            }
            Self::StreamsOverlap { names, bytes, .. } => {
                write_shared(f, names, bytes)?;
                write!(f, ", and their streams do not wait for each other")
            }
            Self::ModelsOverlap { names, bytes, .. } => {
                write_shared(f, names, bytes)?;
                write!(f, ", and their models may run at the same time")
            }
        }
    }
}

fn write_shared(
    f: &mut fmt::Formatter<'_>,
    [a, b]: &[String; 2],
    bytes: &Range<u64>,
) -> fmt::Result {
    let Range { start, end } = bytes;
    write!(f, "tensors '{a}' and '{b}' share bytes {start}..{end}")
}

impl core::error::Error for PlanError {}

/// Two tensors in order of their ids, their names, and the bytes that they share.
pub(super) fn clash(
    lifetimes: &Lifetimes,
    offsets: &[u64],
    first: usize,
    second: usize,
) -> ([TensorId; 2], [String; 2], Range<u64>) {
    let ids = [first.min(second), first.max(second)].map(TensorId::from_index);
    let names = ids.map(|id| lifetimes.name(id).unwrap_or_default().to_string());
    let [a, b] = ids.map(|id| {
        let offset = offsets[id.index()];
        offset..offset + lifetimes.rows()[id.index()].size
    });
    (ids, names, a.start.max(b.start)..a.end.min(b.end))
}
