//! Claims on ranges of a plan's segments: who may use which bytes now, decided atomically.
//!
//! The distinct offsets and ends of a plan cut its region into segments, so the bytes of every
//! planned tensor are a range of segments. [`Claims`] has one bit for each segment. Claiming a
//! range sets all of its bits and fails if any of them is set already, so two tensors that share a
//! byte are never claimed together.
//!
//! ```text
//! offset 0        1024            3072
//!        │   a      │                │        tensors: a = segments 0..1, b = 0..2, c = 1..2
//!        │   b      ┊       b        │        bits:    claiming a sets 01; then b fails on bit 0,
//!        │          │       c        │                 and c succeeds: 11
//! ```
//!
//! Invariant: a set bit belongs to exactly one claim that succeeded or, for a moment, to one that
//! is being undone. A successful claim synchronises with the release of every earlier claim on the
//! same segments, so the bytes that the last owner wrote are visible to the next. A claim never
//! waits. It may also fail because of an overlapping claim that is about to fail itself; a program
//! whose tensors live as planned makes no such claim.

#![forbid(unsafe_code)]

use alloc::{boxed::Box, vec::Vec};

use orionrt_buddy::bits::mask_in_word;
use orionrt_sys::sync::atomic::Ordering;

/// The bits that are claimed by one operation.
#[cfg(target_has_atomic = "64")]
type Bits = u64;
#[cfg(target_has_atomic = "64")]
pub(crate) type Word = orionrt_sys::sync::atomic::AtomicU64;
// Microcontrollers have no wider ones.
#[cfg(not(target_has_atomic = "64"))]
type Bits = u32;
#[cfg(not(target_has_atomic = "64"))]
pub(crate) type Word = orionrt_sys::sync::atomic::AtomicU32;

/// The segments of a word.
const SEGMENTS: u32 = Bits::BITS;

/// The segments `start..end`. An empty range is always `0..0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentRange {
    start: u32,
    end: u32,
    /// The range's bits if they all lie in one word, as most do; otherwise 0.
    bits: Bits,
}

impl SegmentRange {
    /// Segments `start..end`.
    #[must_use]
    pub fn new(start: u32, end: u32) -> Self {
        if start >= end {
            return Self {
                start: 0,
                end: 0,
                bits: 0,
            };
        }
        let bits = 0;
        let range = Self { start, end, bits };
        match range.end_word() - range.first_word() {
            1 => Self {
                bits: range.mask(range.first_word()),
                ..range
            },
            _ => range,
        }
    }

    /// The first segment.
    #[inline]
    #[must_use]
    pub fn start(self) -> u32 {
        self.start
    }

    /// One past the last segment.
    #[inline]
    #[must_use]
    pub fn end(self) -> u32 {
        self.end
    }

    #[inline]
    fn first_word(self) -> usize {
        (self.start / SEGMENTS) as usize
    }

    /// One past the last word.
    #[inline]
    fn end_word(self) -> usize {
        self.end.div_ceil(SEGMENTS) as usize
    }

    /// The range's bits in one of its words.
    #[inline]
    fn mask(self, word: usize) -> Bits {
        let (range, bit) = (
            self.start as usize..self.end as usize,
            word * SEGMENTS as usize,
        );
        (mask_in_word(&range, bit / 64) >> (bit % 64)) as Bits
    }
}

/// One bit for each segment: set while the segment is claimed.
#[derive(Debug)]
pub struct Claims {
    words: Box<[Word]>,
}

impl Claims {
    /// Bits for `segments` segments, none of them claimed.
    #[must_use]
    pub fn new(segments: u32) -> Self {
        let words: Vec<_> = (0..segments.div_ceil(SEGMENTS))
            .map(|_| Word::new(0))
            .collect();
        Self {
            words: words.into_boxed_slice(),
        }
    }

    /// Claims all segments of a range, or none; returns whether it claimed them.
    #[inline]
    #[must_use]
    pub fn try_claim(&self, range: SegmentRange) -> bool {
        match range.bits {
            0 => self.try_claim_words(range),
            bits => set(&self.words[range.first_word()], bits),
        }
    }

    /// Claims word by word, in order, and undoes that if one word fails.
    fn try_claim_words(&self, range: SegmentRange) -> bool {
        for word in range.first_word()..range.end_word() {
            if !set(&self.words[word], range.mask(word)) {
                for undo in range.first_word()..word {
                    clear(&self.words[undo], range.mask(undo));
                }
                return false;
            }
        }
        true
    }

    /// Releases a range that the caller has claimed.
    #[inline]
    pub fn release(&self, range: SegmentRange) {
        release(self.words(), range);
    }

    /// Whether nothing is claimed at this moment.
    #[cfg(feature = "std")]
    pub(crate) fn are_free(&self) -> bool {
        let mut words = self.words.iter();
        words.all(|word| word.load(Ordering::Relaxed) == 0)
    }

    /// The words, for [`release`].
    #[inline]
    pub(crate) fn words(&self) -> &[Word] {
        &self.words
    }
}

/// Releases a range that the caller has claimed in these words. It touches nothing once the range
/// is free, so it also serves where the [`Claims`] may be dropped as soon as that happens.
#[inline]
pub(crate) fn release(words: &[Word], range: SegmentRange) {
    match range.bits {
        0 => {
            let covered = range.first_word()..range.end_word();
            for (word, bits) in covered.clone().zip(&words[covered]) {
                clear(bits, range.mask(word));
            }
        }
        bits => clear(&words[range.first_word()], bits),
    }
}

/// Sets all bits of the mask if every one of them is clear; returns whether it did.
#[inline]
fn set(word: &Word, mask: Bits) -> bool {
    let mut bits = word.load(Ordering::Relaxed);
    while bits & mask == 0 {
        match word.compare_exchange_weak(bits, bits | mask, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => return true,
            Err(now) => bits = now,
        }
    }
    false
}

#[inline]
fn clear(word: &Word, mask: Bits) {
    let before = word.fetch_and(!mask, Ordering::Release);
    debug_assert_eq!(
        before & mask,
        mask,
        "a range was released that is not claimed"
    );
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_claim_excludes_every_overlapping_one() {
        let claims = Claims::new(200);
        let long = SegmentRange::new(10, 150);
        assert!(claims.try_claim(long));
        for (start, end, free) in [
            (0, 10, true),
            (0, 11, false),
            (149, 150, false),
            (150, 200, true),
            (63, 65, false),
        ] {
            let range = SegmentRange::new(start, end);
            assert_eq!(claims.try_claim(range), free, "{range:?}");
            if free {
                claims.release(range);
            }
        }
        claims.release(long);
        assert!(claims.try_claim(SegmentRange::new(0, 200)));
    }

    #[test]
    fn a_claim_that_fails_leaves_nothing_behind() {
        let claims = Claims::new(200);
        assert!(claims.try_claim(SegmentRange::new(190, 200)));
        assert!(!claims.try_claim(SegmentRange::new(0, 195)));
        assert!(claims.try_claim(SegmentRange::new(0, 190)));
    }

    #[test]
    fn an_empty_range_is_always_free() {
        let claims = Claims::new(1);
        assert!(claims.try_claim(SegmentRange::new(0, 1)));
        assert!(claims.try_claim(SegmentRange::new(0, 0)));
        claims.release(SegmentRange::new(0, 0));
    }
}
