//! A piece of a tensor: some of its bytes, at some of its steps.
//!
//! Stands on nothing. A plain value: what pieces must satisfy is checked when they become windows.

use core::ops::Range;

/// Bytes of a tensor that are needed at some steps.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Piece {
    /// The steps, half-open.
    pub steps: Range<i64>,
    /// The bytes, counted from the start of the tensor.
    pub bytes: Range<u64>,
}

impl Piece {
    /// The `bytes` of a tensor, counted from its start, at these `steps`.
    #[must_use]
    pub const fn new(steps: Range<i64>, bytes: Range<u64>) -> Self {
        Self { steps, bytes }
    }

    /// How many bytes it has.
    pub(crate) fn size(&self) -> u64 {
        self.bytes.end - self.bytes.start
    }
}
