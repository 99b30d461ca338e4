//! The counters of a bin, in one word: how much room it has, and how many objects have been popped
//! from it.
//!
//! ```text
//!   popped: 48 bits │ room: 16 bits
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

/// The bits of the word that hold the room.
const ROOM: u64 = 0xffff;
/// One popped object.
const POPPED: u64 = 1 << 16;
/// So many pops fit in a word.
pub(super) const MOST_POPS: u64 = 1 << 48;
/// The bit of `popped_before` that is set while the word's number begins anew.
const CHANGES: u64 = 1;

/// The room of a bin, and how many objects have been popped from it.
#[derive(Debug)]
pub(super) struct BinWord {
    word: AtomicU64,
    /// Above [`CHANGES`], what makes the number in the word that of all objects ever popped, by an
    /// addition that wraps at 2^63; while that changes, the number itself.
    popped_before: AtomicU64,
}

/// A word after a pop that has not happened yet.
#[derive(Clone, Copy)]
pub(super) struct AfterPop(u64);

impl BinWord {
    /// That of a bin without room.
    pub(super) const fn new() -> Self {
        Self {
            word: AtomicU64::new(0),
            popped_before: AtomicU64::new(0),
        }
    }

    pub(super) fn room(&self) -> usize {
        (self.word.load(Relaxed) & ROOM) as usize
    }

    /// Stores another room.
    pub(super) fn set_room(&self, room: usize) {
        debug_assert!(room as u64 <= ROOM);
        let word = self.word.load(Relaxed);
        self.word.store(word & !ROOM | room as u64, Relaxed);
    }

    /// The room, and the word after a pop; `None` if the pop is [due](Self::is_due).
    #[inline(always)]
    pub(super) fn before_pop(&self) -> Option<(usize, AfterPop)> {
        let word = self.word.load(Relaxed);
        let next = word.checked_add(POPPED + 1)?;
        Some(((word & ROOM) as usize, AfterPop(next)))
    }

    /// Counts a pop.
    #[inline(always)]
    pub(super) fn pop(&self, next: AfterPop) {
        self.word.store(next.0, Relaxed);
    }

    /// Takes the place of an object from the room; returns what the room was, `None` if it was 0.
    #[inline(always)]
    pub(super) fn push(&self) -> Option<usize> {
        let word = self.word.load(Relaxed);
        let room = (word & ROOM) as usize;
        if room == 0 {
            return None;
        }
        self.word.store(word - 1, Relaxed);
        Some(room)
    }

    /// How many objects have been popped so far; an estimate if another thread asks.
    pub(super) fn popped(&self) -> u64 {
        // Ends: each further round is one in which the owner has come to an object that was due.
        loop {
            let before = self.popped_before.load(Acquire);
            if before & CHANGES != 0 {
                return before >> 1;
            }
            let counted = self.word.load(Relaxed) >> 16;
            fence(Acquire);
            if self.popped_before.load(Relaxed) == before {
                return (before >> 1).wrapping_add(counted) & u64::MAX >> 1;
            }
        }
    }

    /// Has the pop after `pops - 1` others fail, of which there is at least one and at most
    /// [`MOST_POPS`].
    pub(super) fn arm(&self, pops: u64) {
        debug_assert!((1..=MOST_POPS).contains(&pops));
        self.count_from(self.popped(), MOST_POPS - pops);
    }

    /// Whether the next pop is the one that fails.
    pub(super) fn is_due(&self) -> bool {
        self.word.load(Relaxed) >> 16 == MOST_POPS - 1
    }

    /// Counts an object that was due, and came from elsewhere; the next one is due after `pops`.
    #[cfg(any(test, feature = "profile"))]
    pub(super) fn pop_elsewhere(&self, pops: u64) {
        self.count_from(self.popped() + 1, MOST_POPS - pops);
    }

    /// Stores that so many objects have been popped, and counts on from `start`.
    fn count_from(&self, popped: u64, start: u64) {
        let room = self.word.load(Relaxed) & ROOM;
        self.popped_before.store(popped << 1 | CHANGES, Relaxed);
        fence(Release);
        self.word.store(start << 16 | room, Relaxed);
        self.popped_before
            .store(popped.wrapping_sub(start) << 1, Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As another thread sees it whose owner has stopped, or is not there after a fork, halfway in
    /// counting anew.
    #[test]
    fn the_number_of_popped_objects_is_there_while_it_begins_anew() {
        let counters = BinWord::new();
        for _ in 0..5 {
            counters.pop(counters.before_pop().unwrap().1);
        }
        let word = counters.word.load(Relaxed);
        counters.popped_before.store(5 << 1 | CHANGES, Relaxed);
        assert_eq!(counters.popped(), 5);
        counters.count_from(5, MOST_POPS - 3);
        counters.popped_before.store(5 << 1 | CHANGES, Relaxed);
        assert_ne!(counters.word.load(Relaxed), word);
        assert_eq!(counters.popped(), 5);
    }
}
