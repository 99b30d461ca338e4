//! A schedule before offsets are known: steps over copies of roots, and the loads of both memories.
//!
//! Stands on [`Model`]. Invariant: a copy has bytes from the step that writes it to the last one
//! that names it, at least one step.

use alloc::{vec, vec::Vec};
use core::ops::Range;

use super::{
    added_cost::FitCost,
    model::{Model, Operand},
};

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Run(u32),
    Rerun(u32),
    Spill(u32),
    Fetch(u32),
}

/// A step, with the ends of its parts of [`Emitted::links`].
#[derive(Clone, Copy, Debug)]
struct Step {
    action: Action,
    moment: u32,
    reads_end: usize,
    writes_end: usize,
}

/// A copy of a root in a memory.
#[derive(Clone, Debug)]
pub(super) struct RootCopy {
    pub(super) root: u32,
    pub(super) is_slow: bool,
    pub(super) steps: Range<usize>,
}

/// A schedule before offsets are known.
#[derive(Clone, Debug, Default)]
pub(super) struct Emitted {
    steps: Vec<Step>,
    links: Vec<u32>,
    pub(super) copies: Vec<RootCopy>,
    pub(super) inputs: Vec<Option<u32>>,
    pub(super) outputs: Vec<u32>,
    pub(super) cost: FitCost,
    /// What was recomputed or fetched as a temporary copy, and before which operator.
    pub(super) temporaries: Vec<(Operand, u32)>,
}

impl Emitted {
    pub(super) fn len(&self) -> usize {
        self.steps.len()
    }

    /// The steps in order: what each does, and which copies it reads and writes.
    pub(super) fn steps(&self) -> impl Iterator<Item = (Action, &[u32], &[u32])> {
        let mut start = 0;
        self.steps.iter().map(move |step| {
            let reads = &self.links[start..step.reads_end];
            let writes = &self.links[step.reads_end..step.writes_end];
            start = step.writes_end;
            (step.action, reads, writes)
        })
    }

    /// The roots that are spilled and never fetched.
    pub(super) fn unread(&self) -> impl Iterator<Item = u32> {
        let copies = self.copies.iter();
        let unread = copies.filter(|copy| copy.is_slow && copy.steps.len() == 1);
        unread.map(|copy| copy.root)
    }

    /// The bytes in the fast memory in each moment. Where no step comes before an operator, the
    /// moment has what is there before and while it runs.
    pub(super) fn fast_loads(&self, model: &Model) -> Vec<u64> {
        let mut changes = vec![0i64; self.steps.len() + 2];
        let mut born = vec![0i64; self.steps.len() + 2];
        for copy in self.copies.iter().filter(|copy| !copy.is_slow) {
            let size = model.size(copy.root) as i64;
            changes[copy.steps.start] += size;
            changes[copy.steps.end] -= size;
            born[copy.steps.start] += size;
        }
        let mut moments = vec![0u64; model.moments()];
        let mut load = 0;
        for (at, step) in self.steps.iter().enumerate() {
            load += changes[at];
            let moment = step.moment as usize;
            moments[moment] = moments[moment].max(load as u64);
            if let Action::Run(_) = step.action {
                moments[moment - 1] = moments[moment - 1].max((load - born[at]) as u64);
            }
        }
        let total = |copies: &mut dyn Iterator<Item = u32>| {
            let sizes = copies.map(|copy| model.size(self.copies[copy as usize].root));
            sizes.sum::<u64>()
        };
        moments[0] = moments[0].max(total(&mut self.inputs.iter().flatten().copied()));
        let mut outputs = self.outputs.clone();
        outputs.sort_unstable();
        outputs.dedup();
        let last = moments.len() - 1;
        moments[last] = moments[last].max(total(&mut outputs.into_iter()));
        moments
    }

    /// The bytes in the slow memory in each moment.
    pub(super) fn slow_loads(&self, model: &Model) -> Vec<u64> {
        let mut changes = vec![0i64; model.moments() + 1];
        for copy in self.copies.iter().filter(|copy| copy.is_slow) {
            let size = model.size(copy.root) as i64;
            changes[self.steps[copy.steps.start].moment as usize] += size;
            changes[self.steps[copy.steps.end - 1].moment as usize + 1] -= size;
        }
        let loads = changes[..model.moments()].iter().scan(0, |load, change| {
            *load += change;
            Some(*load as u64)
        });
        loads.collect()
    }

    /// Adds a copy, from the step that comes next; returns its position.
    pub(super) fn add_copy(&mut self, root: u32, is_slow: bool) -> u32 {
        let step = self.steps.len();
        self.copies.push(RootCopy {
            root,
            is_slow,
            steps: step..step + 1,
        });
        self.copies.len() as u32 - 1
    }

    /// Adds a step, up to which the copies that it reads and writes stay.
    pub(super) fn push(&mut self, moment: u32, action: Action, reads: &[u32], writes: &[u32]) {
        let step = self.steps.len();
        for &copy in reads.iter().chain(writes) {
            self.copies[copy as usize].steps.end = step + 1;
            self.links.push(copy);
        }
        let writes_end = self.links.len();
        self.steps.push(Step {
            action,
            moment,
            reads_end: writes_end - writes.len(),
            writes_end,
        });
    }
}
