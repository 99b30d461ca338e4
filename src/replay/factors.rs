//! How much smaller the requests of an iteration are than those that were recorded.
//!
//! Where a key stands for shapes up to a largest one, an iteration of a smaller shape asks for the
//! same blocks, each by a factor smaller: 1 if its size does not depend on the shape, and a few
//! others, such as 1/2 and 1/4 for what grows with a length and with its square. [`Factors`] are
//! those that have been seen in an iteration, so that its next requests can be told from others
//! that would fit as well. [`Fit`] says whether they are of use.
//!
//! ```text
//! recorded   8000   4096   64000   2000        known factors: 1, 1/2
//! asked      4000   4096   32000   1000        all four agree
//! ```
//!
//! Invariant: nothing here is trusted. Threads may change the factors at the same time, and each
//! factor is one atomic word, so all operations are relaxed.

#![forbid(unsafe_code)]

use core::ops::RangeInclusive;

use super::guests::Guests;
use orionrt_sys::sync::atomic::{AtomicU64, Ordering};

/// So many factors are known at a time, beside 1.
pub(super) const KNOWN: usize = 4;
/// Sizes are multiples of this many bytes, or were rounded to whole ones of them.
const ROUNDING: f32 = 16.0;
/// The relative error of a few operations with an `f32`.
const PRECISION: f32 = 1.0 / (1 << 21) as f32;

/// Which recorded requests a request may be taken for.
#[derive(Debug, Default)]
pub(super) enum Fit {
    /// Those of its size and alignment.
    #[default]
    Exact,
    /// Those of at least its size and alignment, above all those that agree with these factors.
    AtMost(Factors, Guests),
}

/// The factors that were seen in an iteration. The one that was useful last comes first.
#[derive(Debug, Default)]
pub(super) struct Factors([AtomicU64; KNOWN]);

/// A factor: a request of `asked` bytes was one that was recorded with `expected` bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Factor {
    asked: f32,
    expected: f32,
}

impl Factors {
    /// Whether a request of `asked` bytes is what one of `expected` bytes is in this iteration: of
    /// the same size, or smaller by a known factor.
    pub(super) fn agree(&self, asked: usize, expected: usize) -> bool {
        if asked == expected {
            return true;
        }
        let agrees = |known: &AtomicU64| {
            let factor = Factor::unpacked(known.load(Ordering::Relaxed));
            factor.is_some_and(|factor| factor.agrees(asked, expected))
        };
        let Some(position) = self.0.iter().position(agrees) else {
            return false;
        };
        self.prefer(position, Factor::new(asked, expected));
        true
    }

    /// Whether no factor is known.
    pub(super) fn are_unknown(&self) -> bool {
        self.known().next().is_none()
    }

    /// Learns a factor that was guessed: it replaces the one that has been of no use for longest.
    pub(super) fn learn(&self, asked: usize, expected: usize) {
        if !self.agree(asked, expected) {
            let is_free = |known: &&AtomicU64| known.load(Ordering::Relaxed) == 0;
            let place = self.0.iter().find(is_free).unwrap_or(&self.0[KNOWN - 1]);
            place.store(Factor::new(asked, expected).packed(), Ordering::Relaxed);
        }
    }

    /// Whether two sizes differ by the square of a known factor, or its root: what grows with a
    /// length is often used next to what grows with its square.
    pub(super) fn may_agree(&self, asked: usize, expected: usize) -> bool {
        self.known().any(|factor| {
            let powers = [factor.squared(), factor.root()];
            powers.iter().any(|power| power.agrees(asked, expected))
        })
    }

    fn known(&self) -> impl Iterator<Item = Factor> + '_ {
        let known = self.0.iter();
        known.filter_map(|known| Factor::unpacked(known.load(Ordering::Relaxed)))
    }

    /// The sizes that a request of `asked` bytes may have been recorded with: for each known
    /// factor, the most likely one, and the range that it may lie in.
    pub(super) fn expected(
        &self,
        asked: usize,
    ) -> impl Iterator<Item = (usize, RangeInclusive<usize>)> + '_ {
        self.known().map(move |factor| factor.expected_for(asked))
    }

    /// Puts the factor at a position first, with which the sizes of `other` agree: if those are
    /// larger, they are more precise.
    fn prefer(&self, position: usize, other: Factor) {
        let packed = self.0[position].load(Ordering::Relaxed);
        let is_finer = |known: Factor| other.expected > known.expected;
        let is_finer = Factor::unpacked(packed).is_some_and(is_finer);
        for later in (1..=position).rev() {
            let before = self.0[later - 1].load(Ordering::Relaxed);
            self.0[later].store(before, Ordering::Relaxed);
        }
        let preferred = if is_finer { other.packed() } else { packed };
        self.0[0].store(preferred, Ordering::Relaxed);
    }
}

