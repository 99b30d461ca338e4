//! The state while choices are turned into a schedule: which copies exist. Also how roots leave the
//! fast memory.
//!
//! Stands on [`Model`], [`Choices`] and [`Emitted`]. Copies live from the step that makes them to
//! the last that uses them, so a choice to keep something for nobody costs nothing. Invariant: a
//! copy that is held has the version that is noted with it.

use alloc::{collections::BTreeSet, vec, vec::Vec};

use super::{
    choices::{Choices, Tail, Way},
    emitted::{Action, CopyKind, Emitted},
    model::{Model, NONE, Operand},
};

/// What stands in the way of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// The root of this idle interval cannot be brought back.
    Idle(u32),
    /// This root cannot be recomputed after its last use.
    Again(u32),
    /// What was asked for.
    It,
}

impl Missing {
    /// What stands in the way of a whole, one part of which was asked for.
    pub(super) fn or(self, part: Self) -> Self {
        match self {
            Self::It => part,
            other => other,
        }
    }
}

/// A copy of a root, and the version that it has.
#[derive(Clone, Copy)]
pub(super) struct Held {
    pub(super) copy: u32,
    pub(super) version: u32,
}

/// The copies that each root has.
pub(super) struct Copies {
    /// In the fast memory.
    pub(super) fast: Vec<Option<Held>>,
    /// In the fast memory, in compressed form.
    pub(super) compressed: Vec<Option<Held>>,
    /// In the slow memory: the latest.
    pub(super) slow: Vec<Option<Held>>,
    /// Further copies in the fast memory, which are given up after the next operator that is not
    /// rerun.
    pub(super) temporary: BTreeSet<(Operand, u32)>,
}

pub(super) struct Emitter<'m> {
    pub(super) model: &'m Model,
    pub(super) choices: &'m Choices,
    pub(super) out: Emitted,
    pub(super) copies: Copies,
    /// For each operator, the idle intervals that end before it.
    pub(super) ending: Vec<Vec<u32>>,
    /// For each operator, the idle intervals whose roots leave before it, and no earlier.
    pub(super) leaving: Vec<Vec<u32>>,
    /// For each operator, the roots that are fetched before it because they are cold until then.
    pub(super) arriving: Vec<Vec<u32>>,
    /// For each operator, the roots that are recomputed before it after their last use.
    pub(super) again: Vec<Vec<u32>>,
    /// For each root, the idle interval that is to end before the next operator.
    pub(super) pending: Vec<u32>,
    /// For each root, how many uses there have been.
    used: Vec<u32>,
    pub(super) moment: u32,
    /// The operator that is next.
    pub(super) next: u32,
    /// How many operators have been rerun before it.
    pub(super) reruns: usize,
}

impl<'m> Emitter<'m> {
    pub(super) fn new(model: &'m Model, choices: &'m Choices) -> Self {
        let mut ending = vec![Vec::new(); model.ops.len() + 1];
        let mut leaving = ending.clone();
        for (idle, choice) in choices.idles.iter().enumerate() {
            if choice.way != Way::Keep {
                ending[choice.back as usize].push(idle as u32);
                if choice.leave > 0 {
                    leaving[choice.leave as usize].push(idle as u32);
                }
            }
        }
        let mut again = vec![Vec::new(); model.ops.len() + 1];
        for (root, &tail) in choices.tails.iter().enumerate() {
            if let Tail::Again(back) = tail {
                again[back as usize].push(root as u32);
            }
        }
        let mut arriving = vec![Vec::new(); model.ops.len() + 1];
        for &root in &model.inputs {
            if let Some(op) = model.arrival(root) {
                arriving[op as usize].push(root);
            }
        }
        let roots = model.roots.len();
        Self {
            model,
            choices,
            out: Emitted::default(),
            copies: Copies {
                fast: vec![None; roots],
                compressed: vec![None; roots],
                slow: vec![None; roots],
                temporary: BTreeSet::new(),
            },
            ending,
            leaving,
            arriving,
            again,
            pending: vec![NONE; roots],
            used: vec![0; roots],
            moment: 0,
            next: 0,
            reruns: 0,
        }
    }

