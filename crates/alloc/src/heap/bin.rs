//! A bin of a thread's cache: an array of free objects of one class. (The name is jemalloc's.)
//!
//! Allocating pops and freeing pushes: no lock, no atomic read-modify-write, and the object itself
//! is not touched. An empty bin refills with half of its limit, a full one flushes half of it.
//! Limits start small, double while a class is in demand, and halve while objects of it only come
//! back.
//!
//! The bin's room and the number of objects popped from it share one word, `popped << 16 |
//! room`, so counting costs nothing; all other counts follow from what depots and spans know.
//! Objects lie at the end of the array, behind the room, the newest first, and a null pointer lies
//! behind the last cell: popping does not have to compare a length.
//!
//! ```text
//!   … beyond the limit │        │        │ newest │ object │ oldest │ null
//!                 base ┴───── room ──────┘
//! ```
//!
//! The number does not begin at zero: it is [armed](Bin::arm) so that it overflows at a given pop,
//! which then fails as if the bin were empty. So the one object in thousands that a profile is to
//! have is found by the carry of an addition that is made anyway.
//!
//! Invariant: `base` is `limit` cells before the null pointer, `limit` is at most `capacity`, and
//! room is at most `limit`; cells from the room on are objects. One thread at a time uses a bin,
//! the one whose cache it is in; others only read its counters, which are atomic for that reason
//! alone. The word begins to count anew between two writes of `popped_before`, the first of which
//! says so, and holds the number of popped objects meanwhile.

use core::{
    cell::Cell,
    mem::MaybeUninit,
    ptr::{self, NonNull},
    slice,
    sync::atomic::{
        AtomicU16, AtomicU64,
        Ordering::{Acquire, Relaxed, Release},
        fence,
    },
};

use super::class::{Class, cold_path};
use orionrt_sys::checker::hidden;

// A bin's capacity: `MOST_OBJECTS` that have at most `MOST_BYTES` together, or, if those are more,
// `MOST_LARGE_OBJECTS` that have at most `MOST_LARGE_BYTES`; at least `LEAST_CAPACITY`.
const MOST_OBJECTS: usize = 256;
const MOST_BYTES: usize = 64 << 10;
const MOST_LARGE_OBJECTS: usize = 64;
const MOST_LARGE_BYTES: usize = 128 << 10;
const LEAST_CAPACITY: usize = 4;
const FIRST_LIMIT: usize = 4;
/// An idle bin keeps this part of its cells, so that objects which only come back still leave in
/// batches.
const IDLE_PART: u16 = 8;

/// The bits of a bin's word that hold its room.
const ROOM: u64 = 0xffff;
/// One popped object, in a bin's word.
const POPPED: u64 = 1 << 16;
/// So many pops fit in a bin's word.
pub(super) const MOST_POPS: u64 = 1 << 48;
/// The bit of `popped_before` that is set while the word's number begins anew.
const CHANGES: u64 = 1;

/// The number of cells that a bin of this class has.
pub(super) const fn capacity(class: Class) -> usize {
    let small = least(MOST_OBJECTS, MOST_BYTES / class.size());
    let large = least(MOST_LARGE_OBJECTS, MOST_LARGE_BYTES / class.size());
    most(most(small, large), LEAST_CAPACITY)
}

const fn least(a: usize, b: usize) -> usize {
    if a < b { a } else { b }
}

const fn most(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}

/// The free objects of one class that a thread has.
#[derive(Debug)]
pub(super) struct Bin {
    word: AtomicU64,
    base: Cell<*const Cell<*mut u8>>,
    limit: AtomicU16,
    capacity: u16,
    /// The low bits of `popped` at the last sweep.
    popped_at_sweep: Cell<u32>,
    /// Above [`CHANGES`], what makes the number in the word that of all objects ever popped, by an
    /// addition that wraps at 2^63; while that changes, the number itself.
    popped_before: AtomicU64,
}

impl Bin {
    /// A bin without cells.
    pub(super) const fn unused() -> Self {
        Self {
            word: AtomicU64::new(0),
            base: Cell::new(ptr::null()),
            limit: AtomicU16::new(0),
            capacity: 0,
            popped_at_sweep: Cell::new(0),
            popped_before: AtomicU64::new(0),
        }
    }

    /// Makes this an empty bin of `capacity` cells.
    ///
    /// # Safety
    /// The cells are initialised, the one behind them is null, and all of them are this bin's
    /// alone, for ever.
    pub(super) unsafe fn open(&mut self, cells: *const Cell<*mut u8>, capacity: usize) {
        self.capacity = capacity as u16;
        // SAFETY: the null pointer behind the last cell.
        self.base.set(unsafe { cells.add(capacity) });
        self.set_limit(FIRST_LIMIT);
    }

