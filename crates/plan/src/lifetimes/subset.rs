//! Some of the tensors of lifetimes, as lifetimes for themselves.
//!
//! Stands on [`Lifetimes`]. Invariant: what is left keeps its size, alignment, fixed offset, live
//! ranges and windows.

use super::{
    collection::Lifetimes, conflict_relation::ConflictRelation, live_ranges::LiveRanges,
    names::Names, pieces::WindowedRows,
};

impl Lifetimes {
    /// The tensors of these rows, numbered anew in this order. They conflict where they are alive
    /// at a common step; what streams and models add is left out. Each row must have bytes of its
    /// own.
    pub(crate) fn subset(&self, rows: &[usize]) -> Self {
        let mut names = Names::default();
        let mut live_ranges = LiveRanges::default();
        let mut windows = WindowedRows::default();
        for (new, &old) in rows.iter().enumerate() {
            debug_assert!(self.rows[old].within.is_none());
            names.push(self.names.get(old));
            live_ranges.push(new, self.live_ranges.several(old));
            windows.copy(new, self.windows.several(old));
        }
        Self {
            names,
            rows: rows.iter().map(|&row| self.rows[row]).collect(),
            live_ranges,
            windows,
            conflict_relation: ConflictRelation::Intervals,
        }
    }
}