    /// A root has been used: it stays, leaves, or is given up.
    pub(super) fn after_use(&mut self, root: u32) {
        let uses = &self.model.root(root).uses;
        let used = uses[self.used[root as usize] as usize];
        self.used[root as usize] += 1;
        let is_last = self.used[root as usize] as usize == uses.len();
        if used.idle != NONE && self.choices.get(used.idle).leave > 0 {
            return;
        }
        match (self.choices.way(used.idle), is_last) {
            (Way::Keep, false) => {}
            (Way::Keep, true) => {
                match self.choices.tails[root as usize] {
                    Tail::Gone | Tail::Again(_) => {}
                    Tail::Kept(_) => return,
                    Tail::Spilled => self.spill(root),
                    Tail::Compressed => self.compress(root),
                }
                self.copies.fast[root as usize] = None;
            }
            _ => self.leave(used.idle),
        }
    }

    /// A root leaves in an idle interval.
    pub(super) fn leave(&mut self, idle: u32) {
        let root = self.model.idle(idle).root;
        match self.choices.way(idle) {
            Way::Keep | Way::Recompute => {}
            Way::Spill => self.spill(root),
            Way::Compress => self.compress(root),
        }
        self.copies.fast[root as usize] = None;
    }

    /// Writes a root to the slow memory, unless it is there already.
    fn spill(&mut self, root: u32) {
        let Some(held) = self.copies.fast[root as usize] else {
            return;
        };
        let slow = self.copies.slow[root as usize];
        let is_there = slow.is_some_and(|slow| slow.version == held.version);
        let version = held.version;
        if self.model.is_stored(Operand { root, version }) || is_there {
            return;
        }
        let copy = self.copy(root, CopyKind::Slow);
        self.copies.slow[root as usize] = Some(Held { copy, version });
        self.push(Action::Spill(root), &[held.copy], &[copy]);
        self.out.cost.written_bytes += self.model.size(root);
        self.out.cost.spill_seconds += self.model.write_cost(root);
    }

    /// Fetches a root that is cold before its first use.
    pub(super) fn arrive(&mut self, root: u32) {
        let copy = self.copy(root, CopyKind::Plain);
        self.copies.fast[root as usize] = Some(Held { copy, version: 0 });
        self.push(Action::Fetch(root), &[], &[copy]);
        self.out.cost.read_bytes += self.model.size(root);
        self.out.cost.fetch_seconds += self.model.read_cost(root);
    }

    /// Makes the compressed copy of a root.
    fn compress(&mut self, root: u32) {
        let held = self.copies.fast[root as usize];
        let (Some(held), Some(form)) = (held, self.model.compressed(root)) else {
            return;
        };
        let copy = self.copy(root, CopyKind::Compressed);
        let version = held.version;
        self.copies.compressed[root as usize] = Some(Held { copy, version });
        self.push(Action::Compress(root), &[held.copy], &[copy]);
        self.out.cost.compressed_bytes += self.model.size(root);
        self.out.cost.compress_seconds += form.compress_seconds;
    }

    /// The copy of a root in the fast memory, if it is in this version.
    pub(super) fn there(&self, operand: Operand) -> Option<u32> {
        let root = operand.root as usize;
        let held = self.copies.fast[root].filter(|held| held.version == operand.version)?;
        let is_over = self.used[root] as usize == self.model.roots[root].uses.len();
        let is_given_up = is_over && !self.choices.tails[root].reaches(self.next);
        (!is_given_up).then_some(held.copy)
    }

    pub(super) fn copy(&mut self, root: u32, kind: CopyKind) -> u32 {
        self.out.add_copy(root, kind)
    }

    pub(super) fn push(&mut self, action: Action, reads: &[u32], writes: &[u32]) {
        self.out.push(self.moment, action, reads, writes);
    }
}
