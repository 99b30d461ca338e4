//! Some consecutive steps of an order, to be put in another order by themselves.
//!
//! Stands on [`Timeline`]. Operators are numbered from 0 in the order that they have, so that `0, 1, 2, ...` is always a
//! valid answer. Invariant: `before` and `after` are transposes of each other and go from smaller numbers to larger.

use alloc::{collections::BTreeMap, vec::Vec};
use core::ops::Range;

use super::{
    in_place::{Take, saved},
    timeline::{Model, Timeline},
};
use crate::csr::Csr;

/// What an order of these steps is judged by.
#[derive(Debug)]
pub(super) struct Problem {
    /// Bytes alive before the first step.
    pub(super) base: u64,
    /// Of those, the bytes that are not alive after the first step, whichever operator it runs.
    pub(super) opening: u64,
    /// Bytes that each operator writes.
    pub(super) grows: Vec<u64>,
    /// Of those, the bytes that are not alive after its step.
    pub(super) drops: Vec<u64>,
    /// The families that each operator reads, of those that die with their last reader here.
    pub(super) reads: Csr,
    /// The readers of each such family.
    pub(super) readers: Csr,
    /// Bytes of each such family.
    pub(super) sizes: Vec<u64>,
    /// The operator here that writes its head.
    pub(super) writers: Vec<Option<u32>>,
    /// The results that each operator may write in place of such families.
    pub(super) takes: Vec<Vec<Take>>,
    /// The operators here that must come before each.
    pub(super) before: Csr,
    /// The operators here that must come after each.
    pub(super) after: Csr,
}

impl Problem {
    pub(super) fn new(model: &Model, timeline: &Timeline, steps: Range<usize>) -> Self {
        let ops = || timeline.order[steps.clone()].iter().map(|&op| op as usize);
        let mut numbers: BTreeMap<u32, u32> = BTreeMap::new();
        let (mut sizes, mut writers) = (Vec::new(), Vec::new());
        let (mut reads, mut before) = (Csr::default(), Csr::default());
        let here = |op: u32| {
            let step = timeline.position[op as usize] as usize;
            step.checked_sub(steps.start).map(|step| step as u32)
        };
        let dies = |family: u32| (timeline.last[family as usize] as usize) < steps.end;
        for op in ops() {
            before.push(model.before.row(op).iter().filter_map(|&op| here(op)));
            let dying = model.reads.row(op).iter().copied().filter(|&f| dies(f));
            reads.push(dying.map(|family| {
                *numbers.entry(family).or_insert_with(|| {
                    sizes.push(model.sizes[family as usize]);
                    writers.push(model.writers[family as usize].and_then(here));
                    sizes.len() as u32 - 1
                })
            }));
        }
        let takes = |op: usize| {
            let takes = model.takes[op].iter();
            let takes = takes.filter_map(|take| {
                let family = *numbers.get(&take.family)?;
                Some(take.of_family(family))
            });
            takes.collect()
        };
        Self {
            base: timeline.live(model, steps.start),
            opening: if steps.start == 0 { model.opening } else { 0 },
            grows: ops().map(|op| model.grows[op]).collect(),
            drops: ops().map(|op| model.drops[op]).collect(),
            takes: ops().map(takes).collect(),
            readers: reads.transposed(sizes.len()),
            after: before.transposed(before.rows()),
            reads,
            sizes,
            writers,
            before,
        }
    }

    /// How many operators there are.
    pub(super) fn len(&self) -> usize {
        self.grows.len()
    }

    /// Numbers that one look at everything reads: the unit of work.
    pub(super) fn work(&self) -> u64 {
        let takes: usize = self.takes.iter().map(Vec::len).sum();
        (self.len() + self.before.items() + self.reads.items() + takes) as u64
    }

    /// The bytes alive at each step of an order.
    pub(super) fn loads(&self, order: &[u32]) -> Vec<u64> {
        let mut state = State::new(self);
        let mut loads = Vec::with_capacity(order.len());
        for &op in order {
            loads.push(state.load(self, op));
            state.run(self, op);
        }
        loads
    }
}

/// What is alive after some of the operators have run, in whatever order.
#[derive(Clone, Debug)]
pub(super) struct State {
    /// Bytes alive.
    pub(super) live: u64,
    /// Readers of each family that have not run.
    pub(super) unread: Vec<u32>,
    /// Operators that must run before each and have not.
    pub(super) waiting: Vec<u32>,
    opening: u64,
}

impl State {
    /// Before the first step.
    pub(super) fn new(problem: &Problem) -> Self {
        let count = |table: &Csr| {
            (0..table.rows())
                .map(|i| table.row(i).len() as u32)
                .collect()
        };
        Self {
            live: problem.base,
            unread: count(&problem.readers),
            waiting: count(&problem.before),
            opening: problem.opening,
        }
    }

    /// Bytes alive at the step that runs `op` next.
    pub(super) fn load(&self, problem: &Problem, op: u32) -> u64 {
        self.live + self.rise(problem, op)
    }

    /// By how many bytes that is more than what is alive before it.
    pub(super) fn rise(&self, problem: &Problem, op: u32) -> u64 {
        let is_last = |family: u32| self.unread[family as usize] == 1;
        problem.grows[op as usize] - saved(&problem.takes[op as usize], is_last)
    }

    /// Bytes that `op` reads and that are not alive after it, if it runs next.
    pub(super) fn frees(&self, problem: &Problem, op: u32) -> u64 {
        let reads = problem.reads.row(op as usize).iter();
        let dying = reads.filter(|&&t| self.unread[t as usize] == 1);
        dying.map(|&t| problem.sizes[t as usize]).sum()
    }

    /// By how many bytes less or more is alive after `op`, if it runs next; without what only the first step has.
    pub(super) fn change(&self, problem: &Problem, op: u32) -> i64 {
        let kept = problem.grows[op as usize] - problem.drops[op as usize];
        kept as i64 - self.frees(problem, op) as i64
    }

    pub(super) fn run(&mut self, problem: &Problem, op: u32) {
        self.live = self.live.wrapping_add_signed(self.change(problem, op)) - self.opening;
        self.opening = 0;
        self.step(problem, op, true);
    }

    /// Counts `op` as one that has run, or not any more, and leaves the bytes to the caller.
    pub(super) fn step(&mut self, problem: &Problem, op: u32, has_run: bool) {
        let count = |number: &mut u32| if has_run { *number -= 1 } else { *number += 1 };
        for &read in problem.reads.row(op as usize) {
            count(&mut self.unread[read as usize]);
        }
        for &next in problem.after.row(op as usize) {
            count(&mut self.waiting[next as usize]);
        }
    }
}
