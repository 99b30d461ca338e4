//! What the strategies reached, and which of them stand out.
//!
//! Stands on the library. Invariant: the best is the lowest peak, and of equal peaks the fastest.

#![forbid(unsafe_code)]

use std::time::Duration;

use orionrt::{Lifetimes, Plan, planner::PlannerError};

/// The strategy that the best one is drawn beside.
const BASELINE: &str = "greedy-size";

/// What the strategies reached.
pub(super) struct Comparison {
    /// One entry for each strategy that was started.
    pub(super) entries: Vec<Entry>,
    /// The strategies that were not started, if Ctrl-C ended the last entry.
    pub(super) not_started: Option<Vec<String>>,
}

/// What one strategy reached.
pub(super) struct Entry {
    pub(super) strategy: String,
    pub(super) planned: Result<Plan, PlannerError>,
    pub(super) time: Duration,
}

impl Entry {
    pub(super) fn plan(&self) -> Option<&Plan> {
        self.planned.as_ref().ok()
    }
}

impl Comparison {
    pub(super) fn plans(&self) -> impl Iterator<Item = &Plan> {
        self.entries.iter().filter_map(Entry::plan)
    }

    /// The index of the lowest peak, and of equal peaks the fastest.
    pub(super) fn best(&self) -> Option<usize> {
        let each = self.entries.iter().enumerate();
        let reached = each.filter_map(|(i, entry)| Some((entry.plan()?.peak(), entry.time, i)));
        reached.min().map(|(_, _, i)| i)
    }

    /// The plan of the best.
    pub(super) fn best_plan(&self) -> Option<&Plan> {
        self.entries[self.best()?].plan()
    }

    /// The two that are drawn: the baseline and the best. The baseline is the greedy strategy that
    /// many runtimes have or, where that is as good as the best, the one with the highest peak.
    pub(super) fn drawn(&self) -> Vec<&Entry> {
        let Some(best) = self.best().map(|best| &self.entries[best]) else {
            return Vec::new();
        };
        let peak = |entry: &Entry| entry.plan().map(Plan::peak);
        let others = || {
            let each = self.entries.iter();
            each.filter(|entry| entry.plan().is_some() && entry.strategy != best.strategy)
        };
        let usual = others().find(|of| of.strategy == BASELINE && peak(of) > peak(best));
        let baseline = usual.or_else(|| others().max_by_key(|entry| peak(entry)));
        baseline.into_iter().chain([best]).collect()
    }

    /// The highest bound that a plan states. It counts in the alignment, which the lifetimes do not
    /// know, and what a search has proven.
    pub(super) fn lower_bound(&self, lifetimes: &Lifetimes) -> u64 {
        let proven = self.plans().map(Plan::lower_bound).max();
        proven.unwrap_or_else(|| lifetimes.lower_bound())
    }
}
