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
    Compress(u32),
    Expand(u32),
}

/// A step, with the ends of its parts of [`Emitted::links`].
#[derive(Clone, Copy, Debug)]
struct Step {
    action: Action,
    moment: u32,
    reads_end: usize,
    writes_end: usize,
}

/// Where a copy is, and in which form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CopyKind {
    /// In the fast memory, as it is.
    Plain,
    /// In the fast memory, in compressed form.
    Compressed,
    /// In the slow memory, as it is.
    Slow,
}

/// A copy of a root in a memory.
#[derive(Clone, Debug)]
pub(super) struct RootCopy {
    pub(super) root: u32,
    pub(super) kind: CopyKind,
    pub(super) steps: Range<usize>,
    /// The copy of a concatenation's result whose bytes it has, and where in that it begins. Its
    /// last step is then the concatenation, the first step of the other copy.
    pub(super) within: Option<(u32, u64)>,
}

impl RootCopy {
    /// Its bytes.
    pub(super) fn size(&self, model: &Model) -> u64 {
        let form = model.compressed(self.root);
        match (self.kind, form) {
            (CopyKind::Compressed, Some(form)) => form.bytes,
            _ => model.size(self.root),
        }
    }

    pub(super) fn is_slow(&self) -> bool {
        self.kind == CopyKind::Slow
    }
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
    /// The roots that were recomputed after their last use, with the copies that stay.
    pub(super) again: Vec<(u32, u32)>,
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

    /// A step: what it does, and which copies it reads and writes.
    pub(super) fn step(&self, at: usize) -> (Action, &[u32], &[u32]) {
        let step = &self.steps[at];
        let reads = &self.links[self.links_start(at)..step.reads_end];
        (
            step.action,
            reads,
            &self.links[step.reads_end..step.writes_end],
        )
    }

    /// Names another copy in place of one, at some steps.
    pub(super) fn rename(&mut self, steps: Range<usize>, copy: u32, other: u32) {
        let links = self.links_start(steps.start)..self.links_start(steps.end);
        for link in self.links[links].iter_mut().filter(|link| **link == copy) {
            *link = other;
        }
    }

    /// Where the links of a step begin.
    fn links_start(&self, step: usize) -> usize {
        let before = step.checked_sub(1);
        before.map_or(0, |before| self.steps[before].writes_end)
    }

    /// The roots that are spilled or compressed and never come back, or recomputed after their last
    /// use and never read.
    pub(super) fn unread(&self) -> impl Iterator<Item = u32> {
        let copies = self.copies.iter();
        let unread = copies.filter(|copy| copy.kind != CopyKind::Plain && copy.steps.len() == 1);
        let is_unread = |copy: u32| self.copies[copy as usize].steps.len() == 1;
        let again = self.again.iter().filter(move |&&(_, copy)| is_unread(copy));
        unread
            .map(|copy| copy.root)
            .chain(again.map(|&(root, _)| root))
    }

    /// The bytes in the fast memory at each step, and those of the copies that begin there.
    fn step_loads(&self, model: &Model) -> impl Iterator<Item = (i64, i64)> {
        let mut changes = vec![(0i64, 0i64); self.steps.len() + 2];
        for copy in self.copies.iter().filter(|copy| !copy.is_slow()) {
            let size = copy.size(model) as i64;
            changes[copy.steps.start].0 += size;
            changes[copy.steps.start].1 += size;
            // In its last step, the bytes are those of the result.
            let end = copy.steps.end - usize::from(copy.within.is_some());
            changes[end].0 -= size;
            if copy.within.is_some() {
                changes[end].1 -= size;
            }
        }
        let loads = changes.into_iter().scan(0, |load, (change, born)| {
            *load += change;
            Some((*load, born))
        });
        loads.take(self.steps.len())
    }

    /// The roots that are compressed or expanded where there is no room for both forms, although
    /// the operator of the step before or after has room, with the moments of that.
    pub(super) fn crowded(&self, model: &Model, capacity: u64) -> Vec<(u32, u32)> {
        let root_of = |action| match action {
            Action::Compress(root) | Action::Expand(root) => Some(root),
            _ => None,
        };
        if self.steps.iter().all(|step| root_of(step.action).is_none()) {
            return Vec::new();
        }
        let is_too_much = |load: i64| load > capacity as i64;
        let mut runs = vec![0i64; model.moments() + 1];
        let loads: Vec<i64> = self.step_loads(model).map(|(load, _)| load).collect();
        for (step, &load) in self.steps.iter().zip(&loads) {
            if let Action::Run(_) = step.action {
                runs[step.moment as usize] = load;
            }
        }
        let mut crowded = Vec::new();
        for (step, &load) in self.steps.iter().zip(&loads) {
            let of_operator = step.moment as usize | 1;
            if let Some(root) = root_of(step.action) {
                if is_too_much(load) && !is_too_much(runs[of_operator]) {
                    crowded.push((root, step.moment));
                }
            }
        }
        crowded
    }

    /// The bytes in the fast memory in each moment. Where no step comes before an operator, the
    /// moment has what is there before and while it runs.
    pub(super) fn fast_loads(&self, model: &Model) -> Vec<u64> {
        let mut moments = vec![0u64; model.moments()];
        for (step, (load, born)) in self.steps.iter().zip(self.step_loads(model)) {
            let moment = step.moment as usize;
            moments[moment] = moments[moment].max(load as u64);
            if let Action::Run(_) = step.action {
                moments[moment - 1] = moments[moment - 1].max((load - born) as u64);
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
        for copy in self.copies.iter().filter(|copy| copy.is_slow()) {
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
    pub(super) fn add_copy(&mut self, root: u32, kind: CopyKind) -> u32 {
        let step = self.steps.len();
        self.copies.push(RootCopy {
            root,
            kind,
            steps: step..step + 1,
            within: None,
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
