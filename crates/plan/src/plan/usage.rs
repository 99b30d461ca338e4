//! How a planned region is used over time: what is alive, how far up it reaches, and what is idle.
//!
//! Stands on the plan, whose live ranges are swept over once: a tensor in a gap is not alive. Of a
//! tensor with windows, its pieces are swept over: only bytes that are needed are alive.
//!
//! ```text
//! bytes  peak ┌─────────────────────────────── the region ──┐
//!             │        ┌──c──┐   ← reach at this step       │
//!             │   ┌─b──┴──┐  │                              │   live = b + c, idle = peak - live
//!             └───┴───────┴──┴──────────────────────────────┘ step
//! ```
//!
//! Invariant: sections are in order of time, without gaps, from the first birth to the last death;
//! `live <= reach <= peak`.

use alloc::{collections::BTreeSet, vec::Vec};
use core::ops::Range;

use super::checked::Plan;
use crate::{ids::TensorId, lifetimes::Lifetimes, work};

/// Consecutive steps at which the same tensors are alive.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Section {
    /// The steps, half-open.
    pub steps: Range<i64>,
    /// Bytes of the tensors that are alive: the load. Of a tensor with windows, those that are
    /// needed.
    pub live_bytes: u64,
    /// The end of the topmost live byte, in bytes from the start of the region. Whatever lies
    /// below and is not alive is fragmentation.
    pub reach: u64,
}

impl Section {
    /// Bytes below the end of the topmost live tensor that nobody uses.
    #[must_use]
    pub fn fragmented_bytes(&self) -> u64 {
        self.reach - self.live_bytes
    }
}

/// The use of a planned region over time. Made by [`Plan::usage`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// The sections in order of time, from the first birth to the last death.
    pub sections: Vec<Section>,
    /// The size of the region in bytes: the plan's peak.
    pub planned_bytes: u64,
    /// The tensors that are alive when most bytes are alive for the first time, largest first. To
    /// need less memory, make these smaller.
    pub at_peak: Vec<TensorId>,
}

impl Usage {
    /// The section with most bytes alive, the first if there are several; `None` if nothing is ever
    /// alive.
    #[must_use]
    pub fn fullest(&self) -> Option<&Section> {
        let most = self.sections.iter().map(|s| s.live_bytes).max()?;
        self.sections.iter().find(|s| s.live_bytes == most)
    }

    /// Bytes of the region that are idle in a section.
    #[must_use]
    pub fn idle_bytes(&self, section: &Section) -> u64 {
        self.planned_bytes - section.live_bytes
    }

    /// The share of the region that is alive, averaged over all steps. 1.0 means that the region is
    /// always full.
    #[must_use]
    pub fn mean_use(&self) -> f64 {
        let steps = |s: &Section| s.steps.end.abs_diff(s.steps.start) as f64;
        let all: f64 = self.sections.iter().map(steps).sum();
        let used = self.sections.iter().map(|s| steps(s) * s.live_bytes as f64);
        let used: f64 = used.sum();
        match all * self.planned_bytes as f64 {
            0.0 => 1.0,
            whole => used / whole,
        }
    }
}

impl Plan {
    /// How the region is used over time. O(n log n).
    ///
    /// ```
    /// use orionrt_plan::{Lifetimes, Plan, TensorId};
    /// let rows = [("a", 0, 2, 100, 1), ("b", 1, 3, 300, 1), ("c", 2, 4, 100, 1)];
    /// let usage = Plan::new(Lifetimes::from_rows(rows)?, vec![0, 100, 0])?.usage();
    /// let live: Vec<u64> = usage.sections.iter().map(|s| s.live_bytes).collect();
    /// assert_eq!(live, [100, 400, 400, 100]);
    /// assert_eq!(usage.sections[3].reach, 100);
    /// assert_eq!(usage.at_peak, [TensorId::new(1), TensorId::new(0)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn usage(&self) -> Usage {
        let (sections, fullest) = match self.lifetimes().piece_rows() {
            None => sections(self.lifetimes(), self.offsets()),
            Some(pieces) => sections(&pieces.lifetimes, &pieces.offsets(self.offsets())),
        };
        Usage {
            sections,
            planned_bytes: self.peak(),
            at_peak: fullest.map_or_else(Vec::new, |step| self.alive_at(step)),
        }
    }

    /// The tensors that are alive at a step, largest first.
    fn alive_at(&self, step: i64) -> Vec<TensorId> {
        let alive = self.lifetimes().lives();
        let alive = alive.inspect(|_| work::count(1));
        let alive = alive.filter(|(_, steps)| steps.contains(&step));
        let mut alive: Vec<usize> = alive.map(|(row, _)| row).collect();
        let size = |i: usize| self.lifetimes().rows()[i].size;
        alive.sort_by_key(|&i| (core::cmp::Reverse(size(i)), i));
        alive.into_iter().map(TensorId::from_index).collect()
    }
}

