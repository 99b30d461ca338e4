//! Live ranges: the steps at which tensors with gaps need their bytes.
//!
//! Stands on [`Lifetime`], whose `lower..upper` is the hull: the range from a tensor's first birth
//! to its last death. Most tensors are alive all that time, and nothing is kept for them.
//!
//! ```text
//! step      0  1  2  3  4  5  6
//! a         ├─────┤     ├─────┤        hull 0..6, gap 2..4, live ranges 0..2 and 4..6
//! b               ├─────┤              may have the bytes of a
//! ```
//!
//! Invariant: a row that is kept has at least two ranges; they ascend, are not empty, and neither
//! overlap nor touch; the first begins and the last ends with the row's hull.

use alloc::vec::Vec;
use core::ops::Range;

use super::lifetime::Lifetime;

/// The live ranges of all rows that have gaps. Rows are found by binary search among those.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LiveRanges {
    /// The rows with gaps, in ascending order.
    rows: Vec<usize>,
    /// For each of these rows, where its ranges end in `ranges`.
    ends: Vec<usize>,
    ranges: Vec<Range<i64>>,
}

impl LiveRanges {
    /// Whether no row has a gap.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Adds the live ranges of a row, which comes after all rows that were added before.
    ///
    /// The ranges must ascend, not be empty, and neither overlap nor touch; the row's `lower` is
    /// the start of the first, its `upper` the end of the last. Fewer than two of them are what the
    /// row itself says, and are not kept.
    pub(crate) fn push(&mut self, row: usize, ranges: &[Range<i64>]) {
        debug_assert!(self.rows.last().is_none_or(|&last| last < row));
        debug_assert!(ranges.iter().all(|range| range.start < range.end));
        debug_assert!(ranges.windows(2).all(|pair| pair[0].end < pair[1].start));
        if ranges.len() < 2 {
            return;
        }
        self.rows.push(row);
        self.ranges.extend_from_slice(ranges);
        self.ends.push(self.ranges.len());
    }

    /// The ranges of a row that has gaps; none for another row.
    pub(super) fn several(&self, row: usize) -> &[Range<i64>] {
        match self.rows.binary_search(&row) {
            Ok(at) => &self.ranges[self.start(at)..self.ends[at]],
            Err(_) => &[],
        }
    }

    /// Where the ranges of the row at a position in `rows` start.
    fn start(&self, at: usize) -> usize {
        at.checked_sub(1).map_or(0, |before| self.ends[before])
    }

    /// The rows that have gaps with their live ranges, in ascending order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &[Range<i64>])> {
        let each = self.rows.iter().enumerate();
        each.map(|(at, &row)| (row, &self.ranges[self.start(at)..self.ends[at]]))
    }

    /// The ranges at which a row is alive: its lifetime if it has no gaps, and none if that is
    /// empty.
    pub(crate) fn of<'a>(
        &'a self,
        row: usize,
        lifetime: &Lifetime,
    ) -> impl Iterator<Item = Range<i64>> + use<'a> {
        let several = self.several(row);
        let whole = lifetime.steps();
        let whole = (several.is_empty() && !whole.is_empty()).then_some(whole);
        several.iter().cloned().chain(whole)
    }

    /// The steps between the live ranges of a row.
    pub(crate) fn gaps(&self, row: usize) -> impl Iterator<Item = Range<i64>> {
        let pairs = self.several(row).windows(2);
        pairs.map(|pair| pair[0].end..pair[1].start)
    }

    /// Whether two different rows are alive at a common step.
    pub(crate) fn overlap(&self, rows: &[Lifetime], [a, b]: [usize; 2]) -> bool {
        let hulls_overlap = rows[a].lower < rows[b].upper && rows[b].lower < rows[a].upper;
        if self.is_empty() || !hulls_overlap {
            return hulls_overlap;
        }
        let (x, y) = (self.several(a), self.several(b));
        match (x.is_empty(), y.is_empty()) {
            (true, true) => true,
            (true, false) => meets(y, &rows[a].steps()),
            (false, true) => meets(x, &rows[b].steps()),
            (false, false) if x.len() > y.len() => y.iter().any(|range| meets(x, range)),
            (false, false) => x.iter().any(|range| meets(y, range)),
        }
    }

    /// Sets the live ranges of one row; fewer than two are those of a row without gaps.
    pub(super) fn set(&mut self, row: usize, ranges: &[Range<i64>]) {
        let at = self.rows.partition_point(|&other| other < row);
        let mut later = self.split_off(at);
        if later.rows.first() == Some(&row) {
            later = later.split_off(1);
        }
        self.push(row, ranges);
        later
            .iter()
            .for_each(|(row, ranges)| self.push(row, ranges));
    }

    /// Takes away the rows from a position in `rows` on.
    fn split_off(&mut self, at: usize) -> Self {
        let start = self.start(at);
        let mut later = Self {
            rows: self.rows.split_off(at),
            ends: self.ends.split_off(at),
            ranges: self.ranges.split_off(start),
        };
        later.ends.iter_mut().for_each(|end| *end -= start);
        later
    }
}

/// Whether ascending ranges meet another range that is not empty.
fn meets(ranges: &[Range<i64>], other: &Range<i64>) -> bool {
    let next = ranges.partition_point(|range| range.end <= other.start);
    ranges
        .get(next)
        .is_some_and(|range| range.start < other.end)
}
