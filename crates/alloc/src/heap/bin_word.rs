//! The state of a bin, in one word: in which cell its newest object is, and how many objects have
//! been popped from it.
//!
//! ```text
//!   popped: 48 bits │ newest: 16 bits
//! ```
//!
//! A pop adds one to both, by one addition, so counting costs nothing; all other counts follow from
//! what depots and spans know. The number does not begin at zero: it is [armed](BinWord::arm) so
//! that it overflows at a given pop, which then fails as if the bin were empty. So the one object
//! in thousands that a profile is to have is found by the carry of an addition that is made anyway.
//!
//! Stands on nothing. Invariant: one thread at a time changes a word, the one whose bin it is of;
//! others only read it. The word begins to count anew between two writes of `popped_before`, the
//! first of which says so, and holds the number of popped objects meanwhile.

#![forbid(unsafe_code)]

use core::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
    fence,
};

/// The bits of the word that hold the number of a cell.
const NEWEST: u64 = 0xffff;
/// One popped object.
const POPPED: u64 = 1 << 16;
/// So many pops fit in a word.
pub(super) const MOST_POPS: u64 = 1 << 48;
/// The bit of `popped_before` that is set while the word's number begins anew.
const CHANGES: u64 = 1;

/// The newest object's cell of a bin, and how many objects have been popped.
#[derive(Debug)]
pub(super) struct BinWord(AtomicU64);

/// Above [`CHANGES`], what makes the number in a bin's word that of all objects ever popped, by an
/// addition that wraps at 2^63; while that changes, the number itself.
#[derive(Debug)]
pub(super) struct PoppedBefore(AtomicU64);

impl PoppedBefore {
    /// That of a bin from which nothing was popped.
    pub(super) const fn new() -> Self {
        Self(AtomicU64::new(0))
    }
}

/// A word after a pop that has not happened yet.
#[derive(Clone, Copy)]
pub(super) struct AfterPop(u64);

impl BinWord {
    pub(super) const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// The number of the cell of the newest object.
    pub(super) fn newest(&self) -> usize {
        (self.0.load(Relaxed) & NEWEST) as usize
    }

    /// Stores the number of another cell.
    pub(super) fn set_newest(&self, cell: usize) {
        debug_assert!(cell as u64 <= NEWEST);
        let word = self.0.load(Relaxed);
        self.0.store(word & !NEWEST | cell as u64, Relaxed);
    }

    /// The newest object's cell, and the word after a pop; `None` if the pop is
    /// [due](Self::is_due).
    #[inline(always)]
    pub(super) fn before_pop(&self) -> Option<(usize, AfterPop)> {
        let word = self.0.load(Relaxed);
        let next = word.checked_add(POPPED + 1)?;
        Some(((word & NEWEST) as usize, AfterPop(next)))
    }

    /// Counts a pop.
    #[inline(always)]
    pub(super) fn pop(&self, next: AfterPop) {
        self.0.store(next.0, Relaxed);
    }

    /// Makes the cell before the newest object's that of the newest one, and returns its number;
    /// `None` if the newest object is in the `first` cell.
    #[inline(always)]
    pub(super) fn push(&self, first: u16) -> Option<usize> {
        let word = self.0.load(Relaxed);
        if word as u16 == first {
            return None;
        }
        self.0.store(word - 1, Relaxed);
        Some((word & NEWEST) as usize - 1)
    }

    /// How many objects have been popped so far; an estimate if another thread asks.
    pub(super) fn popped(&self, before: &PoppedBefore) -> u64 {
        // Ends: each further round is one in which the owner has come to an object that was due.
        loop {
            let others = before.0.load(Acquire);
            if others & CHANGES != 0 {
                return others >> 1;
            }
            let counted = self.0.load(Relaxed) >> 16;
            fence(Acquire);
            if before.0.load(Relaxed) == others {
                return (others >> 1).wrapping_add(counted) & u64::MAX >> 1;
            }
        }
    }

    /// Has the pop after `pops - 1` others fail, of which there is at least one and at most
    /// [`MOST_POPS`].
    pub(super) fn arm(&self, before: &PoppedBefore, pops: u64) {
        debug_assert!((1..=MOST_POPS).contains(&pops));
        self.count_from(before, self.popped(before), MOST_POPS - pops);
    }

    /// Whether the next pop is the one that fails.
    pub(super) fn is_due(&self) -> bool {
        self.0.load(Relaxed) >> 16 == MOST_POPS - 1
    }

    /// Counts an object that was due, and came from elsewhere; the next one is due after `pops`.
    #[cfg(any(test, feature = "profile"))]
    pub(super) fn pop_elsewhere(&self, before: &PoppedBefore, pops: u64) {
        self.count_from(before, self.popped(before) + 1, MOST_POPS - pops);
    }

    /// Stores that so many objects have been popped, and counts on from `start`.
    fn count_from(&self, before: &PoppedBefore, popped: u64, start: u64) {
        let newest = self.0.load(Relaxed) & NEWEST;
        before.0.store(popped << 1 | CHANGES, Relaxed);
        fence(Release);
        self.0.store(start << 16 | newest, Relaxed);
        before.0.store(popped.wrapping_sub(start) << 1, Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As another thread sees it whose owner has stopped, or is not there after a fork, halfway in
    /// counting anew.
    #[test]
    fn the_number_of_popped_objects_is_there_while_it_begins_anew() {
        let (word, before) = (BinWord::new(), PoppedBefore::new());
        for _ in 0..5 {
            word.pop(word.before_pop().unwrap().1);
        }
        let value = word.0.load(Relaxed);
        before.0.store(5 << 1 | CHANGES, Relaxed);
        assert_eq!(word.popped(&before), 5);
        word.count_from(&before, 5, MOST_POPS - 3);
        before.0.store(5 << 1 | CHANGES, Relaxed);
        assert_ne!(word.0.load(Relaxed), value);
        assert_eq!(word.popped(&before), 5);
    }
}