impl Factor {
    /// The factor between two sizes, of which `expected` is not 0.
    pub(super) fn new(asked: usize, expected: usize) -> Self {
        Self {
            asked: asked as f32,
            expected: expected as f32,
        }
    }

    /// Whether two sizes differ by this factor, as far as rounded sizes can tell.
    pub(super) fn agrees(self, asked: usize, expected: usize) -> bool {
        let expected = expected as f32;
        let off = (asked as f32 - expected * self.ratio()).abs();
        off <= self.rounding(expected)
    }

    fn squared(self) -> Self {
        let asked = self.asked * self.ratio();
        Self { asked, ..self }
    }

    fn root(self) -> Self {
        let asked = self.expected * self.ratio().sqrt();
        Self { asked, ..self }
    }

    fn ratio(self) -> f32 {
        self.asked / self.expected
    }

    /// By how many bytes a request may differ from `expected` times the factor: what both sizes and
    /// those that the factor is from may have been rounded by.
    fn rounding(self, expected: f32) -> f32 {
        ROUNDING * (1.0 + expected / self.expected) + PRECISION * expected * self.ratio()
    }

    /// The most likely recorded size of a request, and all that agree with it.
    fn expected_for(self, asked: usize) -> (usize, RangeInclusive<usize>) {
        let asked = asked as f32;
        let fewest = (asked - ROUNDING) / (self.asked + ROUNDING) * (1.0 - PRECISION);
        let most = match self.asked > ROUNDING {
            true => (asked + ROUNDING) / (self.asked - ROUNDING) * (1.0 + PRECISION),
            false => f32::MAX,
        };
        // These conversions saturate.
        let bytes = |ratio: f32| (self.expected * ratio) as usize;
        (bytes(asked / self.asked), bytes(fewest)..=bytes(most))
    }

    /// In one word, which is not 0.
    fn packed(self) -> u64 {
        u64::from(self.asked.to_bits()) << 32 | u64::from(self.expected.to_bits())
    }

    fn unpacked(word: u64) -> Option<Self> {
        let asked = f32::from_bits((word >> 32) as u32);
        let expected = f32::from_bits(word as u32);
        (asked > 0.0 && expected > 0.0).then_some(Self { asked, expected })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_factor_is_known_once_it_was_learnt() {
        let factors = Factors::default();
        assert!(factors.agree(4096, 4096));
        assert!(!factors.agree(4000, 8000));
        factors.learn(4000, 8000);
        assert!(factors.agree(32_000, 64_000) && factors.agree(4096, 4096));
        assert!(!factors.agree(16_000, 64_000));
        factors.learn(16_000, 64_000);
        assert!(factors.agree(4000, 8000) && factors.agree(2000, 8000));
    }

    #[test]
    fn what_was_useful_stays_when_wrong_factors_are_learnt() {
        let factors = Factors::default();
        let useful = [50_000, 25_000, 12_500];
        useful
            .iter()
            .for_each(|asked| factors.learn(*asked, 100_000));
        for (turn, wrong) in (1..100).map(|i| 1300 + 77 * i).enumerate() {
            for offset in 0..useful.len() {
                assert!(factors.agree(useful[(turn + offset) % useful.len()], 100_000));
            }
            factors.learn(wrong, 10_000);
        }
    }

    #[test]
    fn a_factor_gets_as_precise_as_the_largest_sizes_that_agree_with_it() {
        let factors = Factors::default();
        // 0.3 of both, rounded down.
        factors.learn(333, 1111);
        assert!(factors.agree(300_030, 1_000_100));
        assert!(!factors.agree(303_000, 1_000_100));
    }

    proptest! {
        /// Whatever was rounded, up or down, to whole bytes or words, agrees; and its recorded size
        /// is within the range that it is looked for in.
        #[test]
        fn rounded_sizes_agree(
            sizes in prop::collection::vec(1000usize..100_000_000, 2..20),
            factor in 0.001f64..1.0, unit in prop::sample::select(vec![1usize, 4, 8, 16]),
        ) {
            let factors = Factors::default();
            let asked = |size: usize| ((size as f64 * factor) as usize).next_multiple_of(unit);
            let of_bytes = |size: &usize| asked(*size) >= 16;
            let sizes: Vec<usize> = sizes.into_iter().filter(of_bytes).collect();
            prop_assume!(!sizes.is_empty());
            factors.learn(asked(sizes[0]), sizes[0]);
            for size in sizes {
                prop_assert!(factors.agree(asked(size), size));
                let mut ranges = factors.expected(asked(size));
                prop_assert!(ranges.any(|(_, range)| range.contains(&size)));
            }
        }

        /// Nothing overflows.
        #[test]
        fn any_sizes_can_be_compared(asked: usize, expected in 1usize.., other: usize) {
            let factors = Factors::default();
            factors.learn(asked, expected);
            factors.agree(other, expected);
            let is_known = asked > 0 && asked != expected;
            prop_assert_eq!(factors.expected(other).count(), usize::from(is_known));
        }
    }
}
