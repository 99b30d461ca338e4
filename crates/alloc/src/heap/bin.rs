//! A bin of a thread's cache: an array of free objects of one class. (The name is jemalloc's.)
//!
//! Allocating pops and freeing pushes: no lock, no atomic read-modify-write, and the object itself
//! is not touched. An empty bin refills with half of its limit, a full one flushes half of it.
//! Limits start small, double while a class is in demand, and halve while objects of it only come
//! back.
//!
//! The bin's room and the number of objects ever popped from it share one word, `popped << 16 |
//! room`, so counting costs nothing; all other counts follow from what depots and spans know. Room
//! is counted down to the end of the array, and a null pointer lies before its first cell: neither
//! pushing nor popping has to compare a length.
//!
//! ```text
//!          null │ object │ object │ object │        │        │ beyond the limit …
//!                                          └───── room ──────┴ end
//! ```
//!
//! Invariant: `end` is `limit` cells behind the first one, `limit` is at most `capacity`, and room
//! is at most `limit`; cells below the room are objects. One thread at a time uses a bin, the one
//! whose cache it is in; others only read its counters, which are atomic for that reason alone.

use core::{
    cell::Cell,
    ptr::{self, NonNull},
    sync::atomic::{AtomicU16, AtomicU64, Ordering::Relaxed},
};

use super::class::Class;
use orionrt_sys::checker::hidden;

/// The most objects in a bin ...
const MOST_OBJECTS: usize = 64;
/// ... and the most bytes, but room for [`LEAST_CAPACITY`] objects in any case.
const MOST_BYTES: usize = 128 << 10;
const LEAST_CAPACITY: usize = 4;
const FIRST_LIMIT: usize = 4;
/// An idle bin keeps room for so many objects.
const IDLE_LIMIT: usize = 4;

/// The bits of a bin's word that hold its room.
const ROOM: u64 = 0xffff;
/// One popped object, in a bin's word.
const POPPED: u64 = 1 << 16;

/// The number of cells that a bin of this class has.
pub(super) const fn capacity(class: Class) -> usize {
    let fitting = MOST_BYTES / class.size();
    if fitting > MOST_OBJECTS {
        MOST_OBJECTS
    } else if fitting < LEAST_CAPACITY {
        LEAST_CAPACITY
    } else {
        fitting
    }
}

/// The free objects of one class that a thread has.
#[derive(Debug)]
pub(super) struct Bin {
    word: AtomicU64,
    end: Cell<*const Cell<*mut u8>>,
    limit: AtomicU16,
    capacity: u16,
    /// The low bits of `popped` at the last sweep.
    popped_at_sweep: Cell<u32>,
    _spare: u64,
}

impl Bin {
    /// A bin without cells.
    pub(super) const fn unused() -> Self {
        Self {
            word: AtomicU64::new(0),
            end: Cell::new(ptr::null()),
            limit: AtomicU16::new(0),
            capacity: 0,
            popped_at_sweep: Cell::new(0),
            _spare: 0,
        }
    }

    /// Makes this an empty bin of `capacity` cells.
    ///
    /// # Safety
    /// The cells are initialised, the one before them is null, and all of them are this bin's
    /// alone, for ever.
    pub(super) unsafe fn open(&mut self, cells: *const Cell<*mut u8>, capacity: usize) {
        self.capacity = capacity as u16;
        self.end.set(cells);
        self.set_limit(FIRST_LIMIT);
    }

    /// Takes the object that came last.
    #[inline(always)]
    pub(super) fn pop(&self) -> Option<NonNull<u8>> {
        let word = self.word.load(Relaxed);
        let room = (word & ROOM) as usize;
        // SAFETY: at most `limit` cells before the end, and one more: the null pointer before the
        // first.
        let cell = unsafe { &*self.end.get().sub(room + 1) };
        let object = NonNull::new(hidden(cell.get()))?;
        self.word.store(word.wrapping_add(POPPED + 1), Relaxed);
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
        // SAFETY: at most `limit` cells before the end.
        unsafe { &*self.end.get().sub(room) }.set(hidden(object));
        true
    }

    /// The number of objects; an estimate if another thread asks.
    pub(super) fn len(&self) -> usize {
        self.limit().saturating_sub(self.room())
    }

    fn room(&self) -> usize {
        (self.word.load(Relaxed) & ROOM) as usize
    }

    /// How many objects have been popped so far.
    pub(super) fn popped(&self) -> u64 {
        self.word.load(Relaxed) >> 16
    }

    pub(super) fn limit(&self) -> usize {
        self.limit.load(Relaxed).into()
    }

    /// The cells up to the limit.
    fn cells(&self) -> &[Cell<*mut u8>] {
        let limit = self.limit();
        // SAFETY: by the invariant; all were initialised when the cache was made.
        unsafe { core::slice::from_raw_parts(self.end.get().sub(limit), limit) }
    }

    fn set_len(&self, length: usize) {
        debug_assert!(length <= self.limit());
        let word = self.word.load(Relaxed);
        let room = self.limit().saturating_sub(length);
        self.word.store(word & !ROOM | room as u64, Relaxed);
    }

    /// Changes the limit to one of at least the present length and at most the capacity.
    fn set_limit(&self, limit: usize) {
        let (length, end) = (self.len(), self.end.get());
        debug_assert!(length <= limit && limit <= usize::from(self.capacity));
        // Not by way of `cells`: a pointer from that slice may not be used beyond it.
        // SAFETY: back to the first cell, and the array has `capacity` cells.
        self.end.set(unsafe { end.sub(self.limit()).add(limit) });
        self.limit.store(limit as u16, Relaxed);
        self.set_len(length);
    }

    /// How many objects to refill the empty bin with; the limit grows with demand.
    pub(super) fn refill_size(&self) -> usize {
        let want = self.limit() / 2;
        self.double_limit();
        want.max(1)
    }

    /// Appends an object from the depot.
    pub(super) fn append(&self, object: *mut u8) {
        let length = self.len();
        self.cells()[length].set(hidden(object));
        self.set_len(length + 1);
    }

    /// Reverses the order of what was appended: what came first is popped first.
    pub(super) fn reverse(&self) {
        let cells = &self.cells()[..self.len()];
        for (low, high) in (0..cells.len() / 2).zip((0..cells.len()).rev()) {
            cells[low].swap(&cells[high]);
        }
    }

    /// Removes the objects that have been here longest, all but `keep`, and passes them on.
    #[inline]
    pub(super) fn drain_oldest(&self, keep: usize, pass: impl FnOnce(&[*mut u8])) {
        let length = self.len();
        let leaving = length - keep.min(length);
        let mut objects = [ptr::null_mut(); MOST_OBJECTS];
        let cells = self.cells();
        for (object, cell) in objects.iter_mut().zip(&cells[..leaving]) {
            *object = hidden(cell.get());
        }
        for index in leaving..length {
            cells[index - leaving].set(cells[index].get());
        }
        self.set_len(length - leaving);
        pass(&objects[..leaving]);
    }

    /// Doubles the limit: the class is in demand.
    pub(super) fn double_limit(&self) {
        self.set_limit((self.limit() * 2).min(self.capacity.into()));
    }

    /// Halves the limit, but not below the length: the class is not in demand.
    pub(super) fn halve_limit(&self) {
        if self.limit() > IDLE_LIMIT {
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
