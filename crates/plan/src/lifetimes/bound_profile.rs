//! The lower bound over time: how high the tensors that are alive at a step must reach.
//!
//! Stands on the timeline, and on loads that account for alignments. Invariant: no plan has a lower
//! end of its topmost live tensor at a step than the section of that step says. With several
//! streams or models, more tensors may be alive together than steps tell, and with gaps two tensors
//! may conflict that no step has together: [`Lifetimes::lower_bound`] may be above all sections.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::ops::Range;

use super::{collection::Lifetimes, lifetime::Lifetime, timeline::Timeline};

impl Lifetimes {
    /// A lower bound over time: `(steps, bytes)` sections as those of
    /// [`load_profile`](Self::load_profile), each with the least end of the topmost tensor that is
    /// alive there. It is above the load where alignment costs bytes or an offset is fixed. Where
    /// it is highest, tensors must become smaller for the plan to need less.
    ///
    /// ```
    /// use orionrt_plan::Lifetimes;
    /// // Two tensors of 10 bytes at multiples of 16: the one above begins at 16.
    /// let rows = [("a", 0, 2, 10, 16), ("b", 1, 3, 10, 16)];
    /// let profile = Lifetimes::from_rows(rows)?.bound_profile();
    /// assert_eq!(profile, [(0..1, 10), (1..2, 26), (2..3, 10)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn bound_profile(&self) -> Vec<(Range<i64>, u64)> {
        let all = self.in_pieces();
        let mut profile = all.load_profile();
        let lives = Timeline::new(&all);
        let alignments = all.rows().iter().filter(|row| row.occupies());
        let alignments: BTreeSet<u64> = alignments.map(|row| row.alignment).collect();
        for alignment in alignments.into_iter().filter(|&alignment| alignment > 1) {
            let mut bounds = profile.iter_mut();
            all.aligned_loads(alignment, &lives, |section, load| {
                // `load_profile` has the same sections, without those that have no steps.
                if !section.is_empty() {
                    if let Some((_, bound)) = bounds.next() {
                        *bound = load.max(*bound);
                    }
                }
            });
        }
        all.raise_to_fixed_ends(&lives, &mut profile);
        profile
    }

    /// Raises the bounds to the ends of the live tensors whose offsets are fixed.
    fn raise_to_fixed_ends(&self, lives: &Timeline, profile: &mut [(Range<i64>, u64)]) {
        let end = |row: &Lifetime| row.fixed_bytes().map(|bytes| bytes.end);
        if !self.rows().iter().any(|row| end(row).is_some()) {
            return;
        }
        let mut bounds = profile.iter_mut();
        // How many live tensors are fixed with each end.
        let mut ends: BTreeMap<u64, usize> = BTreeMap::new();
        lives.sweep(|section, born, died| {
            for end in born.iter().filter_map(|&i| end(&self.rows()[i])) {
                *ends.entry(end).or_default() += 1;
            }
            for end in died.iter().filter_map(|&i| end(&self.rows()[i])) {
                let count = ends.entry(end).or_default();
                *count -= 1;
                if *count == 0 {
                    ends.remove(&end);
                }
            }
            if !section.is_empty() {
                let highest = ends.last_key_value().map_or(0, |(&end, _)| end);
                if let Some((_, bound)) = bounds.next() {
                    *bound = highest.max(*bound);
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The bound at a step by its definition, from the rows that are alive there.
    fn bound_at(rows: &[Lifetime], step: i64) -> u64 {
        let alive = || {
            let alive = rows.iter().filter(|row| row.steps().contains(&step));
            alive.filter(|row| row.occupies())
        };
        let padded = |row: &Lifetime, g: u64| row.size.div_ceil(g) * g;
        let of_alignment = |g: u64| {
            let counted = || alive().filter(|row| row.alignment >= g);
            let slack = counted().map(|row| padded(row, g) - row.size).max();
            counted().map(|row| padded(row, g)).sum::<u64>() - slack.unwrap_or(0)
        };
        let fixed = alive()
            .filter_map(|row| Some(row.fixed_offset? + row.size))
            .max();
        let most = (0..5).map(|order| of_alignment(1 << order)).max();
        most.unwrap_or(0).max(fixed.unwrap_or(0))
    }

    proptest! {
        #[test]
        fn the_bound_of_each_step_is_that_of_the_tensors_alive_then(
            rows in prop::collection::vec((0i64..20, 0i64..8, 0u64..40, 0u32..5), 1..20),
            fixed in prop::collection::vec(prop::option::weighted(0.2, 0u64..9), 20),
        ) {
            let rows: Vec<Lifetime> = rows.into_iter().zip(fixed).map(|(row, fixed)| {
                let (lower, length, size, order) = row;
                let row = Lifetime::new(lower, lower + length, size).with_alignment(1 << order);
                fixed.map_or(row, |offset| row.with_fixed_offset(offset << order))
            }).collect();
            let named = rows.iter().enumerate().map(|(i, row)| (alloc::format!("{i}"), *row));
            let lifetimes = Lifetimes::from_named(named).unwrap();
            let profile = lifetimes.bound_profile();
            let steps = |(steps, _): &(Range<i64>, u64)| steps.clone();
            let loads = lifetimes.load_profile();
            prop_assert!(profile.iter().map(steps).eq(loads.iter().map(steps)));
            for (steps, bound) in &profile {
                for step in steps.clone() {
                    prop_assert_eq!(*bound, bound_at(&rows, step));
                }
            }
            let highest = profile.iter().map(|(_, bound)| *bound).max().unwrap_or(0);
            prop_assert_eq!(highest, lifetimes.interval_bound());
        }
    }
}