    /// Takes the object that came last; `None` if there is none, or if this pop is to
    /// [fail](Self::is_due).
    #[inline(always)]
    pub(super) fn pop(&self) -> Option<NonNull<u8>> {
        let word = self.word.load(Relaxed);
        // Two predicted branches are fewer instructions than one on the combined condition.
        let Some(next) = word.checked_add(POPPED + 1) else {
            cold_path();
            return None;
        };
        let room = (word & ROOM) as usize;
        // SAFETY: a cell up to the limit, or the null pointer behind them.
        let cell = unsafe { &*self.base.get().add(room) };
        let object = NonNull::new(hidden(cell.get()))?;
        self.word.store(next, Relaxed);
        Some(object)
    }

    /// Adds an object; `false` if there is no room.
    #[inline(always)]
    pub(super) fn push(&self, object: *mut u8) -> bool {
        let word = self.word.load(Relaxed);
        let room = (word & ROOM) as usize;
        if room == 0 {
            return false;
        }
        self.word.store(word - 1, Relaxed);
        // SAFETY: a cell up to the limit.
        unsafe { &*self.base.get().add(room - 1) }.set(hidden(object));
        true
    }

    /// The number of objects; an estimate if another thread asks.
    pub(super) fn len(&self) -> usize {
        self.limit().saturating_sub(self.room())
    }

    fn room(&self) -> usize {
        (self.word.load(Relaxed) & ROOM) as usize
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

    pub(super) fn limit(&self) -> usize {
        self.limit.load(Relaxed).into()
    }

    /// The cells up to the limit.
    fn cells(&self) -> &[Cell<*mut u8>] {
        // SAFETY: by the invariant; all were initialised when the cache was made.
        unsafe { slice::from_raw_parts(self.base.get(), self.limit()) }
    }

    /// The cells of the objects, the newest first.
    fn objects(&self) -> &[Cell<*mut u8>] {
        &self.cells()[self.room()..]
    }

    fn set_len(&self, length: usize) {
        debug_assert!(length <= self.limit());
        let word = self.word.load(Relaxed);
        let room = self.limit().saturating_sub(length);
        self.word.store(word & !ROOM | room as u64, Relaxed);
    }

    /// Changes the limit to one of at least the present length and at most the capacity.
    fn set_limit(&self, limit: usize) {
        let (length, base) = (self.len(), self.base.get());
        debug_assert!(length <= limit && limit <= usize::from(self.capacity));
        // Not by way of `cells`: a pointer from that slice may not be used beyond it.
        // SAFETY: to the null pointer, before which the array has `capacity` cells.
        self.base.set(unsafe { base.add(self.limit()).sub(limit) });
        self.limit.store(limit as u16, Relaxed);
        self.set_len(length);
    }

    /// How many objects to refill the empty bin with; the limit grows with demand.
    pub(super) fn refill_size(&self) -> usize {
        let want = self.limit() / 2;
        self.double_limit();
        want.max(1)
    }

    /// Adds up to `want` objects from the depot, which `fill` writes to the first of the cells that
    /// it is passed; it returns how many. What comes first is popped first.
    pub(super) fn refill(&self, want: usize, fill: impl FnOnce(&[Cell<*mut u8>]) -> usize) {
        let (room, length) = (self.room(), self.len());
        let cells = &self.cells()[room - want.min(room)..room];
        let found = fill(cells).min(cells.len());
        let gap = cells.len() - found;
        if gap > 0 {
            for index in (0..found).rev() {
                cells[index + gap].set(cells[index].get());
            }
        }
        self.set_len(length + found);
    }

    /// Removes the objects that have been here longest, all but `keep`, and passes them on.
    #[inline]
    pub(super) fn drain_oldest(&self, keep: usize, pass: impl FnOnce(&[*mut u8])) {
        let length = self.len();
        let leaving = length - keep.min(length);
        let mut objects = [const { MaybeUninit::uninit() }; MOST_OBJECTS];
        let (staying, oldest) = self.objects().split_at(length - leaving);
        for (object, cell) in objects.iter_mut().zip(oldest.iter().rev()) {
            object.write(hidden(cell.get()));
        }
        // SAFETY: so many were written, since no bin has more than `MOST_OBJECTS`.
        let objects = unsafe { slice::from_raw_parts(objects.as_ptr().cast(), leaving) };
        let (first, staying) = (self.objects().as_ptr(), staying.len());
        // SAFETY: there are `staying` and `leaving` cells of objects, and cells may be written
        // through a shared reference.
        unsafe { ptr::copy(first, first.add(leaving).cast_mut(), staying) };
        self.set_len(length - leaving);
        pass(objects);
    }

    /// Doubles the limit: the class is in demand.
    pub(super) fn double_limit(&self) {
        self.set_limit((self.limit() * 2).min(self.capacity.into()));
    }

    /// Halves the limit, but not below the length: the class is not in demand.
    pub(super) fn halve_limit(&self) {
        let least = usize::from(self.capacity / IDLE_PART).max(FIRST_LIMIT);
        if self.limit() > least {
            self.set_limit((self.limit() / 2).max(self.len()));
        }
    }

    /// Sets the limit to the first one, but not below the length.
    pub(super) fn reset_limit(&self) {
        self.set_limit(FIRST_LIMIT.max(self.len()));
    }

    /// Whether nothing has been popped since the last call.
    pub(super) fn is_unused_since_sweep(&self) -> bool {
        let popped = self.popped() as u32;
        self.popped_at_sweep.replace(popped) == popped
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::VecDeque, vec::Vec};

    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// A bin of its own, in cells that live as long as the test.
    fn bin(capacity: usize) -> Bin {
        let cells: Vec<Cell<*mut u8>> =
            (0..=capacity).map(|_| Cell::new(ptr::null_mut())).collect();
        let mut bin = Bin::unused();
        // SAFETY: so many null pointers and one more, which nobody else has.
        unsafe { bin.open(cells.leak().as_ptr(), capacity) };
        bin
    }

    fn object(number: usize) -> *mut u8 {
        ptr::without_provenance_mut(16 * (number + 1))
    }

    #[test]
    fn the_pop_that_is_armed_fails_and_all_are_counted() {
        let bin = bin(8);
        for pops in [MOST_POPS, 1, 2, 7] {
            let before = bin.popped();
            bin.arm(pops);
            for _ in 1..pops.min(20) {
                assert!(!bin.is_due() && bin.push(object(1)));
                assert_eq!(bin.pop().map(NonNull::as_ptr), Some(object(1)));
            }
            assert_eq!((bin.popped(), bin.len()), (before + pops.min(20) - 1, 0));
            assert_eq!(bin.is_due(), pops < 20);
        }
        assert!(bin.push(object(1)));
        assert_eq!(bin.pop(), None);
        let popped = bin.popped();
        bin.pop_elsewhere(5);
        assert_eq!(
            (bin.popped(), bin.len(), bin.is_due()),
            (popped + 1, 1, false)
        );
        assert_eq!(bin.pop().map(NonNull::as_ptr), Some(object(1)));
    }

    /// As another thread sees it whose owner has stopped, or is not there after a fork, halfway in
    /// counting anew.
    #[test]
    fn the_number_of_popped_objects_is_there_while_it_begins_anew() {
        let bin = bin(8);
        for _ in 0..5 {
            assert!(bin.push(object(1)) && bin.pop().is_some());
        }
        let word = bin.word.load(Relaxed);
        bin.popped_before.store(5 << 1 | CHANGES, Relaxed);
        assert_eq!(bin.popped(), 5);
        bin.count_from(5, MOST_POPS - 3);
        bin.popped_before.store(5 << 1 | CHANGES, Relaxed);
        assert_ne!(bin.word.load(Relaxed), word);
        assert_eq!(bin.popped(), 5);
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Push,
        Pop,
        Refill(usize),
        Drain(usize),
        Double,
        Halve,
        Reset,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            8 => Just(Step::Push),
            6 => Just(Step::Pop),
            1 => (0usize..300).prop_map(Step::Refill),
            1 => (0usize..300).prop_map(Step::Drain),
            1 => Just(Step::Double),
            1 => Just(Step::Halve),
            1 => Just(Step::Reset),
        ]
    }

