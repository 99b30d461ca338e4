//! Gaps: steps in a tensor's lifetime at which its bytes are not needed.
//!
//! Stands on `live_ranges` and `within`. Invariant: a tensor that lies within another one is alive
//! only when that one is, whatever gaps either of them has.
//!
//! ```text
//! step       0  1  2  3  4  5  6
//! lifetime   ├─────────────────┤
//! gaps             ├──┤  ├──┤
//! alive      ├─────┤  ├──┤  ├──┤
//! ```

use alloc::{sync::Arc, vec::Vec};
use core::ops::Range;

use super::{
    collection::Lifetimes,
    error::{GapMistake, LifetimeMistake, LifetimesError},
    lifetime::Lifetime,
};
use crate::ids::TensorId;
use crate::intervals::union;

impl Lifetimes {
    /// Gives a tensor gaps: steps of its lifetime at which its bytes are not needed and may be used
    /// by others. The tensor has one offset all the same, and nobody keeps what it held before a
    /// gap. Gaps may come in any order, and may touch but not overlap each other.
    ///
    /// A gap at the beginning or at the end of the lifetime makes the lifetime shorter; the others
    /// leave [`rows`](Self::rows) as they are. Gaps that a tensor has already stay.
    ///
    /// ```
    /// use orionrt_plan::{Lifetimes, Planner};
    /// let rows = [("state", 0, 6, 100, 1), ("work", 2, 4, 100, 1)];
    /// let lifetimes = Lifetimes::from_rows(rows)?;
    /// assert_eq!(lifetimes.load(), 200);
    ///
    /// let state = lifetimes.find("state").expect("it is one of them");
    /// let lifetimes = lifetimes.with_gaps(state, [2..4])?;
    /// assert!(lifetimes.live_ranges(state).eq([0..2, 4..6]));
    /// assert_eq!(Planner::new().plan(&lifetimes)?.peak(), 100);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Tensors that lie [within](crate::lifetimes::Within) others are alive only when those are, so
    /// their gaps come first. Linear in the number of tensors; for many of them there is
    /// [`with_all_gaps`](Self::with_all_gaps).
    ///
    /// # Errors
    /// If a gap is empty, leaves the lifetime or overlaps another one, or if a tensor would be
    /// alive in a gap of the one that it lies within. An unknown `id` changes nothing.
    pub fn with_gaps(
        mut self,
        id: TensorId,
        gaps: impl IntoIterator<Item = Range<i64>>,
    ) -> Result<Self, LifetimesError> {
        let gaps: Vec<Range<i64>> = gaps.into_iter().collect();
        if id.index() < self.rows.len() && !gaps.is_empty() {
            self.conflict_relation = self.conflict_relation.with_gaps();
        }
        self.add_gaps(id.index(), gaps)?;
        let is_concerned = |row: &Lifetime| row.within.is_some_and(|within| within.root == id);
        for index in 0..self.rows.len() {
            if index == id.index() || is_concerned(&self.rows[index]) {
                self.check_within(index)?;
            }
        }
        Ok(self)
    }

