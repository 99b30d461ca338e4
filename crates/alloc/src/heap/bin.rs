//! A bin of a thread's cache: an array of free objects of one class. (The name is jemalloc's.)
//!
//! Allocating pops and freeing pushes: no lock, no atomic read-modify-write, and the object itself
//! is not touched. An empty bin refills with half of its limit, a full one flushes half of it.
//! Limits start small, double while a class is in demand, and settle at an eighth of the capacity
//! while objects of it only come back.
//!
//! The cells of all classes are one array. A bin's objects lie at the end of its part, the newest
//! first, and a null pointer lies behind them: popping does not have to compare a length. Where the
//! newest object is and how many have been popped share one [word](super::bin_word). These words
//! are an array by class, and so are the numbers of the first cells that may be used: a call finds
//! what it needs by the class alone, without the address of a bin.
//!
//! ```text
//!   … beyond the limit │        │        │ newest │ object │ oldest │ null
//!                       └ first                                       └ end
//! ```
//!
//! Invariant: a bin's `first` is at most its capacity of cells before its end; its newest object,
//! or the null pointer if there is none, is in a cell from the first to the end, and all cells from
//! there to the end are objects. One thread at a time uses a bin, the one whose cache it is in;
//! others only read its word and `first`, which are atomic for that reason alone.

use core::{
    cell::Cell,
    mem::MaybeUninit,
    ptr::{self, NonNull},
    slice,
    sync::atomic::{AtomicU16, Ordering::Relaxed},
};

use super::{
    bin_word::{BinWord, PoppedBefore},
    class::{CLASSES, Class, cold_path},
};
use orionrt_sys::checker::hidden;

// A bin's capacity: `MOST_OBJECTS` that have at most `MOST_BYTES` together, or, if those are more,
// `MOST_LARGE_OBJECTS` that have at most `MOST_LARGE_BYTES`; at least `LEAST_CAPACITY`. Two to four
// of the largest objects make a span, so a bin with room for few of them would have spans opened
// and closed all the time. What a class has and nobody asks for goes to the depot, after some more
// calls of the thread that take a slow path.
const MOST_OBJECTS: usize = 256;
const MOST_BYTES: usize = 64 << 10;
const MOST_LARGE_OBJECTS: usize = 64;
const MOST_LARGE_BYTES: usize = 512 << 10;
const LEAST_CAPACITY: usize = 4;
const FIRST_LIMIT: usize = 4;
/// The limit of an idle bin is this part of its capacity, so that objects which only come back
/// leave in batches.
const IDLE_PART: usize = 8;

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

/// The number of the cell with the null pointer, behind the others, of each class.
const ENDS: [u16; CLASSES] = {
    let (mut ends, mut end, mut index) = ([0; CLASSES], 0, 0);
    while index < CLASSES {
        end += capacity(Class::numbered(index));
        ends[index] = end as u16;
        end += 1;
        index += 1;
    }
    ends
};

/// The number of cells of all classes.
const CELLS: usize = ENDS[CLASSES - 1] as usize + 1;
// They can be numbered by `u16`.
const _: () = {
    let (mut sum, mut index) = (0, 0);
    while index < CLASSES {
        sum += 1 + capacity(Class::numbered(index));
        index += 1;
    }
    assert!(sum == CELLS && sum <= u16::MAX as usize);
};

/// The bins of a thread, one for each class.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Bins {
    words: [BinWord; CLASSES],
    /// The number of the first cell that may be used.
    firsts: [AtomicU16; CLASSES],
    rarely: [RarelyUsed; CLASSES],
    cells: [Cell<*mut u8>; CELLS],
}

/// What a bin needs now and then.
#[derive(Debug)]
struct RarelyUsed {
    popped_before: PoppedBefore,
    /// The low bits of the number of popped objects at the last sweep.
    popped_at_sweep: Cell<u32>,
}

impl Bins {
    /// Bins that are never used.
    pub(super) const fn unused() -> Self {
        Self {
            words: [const { BinWord::new() }; CLASSES],
            firsts: [const { AtomicU16::new(0) }; CLASSES],
            rarely: [const {
                RarelyUsed {
                    popped_before: PoppedBefore::new(),
                    popped_at_sweep: Cell::new(0),
                }
            }; CLASSES],
            cells: [const { Cell::new(ptr::null_mut()) }; CELLS],
        }
    }

    /// Makes bins whose bytes are all zero empty ones.
    pub(super) fn open(&mut self) {
        for class in Class::all() {
            let end = ENDS[class.index()];
            self.words[class.index()].set_newest(end.into());
            *self.firsts[class.index()].get_mut() = end - FIRST_LIMIT as u16;
        }
    }

    /// The bin of a class.
    #[inline(always)]
    pub(super) fn bin(&self, class: Class) -> Bin<'_> {
        Bin { bins: self, class }
    }
}

/// The free objects of one class that a thread has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bin<'b> {
    bins: &'b Bins,
    class: Class,
}

