//! The segments of a plan: its region cut at the offset and the end of every tensor.
//!
//! Stands on [`SegmentRange`] and on the plan. Invariant: bounds grow strictly; segment *i* is the
//! bytes `bounds[i]..bounds[i + 1]`; the offset and the end of every tensor that occupies bytes,
//! its own or those of the tensor that it lies within, are among the bounds.

#![forbid(unsafe_code)]

use alloc::vec::Vec;

use crate::slots::claims::SegmentRange;
use orionrt_plan::plan::Plan;

#[derive(Debug)]
pub(crate) struct Segments {
    bounds: Vec<u64>,
}

impl Segments {
    /// The segments of a plan; `None` if there are too many to number with a `u32`.
    pub(crate) fn new(plan: &Plan) -> Option<Self> {
        let placed = plan.lifetimes().rows().iter().zip(plan.offsets());
        let placed = placed.filter(|(row, _)| row.has_bytes());
        let mut bounds: Vec<u64> = placed.flat_map(|(row, &o)| [o, o + row.size]).collect();
        bounds.sort_unstable();
        bounds.dedup();
        u32::try_from(bounds.len()).ok().map(|_| Self { bounds })
    }

    /// The number of segments; below 2³², as `new` has checked.
    pub(crate) fn count(&self) -> u32 {
        self.bounds().len().saturating_sub(1) as u32
    }

    /// The offsets at which segments start, and the end of the last one.
    #[inline]
    pub(crate) fn bounds(&self) -> &[u64] {
        &self.bounds
    }

    /// The segments of a tensor that has bytes.
    pub(crate) fn range(&self, offset: u64, size: u64) -> SegmentRange {
        let segment = |bound: u64| self.bounds.partition_point(|&b| b < bound) as u32;
        SegmentRange::new(segment(offset), segment(offset + size))
    }
}
