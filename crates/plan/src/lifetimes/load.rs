//! Loads and lower bounds: the bytes that are alive together, over time.
//!
//! Stands on the sweep over live ranges: a tensor with gaps is born and dies once for each of
//! its ranges. Conflicts beyond common steps can only raise a bound, which
//! [`Lifetimes::lower_bound`] adds. Only tensors with bytes of their own take part.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::ops::Range;

use super::{
    collection::Lifetimes, conflict_relation::ConflictRelation, lifetime::Lifetime,
    live_ranges::LiveRanges, names::Names,
};

impl Lifetimes {
    /// The largest sum of sizes alive at one step, in bytes. No plan has a lower peak. With several
    /// streams, steps are those of the order of submission.
    #[must_use]
    pub fn load(&self) -> u64 {
        let profile = self.load_profile();
        profile.iter().map(|(_, load)| *load).max().unwrap_or(0)
    }

    /// The load over time: `(steps, bytes)` sections in order of time, one right after the other,
    /// from the first birth to the last death. O(n log n).
    #[must_use]
    pub fn load_profile(&self) -> Vec<(Range<i64>, u64)> {
        let mut profile: Vec<(Range<i64>, u64)> = Vec::new();
        let mut load = 0u64;
        self.sweep(|section, born, died| {
            load += born.iter().map(|&i| self.rows[i].size).sum::<u64>();
            load -= died.iter().map(|&i| self.rows[i].size).sum::<u64>();
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
    /// alignment of at least *g*, all but the topmost one take their size rounded up to *g*.
    #[must_use]
    pub fn lower_bound(&self) -> u64 {
        self.interval_bound().max(self.conflict_relation.bound())
    }

    /// The lower bound that follows from the rows alone, without conflicts of streams and models.
    pub(crate) fn interval_bound(&self) -> u64 {
        let occupying = || self.rows.iter().filter(|row| row.occupies());
        // Where all sizes are multiples of an alignment, it adds nothing to the load.
        let sizes = occupying().fold(0, |bits, row| bits | row.size);
        let alignments: BTreeSet<u64> = occupying().map(|row| row.alignment).collect();
        let alignments = alignments.iter().filter(|&alignment| sizes % alignment > 0);
        let aligned = alignments.map(|&g| self.aligned_bound(g)).max();
        let fixed = occupying().filter_map(|row| row.fixed_bytes().map(|bytes| bytes.end));
        let fixed = fixed.max().unwrap_or(0);
        self.gap_bound(self.load().max(aligned.unwrap_or(0)).max(fixed))
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
        let counts = |i: &&usize| self.rows[**i].alignment >= alignment;
        let padded = |i: &usize| self.rows[*i].size.next_multiple_of(alignment);
        let sum = |ids: &[usize]| ids.iter().filter(counts).map(padded).sum::<u64>();
        let (mut load, mut most) = (0u64, 0u64);
        self.sweep(|_, born, died| {
            load = load + sum(born) - sum(died);
            most = most.max(load);
        });
        most
    }

    /// The largest load of the tensors with at least this alignment, with sizes rounded up to it,
    /// except that of the tensor that gains most.
    fn aligned_bound(&self, alignment: u64) -> u64 {
        let padded = |i: usize| self.rows[i].size.next_multiple_of(alignment);
        let slack = |i: usize| padded(i) - self.rows[i].size;
        let counts = |i: &usize| self.rows[*i].alignment >= alignment;
        if alignment == 1 {
            return 0;
        }
        let mut live_slacks: BTreeMap<u64, usize> = BTreeMap::new();
        let (mut load, mut bound) = (0u64, 0u64);
        self.sweep(|_, born, died| {
            for i in born.iter().copied().filter(counts) {
                load += padded(i);
                *live_slacks.entry(slack(i)).or_default() += 1;
            }
            for i in died.iter().copied().filter(counts) {
                load -= padded(i);
                if let Some(count) = live_slacks.get_mut(&slack(i)) {
                    *count -= 1;
                    if *count == 0 {
                        live_slacks.remove(&slack(i));
                    }
                }
            }
            let topmost = live_slacks.last_key_value().map_or(0, |(slack, _)| *slack);
            bound = bound.max(load - topmost);
        });
        bound
    }
}

/// The lower bound that follows from rows alone. A tensor that lives several times, at different
/// times, may have a row for each time.
pub(crate) fn interval_bound_of(rows: Vec<Lifetime>) -> u64 {
    let lifetimes = Lifetimes {
        names: Names::default(),
        rows,
        live_ranges: LiveRanges::default(),
        conflict_relation: ConflictRelation::Intervals,
    };
    lifetimes.interval_bound()
}