    /// Gives several tensors gaps at once, as [`with_gaps`](Self::with_gaps) does for one. Tensors
    /// that lie within others may come after those.
    ///
    /// # Errors
    /// The first mistake; see [`with_gaps`](Self::with_gaps).
    pub fn with_all_gaps(
        mut self,
        gaps: impl IntoIterator<Item = (TensorId, Vec<Range<i64>>)>,
    ) -> Result<Self, LifetimesError> {
        let mut gaps: Vec<(TensorId, Vec<Range<i64>>)> = gaps.into_iter().collect();
        let is_changed = gaps.iter().any(|(_, gaps)| !gaps.is_empty());
        // The live ranges are made anew, row by row: to put each into its place takes longer.
        gaps.sort_by_key(|(id, _)| *id);
        let before = core::mem::take(&mut self.live_ranges);
        let mut others = before.iter().peekable();
        for group in gaps.chunk_by(|a, b| a.0 == b.0) {
            let index = group[0].0.index();
            while let Some((row, ranges)) = others.next_if(|(row, _)| *row < index) {
                self.live_ranges.push(row, ranges);
            }
            let _ = others.next_if(|(row, _)| *row == index);
            let Some(row) = self.rows.get(index) else {
                continue;
            };
            let mut ranges: Vec<Range<i64>> = before.of(index, row).collect();
            for (_, gaps) in group {
                ranges = self.without_gaps_of(index, ranges, gaps.clone())?;
            }
            self.live_ranges.push(index, &ranges);
            self.windows.clip(index, self.rows[index].size, &ranges);
        }
        others.for_each(|(row, ranges)| self.live_ranges.push(row, ranges));
        if is_changed {
            self.conflict_relation = self.conflict_relation.with_gaps();
            (0..self.rows.len()).try_for_each(|index| self.check_within(index))?;
        }
        Ok(self)
    }

    /// Takes gaps out of what a row is alive at; looks at this row alone.
    fn add_gaps(&mut self, index: usize, gaps: Vec<Range<i64>>) -> Result<(), LifetimesError> {
        let Some(row) = self.rows.get(index) else {
            return Ok(());
        };
        let ranges = self.live_ranges.of(index, row).collect();
        let size = row.size;
        let ranges = self.without_gaps_of(index, ranges, gaps)?;
        self.live_ranges.set(index, &ranges);
        self.windows.clip(index, size, &ranges);
        Ok(())
    }

    /// The live ranges of a row without some gaps; the row becomes their hull.
    fn without_gaps_of(
        &mut self,
        index: usize,
        ranges: Vec<Range<i64>>,
        mut gaps: Vec<Range<i64>>,
    ) -> Result<Vec<Range<i64>>, LifetimesError> {
        let row = &self.rows[index];
        gaps.sort_unstable_by_key(|gap| (gap.start, gap.end));
        if let Some(mistake) = gap_mistake(row, &gaps) {
            return Err(self.error_at(index, LifetimeMistake::Gap(mistake)));
        }
        let ranges = without(ranges.into_iter(), &gaps);
        let row = &mut Arc::make_mut(&mut self.rows)[index];
        match (ranges.first(), ranges.last()) {
            (Some(first), Some(last)) => (row.lower, row.upper) = (first.start, last.end),
            _ => row.upper = row.lower,
        }
        Ok(ranges)
    }
}

/// What is wrong with the gaps of a row, which are in order of time.
fn gap_mistake(row: &Lifetime, gaps: &[Range<i64>]) -> Option<GapMistake> {
    let each = gaps.iter().find_map(|gap| {
        let (gap, steps) = (gap.clone(), row.steps());
        if gap.start >= gap.end {
            return Some(GapMistake::Empty { gap });
        }
        let is_inside = steps.start <= gap.start && gap.end <= steps.end;
        (!is_inside).then_some(GapMistake::OutsideLifetime { gap, steps })
    });
    each.or_else(|| {
        let mut pairs = gaps.windows(2);
        let pair = pairs.find(|pair| pair[1].start < pair[0].end)?;
        let gaps = [pair[0].clone(), pair[1].clone()];
        Some(GapMistake::Overlap { gaps })
    })
}

/// Ascending ranges without the steps of ascending gaps.
fn without(ranges: impl Iterator<Item = Range<i64>>, gaps: &[Range<i64>]) -> Vec<Range<i64>> {
    let gaps = union(gaps.to_vec());
    let mut left = Vec::new();
    for range in ranges {
        let first = gaps.partition_point(|gap| gap.end <= range.start);
        let inside = gaps[first..].iter().take_while(|gap| gap.start < range.end);
        let mut start = range.start;
        for gap in inside {
            if start < gap.start {
                left.push(start..gap.start);
            }
            start = gap.end;
        }
        if start < range.end {
            left.push(start..range.end);
        }
    }
    left
}
