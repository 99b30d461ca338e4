//! Some of the tensors of lifetimes: as lifetimes for themselves, or as the only ones that are ever
//! alive.
//!
//! Stands on [`Lifetimes`] and on its conflicts. Invariant: what is left keeps its size, alignment,
//! fixed offset, live ranges and windows.

use alloc::sync::Arc;

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
            names: Arc::new(names),
            rows: Arc::new(rows.iter().map(|&row| self.rows[row]).collect()),
            live_ranges,
            windows,
            conflict_relation: ConflictRelation::Intervals,
        }
    }

    /// All tensors under their ids, of which only those of some rows are ever alive. A tensor that
    /// lies within another one is kept if and only if that one is.
    pub(crate) fn only(&self, keeps: impl Fn(usize) -> bool) -> Self {
        let mut all = self.clone();
        all.live_ranges = LiveRanges::default();
        all.windows = WindowedRows::default();
        for index in 0..all.rows.len() {
            let within = all.rows[index].within;
            if keeps(within.map_or(index, |within| within.root.index())) {
                all.live_ranges.push(index, self.live_ranges.several(index));
                all.windows.copy(index, self.windows.several(index));
            } else {
                let row = &mut Arc::make_mut(&mut all.rows)[index];
                row.upper = row.lower;
            }
        }
        all.conflict_relation = self.conflict_relation.without_bound();
        all
    }
}
