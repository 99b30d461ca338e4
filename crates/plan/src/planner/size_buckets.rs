//! The order that packs best in a single pass: buckets of about equal priority, and order of time
//! within a bucket.
//!
//! A buffer's priority is the logarithm of its size, and more if it lives through sections with
//! much load. Buffers of about one size are then placed one after the other in time, as an
//! allocator with size classes would, which leaves few gaps. Decoding this order also takes only a
//! tenth of the time that the order by exact size takes, because consecutive buffers are near each
//! other in the occupancy tree.
//!
//! All numbers are integers, so that equal input gives equal orders on every machine: logarithms
//! are fixed-point numbers, [`LOG2_ONE`] for a factor of two.

use alloc::vec::Vec;
use core::cmp::Reverse;

use super::random::Random;
use super::sections::Sections;
use crate::lifetimes::Lifetime;

/// The fixed-point logarithm of 2.
pub(super) const LOG2_ONE: u64 = 256;

/// The parameters of an order by size buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SizeBuckets {
    /// The width of a bucket and the shift of all its limits, as fixed-point logarithms.
    width: u64,
    shift: u64,
    /// How much priority the largest load adds, as a fixed-point logarithm, and in how many levels.
    load_weight: u64,
    load_levels: u64,
    /// Whether time runs backwards within a bucket.
    backwards: bool,
}

impl Default for SizeBuckets {
    fn default() -> Self {
        Self {
            width: LOG2_ONE,
            shift: 0,
            load_weight: 16 * LOG2_ONE,
            load_levels: 20,
            backwards: false,
        }
    }
}

impl SizeBuckets {
    pub(super) fn random(random: &mut Random) -> Self {
        let (one, half) = (LOG2_ONE, LOG2_ONE / 2);
        Self {
            width: random.one_of(&[half, one, one, one + half, 2 * one]),
            shift: random.below(2 * one),
            load_weight: one * random.one_of(&[0, 4, 8, 16, 16, 24]),
            load_levels: random.one_of(&[5, 10, 20, 20, 40]),
            backwards: random.below(2) == 1,
        }
    }

    /// The priority of each buffer, as a fixed-point logarithm. `peak_loads` are the largest loads
    /// of the sections that each covers.
    pub(super) fn priorities(&self, buffers: &[Lifetime], peak_loads: &[u64]) -> Vec<u64> {
        let largest = u128::from(peak_loads.iter().copied().max().unwrap_or(0).max(1));
        let priority = |(buffer, &load): (&Lifetime, &u64)| {
            let level = (u128::from(load) * u128::from(self.load_levels) / largest) as u64;
            size_log2(buffer.size) + self.load_weight * level / self.load_levels
        };
        buffers.iter().zip(peak_loads).map(priority).collect()
    }

    /// The buffers by bucket, highest priority first, then by time; ties by position.
    pub(super) fn order(&self, priorities: &[u64], sections: &Sections) -> Vec<usize> {
        let key = |i: usize| {
            let bucket = (priorities[i] + self.shift) / self.width;
            let span = sections.of(i);
            let time = if self.backwards {
                sections.count() - span.end
            } else {
                span.start
            };
            (Reverse(bucket), time, i)
        };
        let mut order: Vec<_> = (0..priorities.len()).map(key).collect();
        order.sort_unstable();
        order.into_iter().map(|(_, _, i)| i).collect()
    }

    /// The default order of some buffers.
    pub(super) fn default_order(buffers: &[Lifetime], sections: &Sections) -> Vec<usize> {
        let buckets = Self::default();
        let priorities = buckets.priorities(buffers, &sections.peak_loads(buffers));
        buckets.order(&priorities, sections)
    }
}

/// The fixed-point logarithm to base 2 of a size: linear between powers of two, 0 for a size of 0.
pub(super) fn size_log2(size: u64) -> u64 {
    let whole = u64::from(size.max(1).ilog2());
    let mantissa = (u128::from(size.max(1)) * u128::from(LOG2_ONE)) >> whole;
    whole * LOG2_ONE + (mantissa as u64 - LOG2_ONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doubled_size_has_a_logarithm_that_is_larger_by_one() {
        assert_eq!([1, 2, 3, 4, 6].map(size_log2), [0, 256, 384, 512, 640]);
        assert_eq!(size_log2(u64::MAX), 64 * LOG2_ONE - 1);
        assert_eq!(size_log2(0), 0);
    }
}
