//! The lifetime of one tensor, and where the tensor lies if it has no bytes of its own.
//!
//! Stands on [`TensorId`]. Plain values: what they must satisfy is checked when they become
//! [`Lifetimes`](super::Lifetimes).

use core::ops::Range;

use crate::ids::TensorId;

/// One tensor as a planner sees it: alive in steps `lower..upper`, with `size` bytes at an offset
/// that is a multiple of `alignment`. If it has gaps, `lower..upper` is the hull of the steps at
/// which it is alive, and [`Lifetimes`](super::Lifetimes) has the gaps.
///
/// ```
/// use orionrt_plan::{Lifetime, Lifetimes};
/// let weights = Lifetime::new(0, 4, 1000).with_alignment(64).with_fixed_offset(0);
/// let work = Lifetime::new(1, 3, 500);
/// let lifetimes = Lifetimes::from_named([("weights", weights), ("work", work)])?;
/// assert_eq!(lifetimes.load(), 1500);
/// # Ok::<(), orionrt_plan::LifetimesError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Lifetime {
    /// The first step at which the tensor is alive.
    pub lower: i64,
    /// The first step at which the tensor is no longer alive.
    pub upper: i64,
    /// Size in bytes.
    pub size: u64,
    /// The offset is a multiple of this power of two, in bytes.
    pub alignment: u64,
    /// The offset that the tensor must have, in bytes; `None` if the planner may choose.
    pub fixed_offset: Option<u64>,
    /// Where the tensor lies if it has no bytes of its own.
    pub within: Option<Within>,
}

/// The place of a tensor that has no bytes of its own: a view, or a result in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Within {
    /// The tensor whose bytes these are. It has bytes of its own, and is alive whenever the tensor
    /// within it is.
    pub root: TensorId,
    /// Where in the root the tensor begins, in bytes.
    pub offset: u64,
}

impl Within {
    /// The bytes of `root` from byte `offset` on.
    #[must_use]
    pub const fn new(root: TensorId, offset: u64) -> Self {
        Self { root, offset }
    }
}

impl Lifetime {
    /// A tensor of `size` bytes that is alive in steps `lower..upper`. It has bytes of its own,
    /// which may begin at any offset.
    #[must_use]
    pub const fn new(lower: i64, upper: i64, size: u64) -> Self {
        Self {
            lower,
            upper,
            size,
            alignment: 1,
            fixed_offset: None,
            within: None,
        }
    }

    /// Sets the alignment in bytes, a power of two.
    #[must_use]
    pub const fn with_alignment(self, alignment: u64) -> Self {
        Self { alignment, ..self }
    }

    /// Pins the tensor at an offset, in bytes.
    #[must_use]
    pub const fn with_fixed_offset(self, offset: u64) -> Self {
        let fixed_offset = Some(offset);
        Self {
            fixed_offset,
            ..self
        }
    }

    /// Puts the tensor into the bytes of `root`, from byte `offset` on.
    #[must_use]
    pub const fn with_root(self, root: TensorId, offset: u64) -> Self {
        let within = Some(Within { root, offset });
        Self { within, ..self }
    }

    /// The steps `lower..upper`. A tensor with gaps is not alive at all of them; see
    /// [`Lifetimes::live_ranges`](super::Lifetimes::live_ranges).
    #[must_use]
    pub fn steps(&self) -> Range<i64> {
        self.lower..self.upper
    }

    /// The bytes that the tensor must occupy, if its offset is fixed.
    #[must_use]
    pub fn fixed_bytes(&self) -> Option<Range<u64>> {
        self.fixed_offset.map(|offset| offset..offset + self.size)
    }

    /// Whether the tensor needs bytes at some step: its lifetime is not empty, nor is its size 0.
    #[must_use]
    pub fn has_bytes(&self) -> bool {
        self.lower < self.upper && self.size > 0
    }

    /// Whether the tensor needs bytes of its own at some step.
    #[must_use]
    pub fn occupies(&self) -> bool {
        self.has_bytes() && self.within.is_none()
    }

    /// Whether both tensors need bytes of their own at a common step, and so must not share any.
    ///
    /// This says what two rows say by themselves: that neither tensor has a gap. Gaps, streams and
    /// models are known to [`Lifetimes::conflict`](super::Lifetimes::conflict).
    #[must_use]
    pub fn conflicts(&self, other: &Self) -> bool {
        self.occupies() && other.occupies() && self.lower < other.upper && other.lower < self.upper
    }
}
