//! Loads and lower bounds: the bytes that are alive together, over time.
//!
//! Stands on the timeline of births and deaths: a tensor with gaps is born and dies once for each
//! of its ranges, and in each run of its model. Of a tensor with windows, each of its pieces is
//! born and dies by itself. Conflicts beyond common steps can only raise a bound, which
//! [`Lifetimes::lower_bound`] adds. Only tensors with bytes of their own take part.

use alloc::{collections::BTreeSet, vec, vec::Vec};
use core::ops::Range;

use super::{collection::Lifetimes, timeline::Timeline};
use crate::bit_tree::BitTree;

impl Lifetimes {
    /// The largest sum of sizes alive at one step, in bytes. No plan has a lower peak. With several
    /// streams, steps are those of the order of submission.
    #[must_use]
    pub fn load(&self) -> u64 {
        let all = self.in_pieces();
        all.load_of(&Timeline::new(&all))
    }

    /// The load over time: `(steps, bytes)` sections in order of time, one right after the other,
    /// from the first birth to the last death. O(n log n).
    #[must_use]
    pub fn load_profile(&self) -> Vec<(Range<i64>, u64)> {
        let mut profile: Vec<(Range<i64>, u64)> = Vec::new();
        let mut load = 0u64;
        let all = self.in_pieces();
        all.sweep(|section, born, died| {
            load += born.iter().map(|&i| all.rows[i].size).sum::<u64>();
            load -= died.iter().map(|&i| all.rows[i].size).sum::<u64>();
            if section.start < section.end {
                profile.push((section, load));
            }
        });
        profile
    }

    /// The best proven lower bound of any plan's peak, in bytes: the largest of the load, a load
    /// that accounts for alignment, the highest end of a fixed offset and, with several streams,
    /// the heaviest set of tensors that may all be alive together. Of tensors with gaps every two
    /// may conflict although no step has all of them alive; such sets count as far as they are
    /// found.
    ///
    /// Alignment counts as follows, for every *g*: of the tensors alive at one step with an
    /// alignment of at least *g*, all but the topmost one take their size rounded up to *g*. With
    /// windows, what is needed of a tensor at a step counts like a tensor.
    #[must_use]
    pub fn lower_bound(&self) -> u64 {
        self.interval_bound().max(self.conflict_relation.bound())
    }

    /// The lower bound that follows from the rows alone, without conflicts of streams and models.
    pub(crate) fn interval_bound(&self) -> u64 {
        let all = self.in_pieces();
        let of_lives = all.bound_of_lives(&Timeline::new(&all));
        self.gap_bound(of_lives.max(self.bound_of_windows()))
    }

    /// The highest end that a tensor has at the lowest offset that it may have. This is no more
    /// than other bounds say unless there are windows: then a tensor may be needed whole at no
    /// step, and lies in the planned region all the same. 0 without windows.
    fn bound_of_windows(&self) -> u64 {
        let rows = self.rows.iter().filter(|row| row.occupies());
        let ends = rows.map(|row| row.fixed_offset.unwrap_or(0) + row.size);
        let highest = ends.filter(|_| self.has_windows()).max();
        highest.unwrap_or(0)
    }