    proptest! {
        #[test]
        fn a_bin_is_a_stack_whose_oldest_objects_can_leave(
            capacity in LEAST_CAPACITY..=MOST_OBJECTS,
            steps in vec(step(), 0..400),
        ) {
            let (bin, mut model, mut popped) = (bin(capacity), VecDeque::new(), 0);
            for (number, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Push => {
                        let has_room = model.len() < bin.limit();
                        prop_assert_eq!(bin.push(object(number)), has_room);
                        model.extend(has_room.then_some(object(number)));
                    }
                    Step::Pop => {
                        let expected: Option<*mut u8> = model.pop_back();
                        popped += u64::from(expected.is_some());
                        prop_assert_eq!(bin.pop().map(NonNull::as_ptr), expected);
                    }
                    Step::Refill(most) => {
                        let want = bin.refill_size();
                        let come = (0..want.min(most)).map(|more| object(number * 512 + more));
                        let come: Vec<_> = come.take(bin.limit() - model.len()).collect();
                        bin.refill(want, |cells| {
                            cells.iter().zip(&come).for_each(|(cell, &new)| cell.set(hidden(new)));
                            come.len()
                        });
                        model.extend(come.iter().rev());
                    }
                    Step::Drain(keep) => {
                        let leaving = model.len() - keep.min(model.len());
                        let expected: Vec<_> = model.drain(..leaving).collect();
                        bin.drain_oldest(keep, |objects| assert_eq!(objects, expected));
                    }
                    Step::Double => bin.double_limit(),
                    Step::Halve => bin.halve_limit(),
                    Step::Reset => bin.reset_limit(),
                }
                prop_assert_eq!((bin.len(), bin.popped()), (model.len(), popped));
                prop_assert!(bin.len() <= bin.limit() && bin.limit() <= capacity);
            }
        }
    }
}
