//! The order that packs best in a single pass: bands of equal urgency, in order of time within a band.
//!
//! Urgency counts in octaves: the logarithm of the size, and more for buffers that live through tight moments. What is of about one
//! size then meets its likes one after the other in time, like an allocator with size classes, and leaves few gaps.
//! Within a tenth of the time the order by exact size needs, too: neighbours in time are neighbours in memory.
//!
//! All numbers are whole, so that equal input gives equal orders on every machine.

use alloc::vec::Vec;
use core::cmp::Reverse;

use super::{random::Random, sections::Sections};
use crate::lifetimes::Lifetime;

/// Parts of an octave.
pub(super) const OCTAVE: u64 = 256;

/// What distinguishes one order by bands from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bands {
    /// The width of a band, and how far bands are shifted, in parts of an octave.
    width: u64,
    shift: u64,
    /// How many octaves the tightest moment weighs more than an empty one, and in how many steps.
    tightness: u64,
    levels: u64,
    /// Within a band, whether time runs backwards.
    backwards: bool,
}

impl Default for Bands {
    fn default() -> Self {
        Self {
            width: OCTAVE,
            shift: 0,
            tightness: 16 * OCTAVE,
            levels: 20,
            backwards: false,
        }
    }
}

impl Bands {
    pub(super) fn random(random: &mut Random) -> Self {
        Self {
            width: random.one_of(&[OCTAVE / 2, OCTAVE, OCTAVE, 3 * OCTAVE / 2, 2 * OCTAVE]),
            shift: random.below(2 * OCTAVE),
            tightness: OCTAVE * random.one_of(&[0, 4, 8, 16, 16, 24]),
            levels: random.one_of(&[5, 10, 20, 20, 40]),
            backwards: random.below(2) == 1,
        }
    }

    /// How urgent each buffer is, in parts of an octave.
    pub(super) fn urgencies(&self, buffers: &[Lifetime], tightest: &[u64]) -> Vec<u64> {
        let load = u128::from(tightest.iter().copied().max().unwrap_or(0).max(1));
        let urgency = |(buffer, &tight): (&Lifetime, &u64)| {
            let level = (u128::from(tight) * u128::from(self.levels) / load) as u64;
            logarithm(buffer.size) + self.tightness * level / self.levels
        };
        buffers.iter().zip(tightest).map(urgency).collect()
    }

    /// The buffers by band, most urgent first, then by time; ties by position.
    pub(super) fn order(&self, urgencies: &[u64], sections: &Sections) -> Vec<usize> {
        let key = |i: usize| {
            let band = (urgencies[i] + self.shift) / self.width;
            let span = sections.of(i);
            let time = if self.backwards {
                sections.count() - span.end
            } else {
                span.start
            };
            (Reverse(band), time, i)
        };
        let mut order: Vec<_> = (0..urgencies.len()).map(key).collect();
        order.sort_unstable();
        order.into_iter().map(|(_, _, i)| i).collect()
    }
}

/// The logarithm to base 2 of a size, linear between powers of two, in parts of an octave.
pub(super) fn logarithm(size: u64) -> u64 {
    let octave = u64::from(size.max(1).ilog2());
    let mantissa = (u128::from(size.max(1)) * u128::from(OCTAVE)) >> octave;
    octave * OCTAVE + (mantissa as u64 - OCTAVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logarithm_grows_by_an_octave_a_doubling() {
        assert_eq!([1, 2, 3, 4, 6].map(logarithm), [0, 256, 384, 512, 640]);
        assert_eq!(logarithm(u64::MAX), 64 * OCTAVE - 1);
        assert_eq!(logarithm(0), 0);
    }
}
