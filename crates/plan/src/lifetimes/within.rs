//! The check of tensors that lie within others which have gaps or windows.
//!
//! Stands on `live_ranges`, `pieces` and `checked_rows`, which has checked the rows themselves.
//! Invariant: once a row has passed, it is alive only when its root is, and what is needed of it is
//! needed of its root, too, at the same steps.

use super::{
    checked_rows::view_mistake,
    collection::Lifetimes,
    error::{LifetimeMistake, LifetimesError, ViewMistake},
    piece::Piece,
};
use crate::intervals::covers;

impl Lifetimes {
    /// Checks that a row which lies within another one is alive only when that one is, and needs no
    /// byte that is not needed there.
    pub(super) fn check_within(&self, index: usize) -> Result<(), LifetimesError> {
        let row = &self.rows[index];
        let alive_in_gap = || {
            let root = row.within?.root;
            let whole = &self.rows[root.index()];
            let several = self.live_ranges.several(root.index());
            let whole = [whole.steps()];
            let roots = if several.is_empty() { &whole } else { several };
            let mut ranges = self.live_ranges.of(index, row);
            let steps = ranges.find(|range| !covers(roots, range))?;
            Some(ViewMistake::AliveInGap { root, steps })
        };
        let mistake = view_mistake(&self.rows, row).or_else(alive_in_gap);
        match mistake.or_else(|| self.outside_windows(index)) {
            Some(mistake) => Err(self.error_at(index, LifetimeMistake::View(mistake))),
            None => Ok(()),
        }
    }

    /// What is wrong with a row that needs bytes of its root which the root's windows do not have.
    fn outside_windows(&self, index: usize) -> Option<ViewMistake> {
        let row = &self.rows[index];
        let within = row.within.filter(|_| row.size > 0)?;
        let roots = self.windows.several(within.root.index());
        if roots.is_empty() {
            return None;
        }
        self.windows
            .of(index, row, &self.live_ranges)
            .find_map(|Piece { steps, bytes }| {
                let bytes = bytes.start + within.offset..bytes.end + within.offset;
                let first = roots.partition_point(|root| root.steps.end <= steps.start);
                let last = roots.partition_point(|root| root.steps.start < steps.end);
                let covers =
                    |root: &Piece| root.bytes.start <= bytes.start && bytes.end <= root.bytes.end;
                let mut groups = roots[first..last].chunk_by(|a, b| a.steps == b.steps);
                let group = groups.find(|group| !group.iter().any(covers))?;
                Some(ViewMistake::OutsideWindows {
                    root: within.root,
                    steps: group[0].steps.clone(),
                    bytes,
                })
            })
    }
}
