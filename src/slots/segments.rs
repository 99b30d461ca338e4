//! The planned region cut at every offset and end: segments, of which every tensor has a whole number.
//!
//! Invariant: bounds grow; segment *i* is bytes `bounds[i]..bounds[i + 1]`, and the offset and the end of every tensor that has
//! bytes, its own or another's, are among the bounds.

#![forbid(unsafe_code)]

use alloc::vec::Vec;
use core::ops::Range;

use crate::slots::claims::Span;
use orionrt_plan::plan::Plan;

#[derive(Debug)]
pub(crate) struct Segments {
    bounds: Vec<u64>,
}

impl Segments {
    /// The segments of a plan; `None` where they cannot be numbered.
    pub(crate) fn new(plan: &Plan) -> Option<Self> {
        let placed = plan.lifetimes().rows().iter().zip(plan.offsets());
        let placed = placed.filter(|(row, _)| row.has_bytes());
        let mut bounds: Vec<u64> = placed.flat_map(|(row, &o)| [o, o + row.size]).collect();
        bounds.sort_unstable();
        bounds.dedup();
        u32::try_from(bounds.len()).ok().map(|_| Self { bounds })
    }

    /// Fewer than 2³², as `new` has checked.
    pub(crate) fn count(&self) -> u32 {
        self.bounds.len().saturating_sub(1) as u32
    }

    /// The offset at which a segment starts.
    #[inline]
    pub(crate) fn start(&self, segment: u32) -> u64 {
        self.bounds[segment as usize]
    }

    /// The bytes of a span that is not empty.
    #[inline]
    pub(crate) fn bytes(&self, span: Span) -> Range<u64> {
        self.bounds[span.start() as usize]..self.bounds[span.end() as usize]
    }

    /// The segments of a tensor that has bytes.
    pub(crate) fn span(&self, offset: u64, size: u64) -> Span {
        let segment = |bound: u64| self.bounds.partition_point(|&b| b < bound) as u32;
        Span::new(segment(offset), segment(offset + size))
    }
}
