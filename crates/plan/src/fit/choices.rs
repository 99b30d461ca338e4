//! What the search decides: what becomes of each root in each of its idle intervals.
//!
//! Stands on [`Model`]. Any choices are allowed; whether they make a schedule is found out by
//! `emit`. Invariant: there is one choice for each idle interval, and one tail for each root.

use alloc::{vec, vec::Vec};
use core::ops::Range;

use super::model::{Idle, Model, NONE, moment_before, op_moment};

/// Where a root is while it is idle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// In the fast memory.
    Keep,
    /// In the slow memory.
    Spill,
    /// In the fast memory, in compressed form.
    Compress,
    /// Nowhere: it is recomputed.
    Recompute,
}

impl Way {
    /// Those by which bytes are freed.
    pub(super) const FREEING: [Self; 3] = [Self::Spill, Self::Compress, Self::Recompute];
}

/// The choice for one idle interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) way: Way,
    /// The operator before which the root comes back; at the latest, that which needs it.
    pub(super) back: u32,
    /// The operator before which the root is still there, to recompute something of it; 0 if it
    /// leaves at once.
    pub(super) leave: u32,
}

impl Choice {
    /// The root leaves at once.
    pub(super) fn new(way: Way, back: u32) -> Self {
        Self {
            way,
            back,
            leave: 0,
        }
    }

    /// The bytes that it frees in the moments in which the root is elsewhere.
    pub(super) fn freed(self, model: &Model, of: &Idle) -> i64 {
        let compressed = match self.way {
            Way::Keep => model.size(of.root),
            Way::Compress => model.compressed(of.root).map_or(0, |form| form.bytes),
            Way::Spill | Way::Recompute => 0,
        };
        model.size(of.root) as i64 - compressed as i64
    }

    /// The moments in which the root is elsewhere.
    pub(super) fn absence(self, of: &Idle) -> Range<u32> {
        let absence = of.absence(self.back);
        // Even an input that exists elsewhere is there while it is compressed.
        let least = match self.way {
            Way::Compress => of.from + 1,
            _ => absence.start,
        };
        let first = match self.leave {
            0 => absence.start.max(least),
            leave => absence.start.max(moment_before(leave) + 1),
        };
        first..absence.end.max(first)
    }
}

/// Where a root is after its last use, so that something can be recomputed of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tail {
    /// Nowhere.
    Gone,
    /// In the fast memory until before this operator.
    Kept(u32),
    /// In the slow memory.
    Spilled,
    /// In the fast memory, in compressed form.
    Compressed,
    /// Nowhere until it is recomputed before this operator, after the last use; then in the fast
    /// memory.
    Again(u32),
}

impl Tail {
    /// Whether the root is in the fast memory before an operator.
    pub(super) fn reaches(self, op: u32) -> bool {
        match self {
            Self::Gone | Self::Spilled | Self::Compressed => false,
            Self::Kept(until) => until >= op,
            Self::Again(back) => back <= op,
        }
    }
}

/// The choices for all idle intervals.
#[derive(Clone, Debug)]
pub(super) struct Choices {
    pub(super) idles: Vec<Choice>,
    /// Where each root is after its last use.
    pub(super) tails: Vec<Tail>,
}

/// Whether a root is in the fast memory before an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    /// It is there.
    There,
    /// It comes back before this operator.
    ComesBack,
    /// It is elsewhere, in this idle interval.
    Idle(u32),
    /// It has had its last use.
    Over,
    /// It has not been made yet.
    Never,
}

impl Choices {
    /// Everything is kept.
    pub(super) fn new(model: &Model) -> Self {
        let keep = |until| Choice::new(Way::Keep, until);
        Self {
            idles: model.idles.iter().map(|idle| keep(idle.until)).collect(),
            tails: vec![Tail::Gone; model.roots.len()],
        }
    }

    pub(super) fn get(&self, idle: u32) -> Choice {
        self.idles[idle as usize]
    }

    pub(super) fn way(&self, idle: u32) -> Way {
        match idle {
            NONE => Way::Keep,
            idle => self.idles[idle as usize].way,
        }
    }

    pub(super) fn set(&mut self, idle: u32, choice: Choice) {
        self.idles[idle as usize] = choice;
    }

    /// Keeps a root.
    pub(super) fn keep(&mut self, model: &Model, idle: u32) {
        self.set(idle, Choice::new(Way::Keep, model.idle(idle).until));
    }

    /// Where a root is in the moment before an operator, and in which version it was used last.
    pub(super) fn presence(&self, model: &Model, root: u32, op: u32) -> (Presence, u32) {
        let uses = &model.root(root).uses;
        let earlier =
            uses.partition_point(|used| used.moment < op_moment(op).min(end_moment(model)));
        // The caller has filled an input in the moment before operator 0.
        let Some(last) = earlier.checked_sub(1).map(|last| uses[last]) else {
            return (Presence::Never, 0);
        };
        let presence = match last.idle {
            NONE if earlier < uses.len() => Presence::There,
            NONE if self.tails[root as usize].reaches(op) => Presence::There,
            NONE => Presence::Over,
            idle => match self.get(idle) {
                Choice { way: Way::Keep, .. } => Presence::There,
                Choice { back, .. } if back < op => Presence::There,
                Choice { leave, .. } if leave >= op.max(1) => Presence::There,
                Choice { back, .. } if back == op => Presence::ComesBack,
                _ => Presence::Idle(idle),
            },
        };
        (presence, last.version)
    }
}

fn end_moment(model: &Model) -> u32 {
    moment_before(model.ops.len() as u32)
}
