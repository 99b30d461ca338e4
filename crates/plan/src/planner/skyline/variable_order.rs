//! The variable order: which section to decide next.
//!
//! A section is urgent if it leaves little choice and if it failed before. Each section has a
//! *weighted degree* (dom/wdeg; Boussemart, Hemery, Lecoutre and Sais 2004): its weight grows with
//! every failure in it, the more the later. Weights outlive restarts, so that the next run begins
//! where the last ones failed. No order is the best everywhere: runs [take
//! turns](super::heuristics).

use alloc::vec::Vec;

/// How the candidates, the slack and the weight of a section make its score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum VariableOrder {
    /// The number of candidates over the weighted degree.
    WeightedDegree,
    /// The number of candidates over the square root of the weighted degree.
    DampedWeightedDegree,
    /// Few candidates; slack counts as three more, and among equals the least slack wins.
    Slack,
    /// Few candidates; among equals the least slack wins.
    Candidates,
    /// Sections without slack before all others.
    NoSlackFirst,
}

/// The weights of sections, and the order that a run scores them by.
#[derive(Debug)]
pub(super) struct SectionScoring {
    pub(super) order: VariableOrder,
    /// In parts of the first failure's weight, [`INITIAL_WEIGHT`].
    weights: Vec<u64>,
    /// The weight of the next failure.
    next: u64,
}

/// The weight of a section that has never failed.
const INITIAL_WEIGHT: u64 = 1 << 20;
/// Each failure weighs more than the last one by one part in this many.
const GROWTH: u64 = 1000;
/// When a failure weighs more than this, all weights are scaled down.
const MOST_WEIGHT: u64 = 1 << 50;

impl SectionScoring {
    pub(super) fn new(sections: usize) -> Self {
        Self {
            order: VariableOrder::WeightedDegree,
            weights: alloc::vec![INITIAL_WEIGHT; sections],
            next: INITIAL_WEIGHT,
        }
    }

    /// Adds a failure to a section's weight.
    pub(super) fn add_failure(&mut self, section: usize) {
        self.weights[section] += self.next;
        self.next += self.next / GROWTH;
        if self.next > MOST_WEIGHT {
            let scale = self.next / INITIAL_WEIGHT;
            self.next = INITIAL_WEIGHT;
            for weight in &mut self.weights {
                *weight = (*weight / scale).max(1);
            }
        }
    }

    /// The score of a section: the lowest is the most urgent; infinite if nothing is open.
    pub(super) fn score(&self, section: usize, candidates: u32, slack: u64, capacity: u64) -> f32 {
        if candidates == 0 {
            return f32::INFINITY;
        }
        let count = candidates as f32;
        let loose = if slack > 0 { 1.0 } else { 0.0 };
        let share = slack as f32 / capacity as f32;
        let weight = self.weights[section];
        match self.order {
            VariableOrder::WeightedDegree => (2.0 * count + loose) / weight as f32,
            VariableOrder::DampedWeightedDegree => (2.0 * count + loose) / weight.isqrt() as f32,
            VariableOrder::Slack => count + 3.0 * loose + share,
            VariableOrder::Candidates => 2.0 * count + loose + share,
            VariableOrder::NoSlackFirst => count + 1000.0 * loose,
        }
    }
}