    /// The lower bound that follows from loads if each row is alive as often as `later` says, so
    /// many steps later each time; see [`Timeline::of_runs`].
    pub(crate) fn bound_of_runs<'r>(&self, later: impl Fn(usize) -> &'r [i64]) -> u64 {
        self.bound_of_lives(&Timeline::of_runs(self, later, |_| true))
    }

    /// The highest of the loads, with alignments and without, and the ends of fixed tensors.
    fn bound_of_lives(&self, lives: &Timeline) -> u64 {
        let occupying = || self.rows.iter().filter(|row| row.occupies());
        // Where all sizes are multiples of an alignment, it adds nothing to the load.
        let sizes = occupying().fold(0, |bits, row| bits | row.size);
        let alignments: BTreeSet<u64> = occupying().map(|row| row.alignment).collect();
        let alignments = alignments.iter().filter(|&alignment| sizes % alignment > 0);
        let aligned = alignments.rev().take(alignments_looked_at(lives));
        let aligned = aligned.map(|&g| self.aligned_bound(g, lives)).max();
        let fixed = occupying().filter_map(|row| row.fixed_bytes().map(|bytes| bytes.end));
        let fixed = fixed.max().unwrap_or(0);
        self.load_of(lives).max(aligned.unwrap_or(0)).max(fixed)
    }

    /// The largest load of these lives, in bytes.
    fn load_of(&self, lives: &Timeline) -> u64 {
        let (mut load, mut most) = (0u64, 0);
        let bytes = |rows: &[usize]| rows.iter().map(|&row| self.rows[row].size).sum::<u64>();
        lives.sweep(|_, born, died| {
            load = load - bytes(died) + bytes(born);
            most = most.max(load);
        });
        most
    }

    /// The most bytes known of tensors that all conflict with each other.
    ///
    /// Such sums may be added up if the tensors of several lifetimes conflict. Bounds that account
    /// for alignment may not: what one set pads, the other may fill.
    pub(crate) fn heaviest_clique(&self) -> u64 {
        self.load().max(self.conflict_relation.bound())
    }

    /// The largest load in bytes of the tensors with at least this alignment, with sizes rounded up
    /// to it.
    pub(crate) fn padded_load(&self, alignment: u64) -> u64 {
        let all = self.in_pieces();
        let counts = |i: &&usize| all.rows[**i].alignment >= alignment;
        let padded = |i: &usize| all.rows[*i].size.next_multiple_of(alignment);
        let sum = |ids: &[usize]| ids.iter().filter(counts).map(padded).sum::<u64>();
        let (mut load, mut most) = (0u64, 0u64);
        all.sweep(|_, born, died| {
            load = load + sum(born) - sum(died);
            most = most.max(load);
        });
        most
    }

    /// The largest of what [`aligned_loads`](Self::aligned_loads) shows.
    fn aligned_bound(&self, alignment: u64, lives: &Timeline) -> u64 {
        let mut bound = 0;
        if alignment > 1 {
            self.aligned_loads(alignment, lives, |_, load| bound = bound.max(load));
        }
        bound
    }

    /// Shows the load of the tensors with at least this alignment over time, with sizes rounded up
    /// to it, except that of the tensor that gains most.
    pub(super) fn aligned_loads(
        &self,
        alignment: u64,
        lives: &Timeline,
        mut visit: impl FnMut(Range<i64>, u64),
    ) {
        let padded = |i: usize| self.rows[i].size.next_multiple_of(alignment);
        let slack = |i: usize| padded(i) - self.rows[i].size;
        let counts = |i: &usize| self.rows[*i].alignment >= alignment;
        // Tensors are numbered in order of what they gain, and those that are live are a set.
        let mut by_slack: Vec<usize> = (0..self.rows.len()).filter(counts).collect();
        by_slack.sort_by_key(|&i| slack(i));
        let mut numbers = vec![0; self.rows.len()];
        for (number, &i) in by_slack.iter().enumerate() {
            numbers[i] = number;
        }
        let mut live = BitTree::new(by_slack.len());
        let mut load = 0u64;
        lives.sweep(|section, born, died| {
            for i in died.iter().copied().filter(counts) {
                load -= padded(i);
                live.remove(numbers[i]);
            }
            for i in born.iter().copied().filter(counts) {
                load += padded(i);
                live.insert(numbers[i]);
            }
            let topmost = live.last_below(by_slack.len());
            visit(
                section,
                load - topmost.map_or(0, |number| slack(by_slack[number])),
            );
        });
    }
}

/// The most lives that are looked at for the sake of alignments, over all alignments, if models run
/// several times: some hundredths of a second. The largest alignments come first.
const MOST_ALIGNED_LIVES: usize = 1 << 20;

/// For how many alignments all lives are looked at. Without runs it is all of them: there are no
/// more than 64 powers of two.
fn alignments_looked_at(lives: &Timeline) -> usize {
    let [all, once] = lives.lives();
    once.saturating_mul(64).max(MOST_ALIGNED_LIVES) / all.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Sizes and alignments of tensors of two steps, and gaps between the starts of a model's runs.
    fn model() -> impl Strategy<Value = (Vec<(u64, u32)>, Vec<i64>)> {
        let tensors = prop::collection::vec((1u64..40, 0u32..5), 1..6);
        (tensors, prop::collection::vec(2i64..6, 0..6))
    }

    proptest! {
        #[test]
        fn the_bound_of_runs_is_that_of_a_row_for_each_life(
            models in prop::collection::vec(model(), 1..4),
        ) {
            let (mut once, mut all, mut later) = (Vec::new(), Vec::new(), Vec::new());
            for (tensors, gaps) in models {
                let starts = gaps.iter().scan(0, |start, gap| {
                    *start += gap;
                    Some(*start)
                });
                let starts: Vec<i64> = core::iter::once(0).chain(starts).collect();
                for (at, (size, order)) in (0i64..).zip(tensors) {
                    let row = |start| (start + at, start + at + 2, size, 1u64 << order);
                    once.push(row(0));
                    all.extend(starts.iter().map(|&start| row(start)));
                    later.push(starts.clone());
                }
            }
            let lifetimes = |rows: Vec<(i64, i64, u64, u64)>| {
                let rows = rows.into_iter().enumerate().map(|(i, (lower, upper, size, alignment))| {
                    (std::format!("{i}"), lower, upper, size, alignment)
                });
                Lifetimes::from_rows(rows).unwrap()
            };
            let of_runs = lifetimes(once).bound_of_runs(|row| &later[row]);
            prop_assert_eq!(of_runs, lifetimes(all).interval_bound());
        }
    }

    #[test]
    fn the_work_for_alignments_does_not_grow_with_runs_times_alignments() {
        let row = |i: i64| (std::format!("{i}"), i, i + 2, 9, 1u64 << (i % 48));
        let lifetimes = Lifetimes::from_rows((0..1000).map(row)).unwrap();
        let starts: Vec<i64> = (0..1000).map(|i| 1000 * i + i * i % 31).collect();
        let lives = Timeline::of_runs(&lifetimes, |_| &starts, |_| true);
        assert_eq!(alignments_looked_at(&lives), 1);
        assert!(alignments_looked_at(&Timeline::new(&lifetimes)) >= 48);
    }
}