impl Bin<'_> {
    /// Takes the object that came last; `None` if there is none, or if this pop is to
    /// [fail](BinWord::is_due).
    #[inline(always)]
    pub(super) fn pop(self) -> Option<NonNull<u8>> {
        // Two predicted branches are fewer instructions than one on the combined condition.
        let Some((newest, next)) = self.word().before_pop() else {
            cold_path();
            return None;
        };
        let object = NonNull::new(hidden(self.cell(newest).get()))?;
        self.word().pop(next);
        Some(object)
    }

    /// Adds an object; `false` if there is no room.
    #[inline(always)]
    pub(super) fn push(self, object: *mut u8) -> bool {
        let Some(newest) = self.word().push(self.first().load(Relaxed)) else {
            return false;
        };
        self.cell(newest).set(hidden(object));
        true
    }

    #[inline(always)]
    fn word(&self) -> &BinWord {
        // SAFETY: the index of every class is below `CLASSES`, by the invariant of `class`.
        unsafe { self.bins.words.get_unchecked(self.class.index()) }
    }

    #[inline(always)]
    fn first(&self) -> &AtomicU16 {
        // SAFETY: the index of every class is below `CLASSES`, by the invariant of `class`.
        unsafe { self.bins.firsts.get_unchecked(self.class.index()) }
    }

    #[inline(always)]
    fn cell(&self, number: usize) -> &Cell<*mut u8> {
        // SAFETY: the number is that of a word, and those are below `CELLS`: `open` and `set_len`
        // store numbers from the first cell of a class to its end, a push stops at the first, and a
        // pop at the end, where it finds the null pointer. The words of `unused` bins name cell 0.
        unsafe { self.bins.cells.get_unchecked(number) }
    }

    fn rarely(&self) -> &RarelyUsed {
        &self.bins.rarely[self.class.index()]
    }

    fn end(self) -> usize {
        ENDS[self.class.index()].into()
    }

    fn capacity(self) -> usize {
        capacity(self.class)
    }

    /// The number of objects; an estimate if another thread asks.
    pub(super) fn len(self) -> usize {
        self.end() - self.word().newest()
    }

    pub(super) fn limit(self) -> usize {
        self.end() - usize::from(self.first().load(Relaxed))
    }

    /// Whether the next pop is the one that fails.
    pub(super) fn is_due(self) -> bool {
        self.word().is_due()
    }

    /// How many objects have been popped so far; an estimate if another thread asks.
    pub(super) fn popped(self) -> u64 {
        self.word().popped(&self.rarely().popped_before)
    }

    /// Has the pop after `pops - 1` others fail, as [`BinWord::arm`] does.
    pub(super) fn arm(self, pops: u64) {
        self.word().arm(&self.rarely().popped_before, pops);
    }

    /// Counts an object that was due, and came from elsewhere; the next one is due after `pops`.
    #[cfg(any(test, feature = "profile"))]
    pub(super) fn pop_elsewhere(self, pops: u64) {
        self.word()
            .pop_elsewhere(&self.rarely().popped_before, pops);
    }

    /// The cells of the objects, the newest first.
    fn objects(&self) -> &[Cell<*mut u8>] {
        &self.bins.cells[self.word().newest()..self.end()]
    }

    fn set_len(self, length: usize) {
        // In release, too, no number is stored that is not of this bin: cells are read by it.
        let length = length.min(self.limit());
        self.word().set_newest(self.end() - length);
    }

    /// Changes the limit to one of at least the present length and at most the capacity.
    fn set_limit(self, limit: usize) {
        debug_assert!(self.len() <= limit && limit <= self.capacity());
        self.first().store((self.end() - limit) as u16, Relaxed);
    }

    /// How many objects to refill the empty bin with; the limit grows with demand.
    pub(super) fn refill_size(self) -> usize {
        let want = self.limit() / 2;
        self.double_limit();
        want.max(1)
    }

    /// Adds up to `want` objects from the depot, which `fill` writes to the first of the cells that
    /// it is passed; it returns how many. What comes first is popped first.
    pub(super) fn refill(self, want: usize, fill: impl FnOnce(&[Cell<*mut u8>]) -> usize) {
        let (length, newest) = (self.len(), self.word().newest());
        let want = want.min(self.limit() - length);
        let cells = &self.bins.cells[newest - want..newest];
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
    pub(super) fn drain_oldest(self, keep: usize, pass: impl FnOnce(&[*mut u8])) {
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
    pub(super) fn double_limit(self) {
        self.set_limit((self.limit() * 2).min(self.capacity()));
    }

    /// Halves the limit, or doubles it, towards that of an idle bin, but not below the length: the
    /// class is not in demand.
    pub(super) fn settle_limit(self) {
        let idle = (self.capacity() / IDLE_PART).max(FIRST_LIMIT);
        let limit = self.limit();
        self.set_limit(idle.clamp(limit / 2, 2 * limit).max(self.len()));
    }

    /// Sets the limit to the first one, but not below the length.
    pub(super) fn reset_limit(self) {
        self.set_limit(FIRST_LIMIT.max(self.len()));
    }

    /// Whether nothing has been popped since the last call.
    pub(super) fn is_unused_since_sweep(self) -> bool {
        let popped = self.popped() as u32;
        self.rarely().popped_at_sweep.replace(popped) == popped
    }
}

#[cfg(test)]
mod tests;
