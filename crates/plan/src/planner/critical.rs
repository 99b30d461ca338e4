//! Core first: what is alive in tight moments is searched, all the rest is put around it greedily.
//!
//! Most buffers of a large instance are never in the way. The *core* are those that live through a section with nearly as
//! much load as the capacity; the [skyline search](super::skyline) fits them below the capacity, the rest takes the lowest free
//! bytes, and what then ends above the capacity joins the core for the next attempt.
//!
//! Invariant: a buffer that has joined stays in the core.

use alloc::vec::Vec;

use super::{
    Task,
    best::Best,
    greedy::Decoder,
    size_buckets::Bands,
    skyline::{Outcome, Solver},
};
use crate::lifetimes::Lifetime;

/// A section is tight from so many percent of the capacity on.
const TIGHT_PERCENT: u64 = 95;
/// Above so many percent of the buffers, all of them are the core.
const MOST_PERCENT: usize = 60;
/// Up to so many buffers all of them are the core at once.
const SMALL: usize = 500;

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    /// The best plan keeps within the capacity.
    Fits,
    /// Not within the nodes.
    Spent,
    /// Every possibility has been tried.
    Hopeless,
    /// The core is too large to be searched.
    TooLarge,
}

#[derive(Debug)]
pub(super) struct Core {
    tightest: Vec<u64>,
    /// Greedy order of the rest.
    order: Vec<usize>,
    is_member: Vec<bool>,
    members: usize,
    parts: Vec<Part>,
    /// Whether `parts` are those of the present core.
    is_current: bool,
}

/// Buffers of the core that no other of the core meets in time.
#[derive(Debug)]
struct Part {
    positions: Vec<usize>,
    solver: Solver,
}

impl Core {
    /// A core that grows from nothing.
    pub(super) fn growing(task: &Task<'_>, decoder: &Decoder<'_>) -> Self {
        let tightest = decoder.sections().tightest(task.buffers);
        let bands = Bands::default();
        let order = bands.order(
            &bands.urgencies(task.buffers, &tightest),
            decoder.sections(),
        );
        Self {
            tightest,
            order,
            is_member: alloc::vec![false; task.buffers.len()],
            members: 0,
            parts: Vec::new(),
            is_current: false,
        }
    }

    /// All buffers are the core: the search alone.
    pub(super) fn whole(task: &Task<'_>, decoder: &Decoder<'_>) -> Self {
        let mut core = Self::growing(task, decoder);
        core.join(0..task.buffers.len());
        core
    }

    /// Looks for a plan within `capacity`, visiting about `nodes` nodes.
    pub(super) fn attempt(
        &mut self,
        task: &Task<'_>,
        capacity: u64,
        nodes: u64,
        decoder: &mut Decoder<'_>,
        best: &mut Best,
    ) -> Attempt {
        let tight = (u128::from(capacity) * u128::from(TIGHT_PERCENT) / 100) as u64;
        let members: Vec<usize> = self.tight(tight).collect();
        self.join(members);
        loop {
            if !self.is_current && !self.divide(task) {
                return Attempt::TooLarge;
            }
            match self.solve(task, capacity, nodes) {
                Outcome::Fits => {}
                Outcome::Spent => return Attempt::Spent,
                Outcome::Exhausted => return Attempt::Hopeless,
            }
            let placed = self.placed();
            let Some(peak) = decoder.decode_around(&placed, &self.order, &task.budget) else {
                return Attempt::Spent;
            };
            best.offer(task, peak, decoder.offsets());
            if peak <= capacity {
                return Attempt::Fits;
            }
            let ends = task.buffers.iter().zip(decoder.offsets());
            let ends = ends.map(|(buffer, offset)| offset.saturating_add(buffer.size));
            let above = ends.enumerate().filter(|(_, end)| *end > capacity);
            self.join(above.map(|(i, _)| i));
            if self.is_current {
                return Attempt::Hopeless;
            }
        }
    }

    /// The buffers that live through a section with so much load.
    fn tight(&self, load: u64) -> impl Iterator<Item = usize> {
        let tightest = self.tightest.iter().enumerate();
        tightest
            .filter(move |(_, most)| **most >= load)
            .map(|(i, _)| i)
    }

    fn join(&mut self, buffers: impl IntoIterator<Item = usize>) {
        let before = self.members;
        for i in buffers {
            self.members += usize::from(!self.is_member[i]);
            self.is_member[i] = true;
        }
        let all = self.is_member.len();
        if all <= SMALL || self.members * 100 > all * MOST_PERCENT {
            self.is_member.fill(true);
            self.members = self.is_member.len();
        }
        self.is_current &= self.members == before;
    }

    fn solve(&mut self, task: &Task<'_>, capacity: u64, nodes: u64) -> Outcome {
        let each = |part: &mut Part| part.solver.solve(capacity, nodes, &task.budget);
        let outcomes = self.parts.iter_mut().map(each);
        { outcomes }
            .find(|outcome| *outcome != Outcome::Fits)
            .unwrap_or(Outcome::Fits)
    }

    /// Divides the core into parts; `false` if one is too large to be searched.
    fn divide(&mut self, task: &Task<'_>) -> bool {
        let mut members: Vec<usize> = (0..self.is_member.len())
            .filter(|&i| self.is_member[i] || task.buffers[i].fixed_offset.is_some())
            .collect();
        members.sort_by_key(|&i| (task.buffers[i].lower, i));
        let mut parts = Vec::new();
        let mut until = i64::MIN;
        for i in members {
            let buffer = &task.buffers[i];
            if buffer.lower >= until || parts.is_empty() {
                parts.push(Vec::new());
            }
            until = until.max(buffer.upper);
            if let Some(part) = parts.last_mut() {
                part.push(i);
            }
        }
        let part = |positions: Vec<usize>| {
            let buffers: Vec<Lifetime> = positions.iter().map(|&i| task.buffers[i]).collect();
            Solver::is_affordable(&buffers).then(|| Part {
                solver: Solver::new(&buffers, task.seed),
                positions,
            })
        };
        let parts: Option<Vec<Part>> = parts.into_iter().map(part).collect();
        self.is_current = parts.is_some();
        self.parts = parts.unwrap_or_default();
        self.is_current
    }

    /// Where the solved parts put their buffers.
    fn placed(&self) -> Vec<(usize, u64)> {
        let each = self.parts.iter().flat_map(|part| {
            let placed = part.solver.placed();
            placed.map(|(position, offset)| (part.positions[position], offset))
        });
        each.collect()
    }
}
