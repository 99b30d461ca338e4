//! Capacity search: lowers the peak by searching below one capacity after the other. Two strategies
//! do nothing else.
//!
//! The goal is the first capacity to be tried. If the search finds no plan there within its nodes,
//! it goes up the [ladder](super::capacity_ladder). A capacity below which it has tried everything
//! is claimed as a bound. When it fails on every rung, the squeaky wheel takes a few turns and the
//! nodes double.
//!
//! If the goal is a capacity that the user gave, no other one is tried. When nothing is left to try
//! there, a few buffers are searched for how far it is out of reach, and the search ends.

use alloc::vec::Vec;

use super::budget::NODES_OUT_OF_REACH;
use super::capacity_ladder::{self, RUNGS};
use super::critical::{Attempt, CriticalSet};
use super::exhaustion::Exhaustion;
use super::greedy::Greedy;
use super::incumbent::Incumbent;
use super::remainder::Conflicts;
use super::section_space::SectionDecoder;
use super::squeaky_wheel::{SectionPriorities, SqueakyWheel};
use super::strategy::{Strategy, Task};

/// Nodes of the first attempts: this many, and one for every other buffer.
const FIRST_NODES: u64 = 4000;
/// How many times the nodes of other capacities the goal gets.
const GOAL_SHARE: u64 = 3;
/// Turns of the wheel after the first attempts; more as the nodes become more.
const FIRST_TURNS: u64 = 6;

/// A search for lower and lower peaks.
pub(super) struct CapacitySearch {
    critical: CriticalSet,
    /// Turned between attempts, if there is one.
    wheel: Option<SqueakyWheel<SectionPriorities>>,
    /// Goes on between attempts, if there is one.
    exhaustion: Option<Exhaustion>,
    /// All offsets are multiples of this: they are sums of sizes, rounded up to alignments.
    granularity: u64,
    /// Whether the goal is a capacity: then no plan above it is of use.
    is_capacity: bool,
}

impl CapacitySearch {
    pub(super) fn new(
        task: &Task<'_>,
        critical: CriticalSet,
        wheel: Option<SqueakyWheel<SectionPriorities>>,
        exhaustion: Option<Exhaustion>,
    ) -> Self {
        let powers = task.buffers.iter().map(|b| 1 << b.size.trailing_zeros());
        let has_fixed = task.buffers.iter().any(|b| b.fixed_offset.is_some());
        Self {
            critical,
            wheel,
            exhaustion,
            granularity: match has_fixed {
                true => 1,
                false => powers.min().unwrap_or(1),
            },
            is_capacity: task.capacity.is_some(),
        }
    }

    /// Improves the incumbent until it reaches the goal, the budget is spent, or nothing is left to
    /// try.
    pub(super) fn improve(
        mut self,
        task: &Task<'_>,
        decoder: &mut SectionDecoder<'_>,
        incumbent: &mut Incumbent,
    ) {
        let first = FIRST_NODES + task.buffers.len() as u64 / 2;
        let mut nodes = first;
        // The lowest capacity that is not exhausted.
        let mut least = task.goal;
        while incumbent.peak > task.goal && !task.budget.is_over() {
            let before = incumbent.peak;
            let ladder = self.ladder(least, incumbent.peak);
            if ladder.is_empty() {
                return self.exhaust(task, nodes, incumbent);
            }
            let mut too_large = true;
            for capacity in ladder {
                let share = if capacity == task.goal { GOAL_SHARE } else { 1 };
                let nodes = nodes.saturating_mul(share);
                let attempt = self
                    .critical
                    .attempt(task, capacity, nodes, decoder, incumbent);
                too_large &= attempt == Attempt::TooLarge;
                match attempt {
                    Attempt::Fits => break,
                    Attempt::Spent | Attempt::TooLarge => {}
                    // Nothing is known of the capacity: more nodes tell.
                    Attempt::GivenUp if self.is_capacity => {}
                    Attempt::GivenUp => least = least.max(capacity + 1),
                    Attempt::Exhausted => {
                        least = least.max(capacity + 1);
                        task.prove(capacity + 1);
                        if self.is_capacity {
                            return self.measure_lack(task, incumbent);
                        }
                    }
                }
                if incumbent.peak <= task.goal || task.budget.is_over() {
                    return;
                }
            }
            let turns = FIRST_TURNS * (nodes / first);
            let is_over = self.turn_wheel(task, turns, decoder, incumbent);
            if is_over || (too_large && self.wheel.is_none()) {
                return;
            }
            if let Some(exhaustion) = &mut self.exhaustion {
                if exhaustion.is_of_few() && exhaustion.improve(task, nodes, incumbent) {
                    return;
                }
            }
            if incumbent.peak == before {
                nodes = nodes.saturating_mul(2);
            }
        }
    }

