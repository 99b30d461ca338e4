//! Who may use which bytes now: claims on ranges of segments, taken and given back atomically.
//!
//! The distinct boundaries of a plan cut its region into segments; every planned tensor is a range of them. A bit a
//! segment says whether it is claimed. A tensor is claimed by setting all of its bits, which fails if
//! any is set already, so two tensors that share a byte are never claimed together.
//!
//! ```text
//! offset 0        1024            3072
//!        │   a      │                │        tensors: a = segments 0..1, b = 0..2, c = 1..2
//!        │   b      ┊       b        │        bits:    claiming a sets 01; then b fails on bit 0,
//!        │          │       c        │                 and c succeeds: 11
//! ```
//!
//! Invariant: a set bit belongs to exactly one claim that succeeded, or for a moment to one that is
//! being undone. A claim that succeeds synchronises with the release of every claim before it on the same
//! segments: the bytes written by the last owner are visible to the next. A claim never waits. It may fail because of
//! another one that overlaps it and is about to fail too; that one is then at odds with the plan.

#![forbid(unsafe_code)]

use alloc::{boxed::Box, vec::Vec};

use orionrt_buddy::bits::mask_in_word;
use orionrt_sys::sync::atomic::{AtomicU64, Ordering};

/// A range of segments, `start..end`; may be empty, and is then `0..0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    start: u32,
    end: u32,
    /// Its bits, where they are all in one word, as most are; or else 0.
    bits: u64,
}

impl Span {
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
        let span = Self { start, end, bits };
        match span.end_word() - span.first_word() {
            1 => Self {
                bits: span.mask(span.first_word()),
                ..span
            },
            _ => span,
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
        self.start as usize / 64
    }

    /// One past the last word.
    #[inline]
    fn end_word(self) -> usize {
        (self.end as usize).div_ceil(64)
    }

    /// The span's bits in one of its words.
    #[inline]
    fn mask(self, word: usize) -> u64 {
        mask_in_word(&(self.start as usize..self.end as usize), word)
    }
}

/// A bit for every segment.
#[derive(Debug)]
pub struct Claims {
    words: Box<[AtomicU64]>,
}

impl Claims {
    /// `segments` bits, none of them claimed.
    #[must_use]
    pub fn new(segments: u32) -> Self {
        let words: Vec<_> = (0..segments.div_ceil(64))
            .map(|_| AtomicU64::new(0))
            .collect();
        Self {
            words: words.into_boxed_slice(),
        }
    }

    /// Claims all segments of a span, or none; returns whether it did.
    #[inline]
    #[must_use]
    pub fn try_claim(&self, span: Span) -> bool {
        match span.bits {
            0 => self.try_claim_words(span),
            bits => set(&self.words[span.first_word()], bits),
        }
    }

    /// Whether nothing is claimed. Where nobody claims any more, it stays so: whoever is told so may take the bytes
    /// back, for all releases happen before.
    #[must_use]
    pub fn are_free(&self) -> bool {
        self.words
            .iter()
            .all(|word| word.load(Ordering::Acquire) == 0)
    }

    /// Word by word, in order; undone where one fails.
    fn try_claim_words(&self, span: Span) -> bool {
        for word in span.first_word()..span.end_word() {
            if !set(&self.words[word], span.mask(word)) {
                for undo in span.first_word()..word {
                    clear(&self.words[undo], span.mask(undo));
                }
                return false;
            }
        }
        true
    }

    /// Gives back a span that the caller has claimed.
    #[inline]
    pub fn release(&self, span: Span) {
        release(&self.words, span);
    }

    /// The words, for [`release`].
    #[inline]
    pub(crate) fn words(&self) -> &[AtomicU64] {
        &self.words
    }
}

/// Gives back a span that the caller has claimed in these words. For when the claims themselves may be gone as soon as the span is free: nothing is
/// touched after that.
#[inline]
pub(crate) fn release(words: &[AtomicU64], span: Span) {
    match span.bits {
        0 => {
            let covered = span.first_word()..span.end_word();
            for (word, bits) in covered.clone().zip(&words[covered]) {
                clear(bits, span.mask(word));
            }
        }
        bits => clear(&words[span.first_word()], bits),
    }
}

/// Sets bits that are all clear, or nothing.
#[inline]
fn set(word: &AtomicU64, mask: u64) -> bool {
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
fn clear(word: &AtomicU64, mask: u64) {
    let before = word.fetch_and(!mask, Ordering::Release);
    debug_assert_eq!(
        before & mask,
        mask,
        "a span was released that is not claimed"
    );
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_claim_excludes_every_overlapping_one() {
        let claims = Claims::new(200);
        let long = Span::new(10, 150);
        assert!(claims.try_claim(long));
        for (start, end, free) in [
            (0, 10, true),
            (0, 11, false),
            (149, 150, false),
            (150, 200, true),
            (63, 65, false),
        ] {
            let span = Span::new(start, end);
            assert_eq!(claims.try_claim(span), free, "{span:?}");
            if free {
                claims.release(span);
            }
        }
        claims.release(long);
        assert!(claims.try_claim(Span::new(0, 200)));
    }

    #[test]
    fn a_claim_that_fails_leaves_nothing_behind() {
        let claims = Claims::new(200);
        assert!(claims.try_claim(Span::new(190, 200)));
        assert!(!claims.try_claim(Span::new(0, 195)));
        assert!(claims.try_claim(Span::new(0, 190)));
    }

    #[test]
    fn an_empty_span_is_always_free() {
        let claims = Claims::new(1);
        assert!(claims.try_claim(Span::new(0, 1)));
        assert!(claims.try_claim(Span::new(0, 0)));
        claims.release(Span::new(0, 0));
    }
}
