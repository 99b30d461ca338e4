//! The static part of the value order: a rank for each item.
//!
//! The keys are MiniMalloc's (Moffitt, ASPLOS 2023): orders of the width (sections covered), the
//! area and the tightness (largest load covered) of a buffer. Restarts take turns, with noise from
//! the fourth on.

use alloc::vec::Vec;
use core::cmp::Reverse;

use super::problem::SkylineProblem;
use crate::planner::random::Random;

/// Noise moves an item by up to this share of all ranks, in percent.
const NOISE_PERCENT: u64 = 40;

/// The rank of each item in a numbered run; the lowest is tried first.
pub(super) fn ranks(problem: &SkylineProblem, run: u64, random: &mut Random) -> Vec<u32> {
    let key = |item: usize| {
        let width = problem.class_of(item).span().len() as u128;
        let item = &problem.items[item];
        let (area, tight) = (width * u128::from(item.size), u128::from(item.peak_load));
        match run % 3 {
            0 => (width, area, tight),
            1 => (tight, area, width),
            _ => (tight, width, area),
        }
    };
    let count = problem.items.len();
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_cached_key(|&item| Reverse(key(item)));
    if run >= 3 {
        let noise = count as u64 * NOISE_PERCENT / 100;
        let ranked = order.iter().enumerate();
        let mut noisy: Vec<(u64, usize)> = ranked
            .map(|(rank, &item)| (rank as u64 + random.below(noise), item))
            .collect();
        noisy.sort_unstable();
        order = noisy.into_iter().map(|(_, item)| item).collect();
    }
    let mut ranks = alloc::vec![0; count];
    for (rank, item) in order.into_iter().enumerate() {
        ranks[item] = rank as u32;
    }
    ranks
}
