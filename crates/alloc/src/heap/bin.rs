//! A bin of a thread's cache: an array of free objects of one class. (The name is jemalloc's.)
//!
//! Allocating pops and freeing pushes: no lock, no atomic read-modify-write, and the object itself
//! is not touched. An empty bin refills with half of its limit, a full one flushes half of it.
//! Limits start small, double while a class is in demand, and settle at an eighth of the capacity
//! while objects of it only come back.
//!
//! Its room and the number of objects popped from it share one [word](super::bin_word).
//! Objects lie at the end of the array, behind the room, the newest first, and a null pointer lies
//! behind the last cell: popping does not have to compare a length.
//!
//! ```text
//!   … beyond the limit │        │        │ newest │ object │ oldest │ null
//!                 base ┴───── room ──────┘
//! ```
//!
//! Invariant: `base` is `limit` cells before the null pointer, `limit` is at most `capacity`, and
//! room is at most `limit`; cells from the room on are objects. One thread at a time uses a bin,
//! the one whose cache it is in; others only read its counters, which are atomic for that reason
//! alone.

use core::{
    cell::Cell,
    mem::MaybeUninit,
    ptr::{self, NonNull},
    slice,
    sync::atomic::{AtomicU16, Ordering::Relaxed},
};

use super::{
    bin_word::BinWord,
    class::{Class, cold_path},
};
use orionrt_sys::checker::hidden;

// A bin's capacity: `MOST_OBJECTS` that have at most `MOST_BYTES` together, or, if those are more,
// `MOST_LARGE_OBJECTS` that have at most `MOST_LARGE_BYTES`; at least `LEAST_CAPACITY`.
const MOST_OBJECTS: usize = 256;
const MOST_BYTES: usize = 64 << 10;
const MOST_LARGE_OBJECTS: usize = 64;
const MOST_LARGE_BYTES: usize = 128 << 10;
const LEAST_CAPACITY: usize = 4;
const FIRST_LIMIT: usize = 4;
/// The limit of an idle bin is this part of its capacity, so that objects which only come back
/// leave in batches.
const IDLE_PART: u16 = 8;

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
    pub(super) counters: BinWord,
    base: Cell<*const Cell<*mut u8>>,
    limit: AtomicU16,
    capacity: u16,
    /// The low bits of `popped` at the last sweep.
    popped_at_sweep: Cell<u32>,
}

impl Bin {
    /// A bin without cells.
    pub(super) const fn unused() -> Self {
        Self {
            counters: BinWord::new(),
            base: Cell::new(ptr::null()),
            limit: AtomicU16::new(0),
            capacity: 0,
            popped_at_sweep: Cell::new(0),
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
    /// [fail](BinWord::is_due).
    #[inline(always)]
    pub(super) fn pop(&self) -> Option<NonNull<u8>> {
        // Two predicted branches are fewer instructions than one on the combined condition.
        let Some((room, next)) = self.counters.before_pop() else {
            cold_path();
            return None;
        };
        // SAFETY: a cell up to the limit, or the null pointer behind them.
        let cell = unsafe { &*self.base.get().add(room) };
        let object = NonNull::new(hidden(cell.get()))?;
        self.counters.pop(next);
        Some(object)
    }

    /// Adds an object; `false` if there is no room.
    #[inline(always)]
    pub(super) fn push(&self, object: *mut u8) -> bool {
        let Some(room) = self.counters.push() else {
            return false;
        };
        // SAFETY: a cell up to the limit.
        unsafe { &*self.base.get().add(room - 1) }.set(hidden(object));
        true
    }

    /// The number of objects; an estimate if another thread asks.
    pub(super) fn len(&self) -> usize {
        self.limit().saturating_sub(self.counters.room())
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
        &self.cells()[self.counters.room()..]
    }

    fn set_len(&self, length: usize) {
        debug_assert!(length <= self.limit());
        self.counters.set_room(self.limit().saturating_sub(length));
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
        let (room, length) = (self.counters.room(), self.len());
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

    /// Halves the limit, or doubles it, towards that of an idle bin, but not below the length: the
    /// class is not in demand.
    pub(super) fn settle_limit(&self) {
        let idle = usize::from(self.capacity / IDLE_PART).max(FIRST_LIMIT);
        let limit = self.limit();
        self.set_limit(idle.clamp(limit / 2, 2 * limit).max(self.len()));
    }

    /// Sets the limit to the first one, but not below the length.
    pub(super) fn reset_limit(&self) {
        self.set_limit(FIRST_LIMIT.max(self.len()));
    }

    /// Whether nothing has been popped since the last call.
    pub(super) fn is_unused_since_sweep(&self) -> bool {
        let popped = self.counters.popped() as u32;
        self.popped_at_sweep.replace(popped) == popped
    }
}

#[cfg(test)]
mod tests;