    /// The capacities from `least` on and below `peak`, the lowest first.
    fn ladder(&self, least: u64, peak: u64) -> Vec<u64> {
        if least >= peak {
            return Vec::new();
        }
        let rungs = if self.is_capacity { 0..1 } else { 0..RUNGS };
        let capacity = |rung| capacity_ladder::capacity(rung, least, peak, self.granularity);
        let mut ladder: Vec<u64> = rungs.map(capacity).collect();
        ladder.dedup();
        ladder
    }

    /// Says by how much the capacity is too low, if there are so few buffers that it takes little
    /// time.
    fn measure_lack(&mut self, task: &Task<'_>, incumbent: &mut Incumbent) {
        if let Some(exhaustion) = self.exhaustion.as_mut().filter(|of| of.is_of_few()) {
            exhaustion.improve(task, NODES_OUT_OF_REACH, incumbent);
        }
    }

    /// Goes on with the search by exhaustion alone, until it or the budget ends.
    fn exhaust(&mut self, task: &Task<'_>, mut nodes: u64, incumbent: &mut Incumbent) {
        let Some(exhaustion) = &mut self.exhaustion else {
            return;
        };
        while !exhaustion.improve(task, nodes, incumbent) && !task.budget.is_over() {
            nodes = nodes.saturating_mul(2);
        }
    }

    /// Turns the wheel, if there is one; returns whether to stop.
    fn turn_wheel(
        &mut self,
        task: &Task<'_>,
        turns: u64,
        decoder: &mut SectionDecoder<'_>,
        incumbent: &mut Incumbent,
    ) -> bool {
        let Some(wheel) = &mut self.wheel else {
            return false;
        };
        (0..turns).any(|_| wheel.turn(task, decoder, incumbent))
    }
}

/// One greedy pass, so that there always is a plan, however few nodes there are. If there is none
/// yet when the time is over, the [rest](super::remainder) is placed without a search. Returns
/// whether to stop.
pub(super) fn first_pass(
    task: &Task<'_>,
    decoder: &mut SectionDecoder<'_>,
    incumbent: &mut Incumbent,
) -> bool {
    if !incumbent.is_empty() && incumbent.peak <= task.goal {
        return true;
    }
    let order = Greedy::SizeBuckets.order(task.buffers, decoder.sections());
    let is_first = incumbent.is_empty();
    let budget = match is_first {
        true => task.budget.of_first_plan(task.buffers.len()),
        false => task.budget.clone(),
    };
    match decoder.decode(&order, &budget) {
        Some(peak) if incumbent.offer(task, peak, decoder.offsets()) => return true,
        None if is_first => incumbent.complete(task, decoder.offsets(), Conflicts::OfRows),
        _ => {}
    }
    task.budget.spend(task.buffers.len() as u64);
    task.budget.is_over()
}

/// A capacity search without a squeaky wheel, after one greedy pass.
#[derive(Clone, Copy, Debug)]
pub(super) enum SearchAlone {
    /// The skyline search places all buffers.
    Skyline,
    /// The skyline search places the critical set, a greedy pass the others.
    CriticalFirst,
}

impl Strategy for SearchAlone {
    fn name(&self) -> &str {
        match self {
            Self::Skyline => "skyline",
            Self::CriticalFirst => "core",
        }
    }

    fn place(&self, task: &Task<'_>) -> Vec<u64> {
        let mut incumbent = Incumbent::new(task);
        let mut decoder = SectionDecoder::of_lifetimes(task.buffers);
        if !first_pass(task, &mut decoder, &mut incumbent) {
            let critical = match self {
                Self::Skyline => CriticalSet::all(task, &decoder),
                Self::CriticalFirst => CriticalSet::empty(task, &decoder),
            };
            let search = CapacitySearch::new(task, critical, None, None);
            search.improve(task, &mut decoder, &mut incumbent);
        }
        incumbent.offsets
    }
}