/// The sections of placed rows, and the first step of the fullest.
fn sections(lifetimes: &Lifetimes, offsets: &[u64]) -> (Vec<Section>, Option<i64>) {
    let rows = lifetimes.rows();
    let end = |i: usize| (offsets[i] + rows[i].size, i);
    let mut ends: BTreeSet<(u64, usize)> = BTreeSet::new();
    let mut live_bytes = 0;
    let mut sections = Vec::new();
    let (mut most, mut fullest) = (0, None);
    lifetimes.sweep(|steps, born, died| {
        for &i in born {
            ends.insert(end(i));
            live_bytes += rows[i].size;
        }
        for &i in died {
            ends.remove(&end(i));
            live_bytes -= rows[i].size;
        }
        if steps.is_empty() {
            return;
        }
        if live_bytes > most {
            most = live_bytes;
            fullest = Some(steps.start);
        }
        sections.push(Section {
            steps,
            live_bytes,
            reach: ends.last().map_or(0, |&(end, _)| end),
        });
    });
    (sections, fullest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifetimes::Lifetime;
    use crate::planner::Planner;
    use proptest::prelude::*;

    #[test]
    fn a_plan_without_live_tensors_has_no_sections() {
        let none: [(&str, i64, i64, u64, u64); 0] = [];
        let usage = Plan::new(Lifetimes::from_rows(none).unwrap(), Vec::new())
            .unwrap()
            .usage();
        assert_eq!((usage.fullest(), usage.mean_use()), (None, 1.0));
    }

    #[test]
    fn the_tensors_of_a_peak_that_rises_at_each_step_are_listed_once() {
        let rows = |n: u64| (0..n).map(move |i| (i.to_string(), i as i64, n as i64, 1, 1));
        let steps = |n: u64| {
            let lifetimes = Lifetimes::from_rows(rows(n)).unwrap();
            let plan = Plan::new(lifetimes, (0..n).collect()).unwrap();
            let (usage, steps) = work::during(|| plan.usage());
            assert_eq!(
                (usage.at_peak.len(), usage.sections.len()),
                (n as usize, n as usize)
            );
            steps
        };
        assert!(steps(4000) < 3 * steps(2000));
    }

    proptest! {
        #[test]
        fn live_bytes_reach_and_peak_are_those_of_every_single_step(
            rows in prop::collection::vec((0i64..30, 0i64..10, 0u64..100), 1..40),
        ) {
            let rows = rows.iter().enumerate();
            let rows = rows.map(|(i, &(lower, length, size))| {
                (i.to_string(), lower, lower + length, size, 1)
            });
            let lifetimes = Lifetimes::from_rows(rows).unwrap();
            let plan = Planner::new().nodes(1000).plan(&lifetimes).unwrap();
            let usage = plan.usage();
            let neighbours = usage.sections.windows(2);
            let mut bounds = neighbours.map(|pair| (pair[0].steps.end, pair[1].steps.start));
            prop_assert!(bounds.all(|(end, start)| end == start));
            let alive = |step: i64| {
                let rows = plan.lifetimes().rows().iter().zip(plan.offsets());
                let is_alive = move |row: &Lifetime| (row.lower..row.upper).contains(&step);
                rows.filter(move |(row, _)| row.occupies() && is_alive(row))
            };
            for section in &usage.sections {
                for step in section.steps.clone() {
                    let sizes = alive(step).map(|(row, _)| row.size);
                    prop_assert_eq!(section.live_bytes, sizes.sum::<u64>());
                    let ends = alive(step).map(|(row, offset)| offset + row.size);
                    prop_assert_eq!(section.reach, ends.max().unwrap_or(0));
                }
            }
            prop_assert_eq!(usage.fullest().map_or(0, |s| s.live_bytes), plan.load());
            let sizes = usage.at_peak.iter().map(|&id| plan.lifetimes().get(id).unwrap().size);
            prop_assert_eq!(sizes.sum::<u64>(), plan.load());
            prop_assert!((0.0..=1.0).contains(&usage.mean_use()));
        }
    }
}
