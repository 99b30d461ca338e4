//! Which copies lie within others: operands that are joined to the result of a concatenation.
//!
//! Stands on the check. Ids of copies and joins stay as they are when a fetch moves, so that this
//! is found once for each schedule. Invariant: a copy keeps its place within its whole.

use alloc::vec::Vec;

use super::super::{
    check_state::Check,
    options::Fit,
    schedule::{CopyId, FitSchedule},
};
use crate::graph::Graph;

/// For each copy, the copy that it lies within and that lies within none: its whole.
#[derive(Clone, Debug)]
pub(super) struct Wholes {
    /// The whole of each copy, and where in it the copy begins; itself if it lies within none.
    places: Vec<(usize, u64)>,
}

impl Wholes {
    /// Those of a schedule that has passed the check.
    pub(super) fn new(schedule: &FitSchedule, graph: &Graph, fit: &Fit) -> Self {
        let check = Check::new(graph, fit, schedule);
        let mut places: Vec<(usize, u64)> = (0..schedule.copies.len()).map(|at| (at, 0)).collect();
        // A result is joined to another one at a later step.
        for step in (0..schedule.steps.len()).rev() {
            for (result, operands) in check.joined_at(step) {
                let (whole, _) = places[result.index()];
                let start = schedule.copies[whole].offset;
                for operand in operands {
                    let offset = schedule.copies[operand.index()].offset;
                    places[operand.index()] = (whole, offset - start);
                }
            }
        }
        Self { places }
    }

    /// The whole of a copy, and where in it the copy begins.
    pub(super) fn place(&self, copy: usize) -> (usize, u64) {
        self.places[copy]
    }

    /// Whether a copy lies within another one.
    pub(super) fn is_part(&self, copy: CopyId) -> bool {
        self.places[copy.index()].0 != copy.index()
    }
}
