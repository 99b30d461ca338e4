//! What the search goes on: a model, capacities, counted work, and choices that fit.
//!
//! Stands on `emit`. Work is counted in visited steps, also of what fails and of estimates, and
//! no clock is looked at. Invariant: the schedule of a [`Solution`] is that of its choices, and its
//! loads are within the capacities.

use alloc::{vec, vec::Vec};
use core::cell::Cell;

use super::{
    choices::{Choices, Way},
    emit::{emit, emit_or_all_missing},
    emitted::Emitted,
    emitter::Missing,
    estimate::Room,
    load_tree::LoadTree,
    model::Model,
};
use crate::planner::Cancel;

/// How many operands and results of an estimate count as one visited step.
const VISITS_OF_A_STEP: usize = 4;

/// Choices that fit, and their schedule.
#[derive(Clone, Debug)]
pub(super) struct Solution {
    pub(super) choices: Choices,
    pub(super) emitted: Emitted,
    pub(super) seconds: f64,
    /// The most bytes in the fast memory.
    pub(super) load: u64,
}

/// Ways that are not to be chosen, for each idle interval.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Banned {
    pub(super) spill: bool,
    pub(super) compress: bool,
    pub(super) recompute: bool,
}

impl Banned {
    /// Only to be kept.
    pub(super) const ALL: Self = Self {
        spill: true,
        compress: true,
        recompute: true,
    };

    /// Only to be kept, or freed in one way.
    pub(super) fn but(way: Way) -> Self {
        Self {
            spill: way != Way::Spill,
            compress: way != Way::Compress,
            recompute: way != Way::Recompute,
        }
    }

    /// Bans a way.
    pub(super) fn ban(&mut self, way: Way) {
        match way {
            Way::Keep => {}
            Way::Spill => self.spill = true,
            Way::Compress => self.compress = true,
            Way::Recompute => self.recompute = true,
        }
    }
}

/// The model, the capacities and the work that is left.
pub(super) struct Search<'m> {
    pub(super) model: &'m Model,
    pub(super) capacity: u64,
    pub(super) slow_capacity: u64,
    pub(super) work: u64,
    /// What estimates have visited since work was spent last.
    pub(super) visited: Cell<usize>,
    /// A lower bound on the seconds: nothing is better than that.
    pub(super) goal: f64,
    /// What ends the search.
    pub(super) cancels: &'m [Cancel],
}

impl Search<'_> {
    /// Counts visited steps as work, and what estimates have visited since the last time.
    pub(super) fn spend(&mut self, steps: usize) {
        let visited = self.visited.get();
        self.visited.set(visited % VISITS_OF_A_STEP);
        let steps = steps + visited / VISITS_OF_A_STEP;
        self.work = match self.is_cancelled() {
            true => 0,
            false => self.work.saturating_sub(steps as u64),
        };
    }

    /// The room for estimates, with the loads that there are.
    pub(super) fn room<'r>(&'r self, fast: &'r LoadTree) -> Room<'r> {
        Room {
            fast,
            capacity: self.capacity,
            visited: &self.visited,
        }
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancels.iter().any(Cancel::is_cancelled)
    }

    pub(super) fn is_over(&self) -> bool {
        self.work == 0
    }

    /// The schedule of choices, or the error of [`emit`]. Both count as work: an attempt that fails
    /// as a quarter of one that does not, for it ends early.
    pub(super) fn emitted(&mut self, choices: &Choices) -> Result<Emitted, Missing> {
        let emitted = emit(self.model, choices);
        let failed = self.model.ops.len() / 4 + 1;
        self.spend(emitted.as_ref().map_or(failed, Emitted::len));
        emitted
    }

    /// The schedule of choices, or the error of [`emit_or_all_missing`]. Both count as work.
    pub(super) fn emitted_or_all_missing(
        &mut self,
        choices: &Choices,
    ) -> Result<Emitted, Vec<Missing>> {
        let emitted = emit_or_all_missing(self.model, choices);
        let ops = self.model.ops.len();
        self.spend(emitted.as_ref().map_or(ops + 1, Emitted::len));
        emitted
    }

    /// The schedule of choices, if it fits.
    pub(super) fn found(&mut self, choices: Choices) -> Option<Solution> {
        let emitted = self.emitted(&choices).ok()?;
        let most = |loads: Vec<u64>| loads.into_iter().max().unwrap_or(0);
        let load = most(emitted.fast_loads(self.model));
        let fits =
            load <= self.capacity && most(emitted.slow_loads(self.model)) <= self.slow_capacity;
        fits.then(|| Solution {
            seconds: emitted.cost.seconds(),
            choices,
            emitted,
            load,
        })
    }

    /// Nothing is banned.
    pub(super) fn nothing_banned(&self) -> Vec<Banned> {
        vec![Banned::default(); self.model.idles.len()]
    }
}
