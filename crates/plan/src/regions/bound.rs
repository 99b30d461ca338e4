//! How many regions every plan needs.
//!
//! Stands on lower bounds of peaks and on bin packing. Plans of *k* regions, put one above the
//! other, are a plan of one region, whose peak is at least its lower bound. And tensors that are
//! alive at one step share no byte, so that they are packed into the regions as into bins: Martello
//! and Toth's bound L2 (1990) holds at each step.
//!
//! ```text
//! limit 10, sizes 6, 6, 5, 3      the sum is 20, which two regions might hold;
//!                                 6 + 6 and 6 + 5 are above 10, so it takes three
//! ```

use alloc::{collections::BTreeSet, vec::Vec};
use core::ops::Range;

use crate::lifetimes::Lifetimes;

/// The most steps at which tensors are packed into bins: those with most bytes alive.
const MOST_STEPS: usize = 256;
/// The most tensors of such a step.
const MOST_ALIVE: usize = 4096;

/// The fewest regions of at most `limit` bytes that a plan may have. No tensor is larger than that.
pub(super) fn fewest(lifetimes: &Lifetimes, limit: u64) -> usize {
    let by_bound = by_peak(lifetimes, limit);
    // A tensor with windows does not need all of its bytes at each step.
    match lifetimes.has_windows() {
        true => by_bound,
        false => by_bound.max(by_steps(lifetimes, limit)),
    }
}

/// The regions that follow from the lower bound of the peak in one region.
fn by_peak(lifetimes: &Lifetimes, limit: u64) -> usize {
    let rows = lifetimes.rows().iter().filter(|row| row.occupies());
    let Some(alignment) = rows.map(|row| row.alignment).max() else {
        return 0;
    };
    let (bound, limit) = (
        u128::from(lifetimes.lower_bound()),
        u128::from(limit.max(1)),
    );
    // Each region but the topmost takes its size rounded up.
    let padded = limit.next_multiple_of(u128::from(alignment));
    1 + bound.saturating_sub(limit).div_ceil(padded) as usize
}

/// The most bins that the tensors of a step need.
fn by_steps(lifetimes: &Lifetimes, limit: u64) -> usize {
    let mut profile = lifetimes.load_profile();
    profile.sort_by_key(|(steps, load)| (core::cmp::Reverse(*load), steps.start));
    profile.truncate(MOST_STEPS);
    let chosen: BTreeSet<i64> = profile.iter().map(|(steps, _)| steps.start).collect();
    let rows = lifetimes.rows();
    let mut alive: BTreeSet<(u64, usize)> = BTreeSet::new();
    let (mut large, mut most) = (0usize, 0);
    let is_large = |row: usize| rows[row].size > limit / 2;
    lifetimes.sweep(|section: Range<i64>, born, died| {
        for &row in died {
            alive.remove(&(rows[row].size, row));
            large -= usize::from(is_large(row));
        }
        for &row in born {
            alive.insert((rows[row].size, row));
            large += usize::from(is_large(row));
        }
        // Of tensors of more than half of a region, no two are in one.
        most = most.max(large);
        if chosen.contains(&section.start) && alive.len() <= MOST_ALIVE {
            let sizes: Vec<u64> = alive.iter().map(|&(size, _)| size).collect();
            most = most.max(bins(&sizes, limit));
        }
    });
    most
}

/// Martello and Toth's L2: the fewest bins of `limit` bytes that hold these sizes, which ascend and
/// are at most the limit.
fn bins(sizes: &[u64], limit: u64) -> usize {
    let mut sums = Vec::with_capacity(sizes.len() + 1);
    sums.push(0u128);
    for &size in sizes {
        sums.push(sums[sums.len() - 1] + u128::from(size));
    }
    let half = sizes.partition_point(|&size| size <= limit / 2);
    let mut most = 0;
    let mut last = None;
    for (small, &least) in sizes[..half].iter().enumerate() {
        if last.replace(least) == Some(least) {
            continue;
        }
        most = most.max(bins_without(sizes, &sums, half, small, limit - least));
    }
    // Without any of the small ones, each of the others has a bin of its own.
    most.max(sizes.len() - half)
}

/// The bins if the sizes before position `small` are left out. Those above `alone` have bins to
/// themselves, as even the smallest of the others does not fit beside them.
fn bins_without(sizes: &[u64], sums: &[u128], half: usize, small: usize, alone: u64) -> usize {
    let first_alone = sizes.partition_point(|&size| size <= alone).max(half);
    let limit = u128::from(alone) + u128::from(sizes[small]);
    let shared = first_alone - half;
    let free = shared as u128 * limit - (sums[first_alone] - sums[half]);
    let rest = (sums[half] - sums[small]).saturating_sub(free);
    sizes.len() - half + rest.div_ceil(limit) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The fewest bins, by trying each size in every bin.
    fn fewest_bins(sizes: &[u64], limit: u64, bins: &mut Vec<u64>) -> usize {
        let Some((&size, rest)) = sizes.split_last() else {
            return bins.len();
        };
        bins.push(size);
        let mut best = fewest_bins(rest, limit, bins);
        bins.pop();
        for bin in 0..bins.len() {
            if bins[bin] + size <= limit {
                bins[bin] += size;
                best = best.min(fewest_bins(rest, limit, bins));
                bins[bin] -= size;
            }
        }
        best
    }

    proptest! {
        #[test]
        fn no_packing_has_fewer_bins_than_the_bound(
            sizes in prop::collection::vec(1u64..=12, 0..8), limit in 12u64..20,
        ) {
            let mut sizes = sizes;
            sizes.sort_unstable();
            let least = bins(&sizes, limit);
            prop_assert!(least <= fewest_bins(&sizes, limit, &mut Vec::new()));
            prop_assert!(least as u64 >= sizes.iter().sum::<u64>().div_ceil(limit));
        }
    }

    #[test]
    fn what_does_not_fit_beside_each_other_is_counted() {
        assert_eq!(bins(&[3, 5, 6, 6], 10), 3);
        assert_eq!(bins(&[6, 6, 6], 10), 3);
        assert_eq!(bins(&[4, 4, 4, 4, 4, 4], 10), 3);
        assert_eq!(bins(&[], 10), 0);
    }
}
