//! A thread's cache: for each class an array of objects, and the counts of what the thread did.
//!
//! Allocating pops, freeing pushes: no lock, no atomic read-modify-write, and the object itself is not touched. An array that
//! is empty fetches half of its limit from the depot of its class, one that is full brings half. Limits start
//! small, double while a class is in demand, and halve when objects of it only come.
//!
//! An array's room and the number of objects ever popped from it are one word: `popped << 16 | room`. So counting costs
//! nothing, and everything else (frees, live objects) follows from what depots and spans know. Room is counted down from the
//! end, and before the first slot lies a null pointer: neither way needs to compare a length.
//!
//! ```text
//!          null │ object │ object │ object │        │        │ beyond the limit …
//!                                          └───── room ──────┴ end
//! ```
//!
//! Invariant: a cache is used by one thread at a time, the one that it is bound to in [`local`](super::local); others
//! only read its counters, which are atomic for that reason alone.

use core::{
    cell::Cell,
    ptr::{self, NonNull},
    sync::atomic::{AtomicU8, AtomicU16, AtomicU64, AtomicUsize, Ordering::Relaxed},
};

use super::{
    Heap,
    class::{CLASSES, Class, PAGE},
    ground::{Ground, kind_of},
};
use orionrt_sys::mapping::Mapping;

/// The most objects of one class in a cache.
const MOST: usize = 64;
/// And the most bytes, except that four may always be there.
const MOST_BYTES: usize = 128 << 10;
const FIRST_LIMIT: usize = 4;
/// Idle classes keep room for so many.
const IDLE_LIMIT: usize = 4;

const ROOM: u64 = 0xffff;
const POPPED: u64 = 1 << 16;

const fn most(class: Class) -> usize {
    let fitting = MOST_BYTES / class.size();
    if fitting > MOST {
        MOST
    } else if fitting < 4 {
        4
    } else {
        fitting
    }
}

/// Of all arrays, each with the null pointer before it.
const SLOTS: usize = {
    let (mut sum, mut index) = (0, 0);
    while index < CLASSES {
        sum += 1 + most(Class::numbered(index));
        index += 1;
    }
    sum
};

/// The array of one class.
///
/// Invariant: `end` is `limit` slots behind the first one, `limit` is at most `most`, and room at most `limit`; slots below are objects.
#[derive(Debug)]
pub(super) struct Bin {
    word: AtomicU64,
    end: Cell<*const Cell<*mut u8>>,
    limit: AtomicU16,
    most: u16,
    /// The low bits of `popped` at the last sweep.
    swept: Cell<u32>,
    _spare: u64,
}

impl Bin {
    /// Takes the object that came last.
    #[inline(always)]
    pub(super) fn pop(&self) -> Option<NonNull<u8>> {
        let word = self.word.load(Relaxed);
        let room = (word & ROOM) as usize;
        // SAFETY: at most `limit` slots before the end, and one more: the null pointer before the first.
        let object = NonNull::new(unsafe { &*self.end.get().sub(room + 1) }.get())?;
        self.word.store(word.wrapping_add(POPPED + 1), Relaxed);
        Some(object)
    }

    /// Puts an object on top; `false` when the array is full.
    #[inline(always)]
    pub(super) fn push(&self, object: *mut u8) -> bool {
        let word = self.word.load(Relaxed);
        let room = (word & ROOM) as usize;
        if room == 0 {
            return false;
        }
        self.word.store(word - 1, Relaxed);
        // SAFETY: at most `limit` slots before the end.
        unsafe { &*self.end.get().sub(room) }.set(object);
        true
    }

    /// How many objects there are; about as many, if another thread asks.
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

    /// Those up to the limit.
    fn slots(&self) -> &[Cell<*mut u8>] {
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

    /// Changes the limit to one of at least the present length and at most `most`.
    fn set_limit(&self, limit: usize) {
        let (length, end) = (self.len(), self.end.get());
        debug_assert!(length <= limit && limit <= usize::from(self.most));
        // Not by way of `slots`: a pointer from that slice may not be used beyond it.
        // SAFETY: back to the first slot, and the array has `most`.
        self.end.set(unsafe { end.sub(self.limit()).add(limit) });
        self.limit.store(limit as u16, Relaxed);
        self.set_len(length);
    }

    /// An empty array of `most` slots.
    ///
    /// # Safety
    /// They are initialised, one before them is null, and all of them are this array's alone, for ever.
    unsafe fn open(&mut self, slots: *const Cell<*mut u8>, most: usize) {
        self.most = most as u16;
        self.end.set(slots);
        self.set_limit(FIRST_LIMIT);
    }

    /// How many objects to fetch now that the array is empty; the limit grows with demand.
    pub(super) fn demand(&self) -> usize {
        let want = self.limit() / 2;
        self.widen();
        want.max(1)
    }

    /// Appends a fetched object.
    pub(super) fn append(&self, object: *mut u8) {
        let length = self.len();
        self.slots()[length].set(object);
        self.set_len(length + 1);
    }

    /// Puts what was fetched into the order in which it should be used: first fetched, first popped.
    pub(super) fn reverse(&self) {
        let slots = &self.slots()[..self.len()];
        for (low, high) in (0..slots.len() / 2).zip((0..slots.len()).rev()) {
            slots[low].swap(&slots[high]);
        }
    }

    /// The class is in demand: doubles the limit.
    pub(super) fn widen(&self) {
        self.set_limit((self.limit() * 2).min(self.most.into()));
    }

    /// Takes out the objects that have been here longest, all but `keep`, and passes them on.
    pub(super) fn take_oldest(&self, keep: usize, pass: impl FnOnce(&[*mut u8])) {
        let length = self.len();
        let leaving = length - keep.min(length);
        let mut objects = [ptr::null_mut(); MOST];
        let slots = self.slots();
        for (object, slot) in objects.iter_mut().zip(&slots[..leaving]) {
            *object = slot.get();
        }
        for index in leaving..length {
            slots[index - leaving].set(slots[index].get());
        }
        self.set_len(length - leaving);
        pass(&objects[..leaving]);
    }

    pub(super) fn limit(&self) -> usize {
        self.limit.load(Relaxed).into()
    }

    /// The class is not in demand: halves the limit, but not below the length.
    pub(super) fn narrow(&self) {
        if self.limit() > IDLE_LIMIT {
            self.set_limit((self.limit() / 2).max(self.len()));
        }
    }

    /// Whether nothing has been popped since this was last asked.
    pub(super) fn is_idle(&self) -> bool {
        let popped = self.popped() as u32;
        self.swept.replace(popped) == popped
    }

    /// Back to the first limit, if the array is empty.
    pub(super) fn reset_limit(&self) {
        self.set_limit(FIRST_LIMIT.max(self.len()));
    }
}

/// A thread's arrays, and the parts of its heap that are needed to use them.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Cache {
    /// Which heap the objects belong to; never dereferenced.
    heap: *const Heap,
    home_base: usize,
    home_pages: usize,
    home_kinds: *const AtomicU8,
    requested: AtomicUsize,
    /// The heap's drain count that this cache has followed.
    pub(super) drains: Cell<u32>,
    /// Counts visits to depots.
    pub(super) visits: Cell<u32>,
    bins: [Bin; CLASSES],
    /// All caches of a heap, and those without a thread; kept by the heap's [`Caches`].
    next: Cell<*const Cache>,
    next_idle: Cell<*const Cache>,
    slots: [Cell<*mut u8>; SLOTS],
}

/// The cache of threads that have none: of no heap, so it is never used.
pub(super) struct NoCache(Cache);

// SAFETY: its heap is no heap's address, so nobody gets past `serves`, and nothing in it is written.
unsafe impl Sync for NoCache {}

impl NoCache {
    pub(super) const fn as_ptr(&self) -> *const Cache {
        &raw const self.0
    }
}

pub(super) static NO_CACHE: NoCache = NoCache(Cache::unused());

impl Cache {
    const fn unused() -> Self {
        Self {
            heap: ptr::dangling(),
            home_base: 0,
            home_pages: 0,
            home_kinds: ptr::null(),
            requested: AtomicUsize::new(0),
            drains: Cell::new(0),
            visits: Cell::new(0),
            bins: [const {
                Bin {
                    word: AtomicU64::new(0),
                    end: Cell::new(ptr::null()),
                    limit: AtomicU16::new(0),
                    most: 0,
                    swept: Cell::new(0),
                    _spare: 0,
                }
            }; CLASSES],
            next: Cell::new(ptr::null()),
            next_idle: Cell::new(ptr::null()),
            slots: [const { Cell::new(ptr::null_mut()) }; SLOTS],
        }
    }

    /// A cache for objects of `heap`, whose first ground is `home`, in memory of its own that is never given back; `None` where there is no memory.
    fn create(heap: &'static Heap, home: &Ground) -> Option<&'static Self> {
        let mapping = Mapping::reserve(size_of::<Self>(), align_of::<Self>()).ok()?;
        mapping.commit(0..mapping.len()).ok()?;
        let place = mapping.base().cast::<Self>();
        core::mem::forget(mapping);
        // SAFETY: new memory of the right size and alignment, kept for ever, and nobody else's yet. All zero is a
        // valid cache: integers, null pointers, and cells of these. (Not written out: most of its slots are never used.)
        let cache = unsafe { &mut *place.as_ptr() };
        cache.heap = heap;
        cache.home_base = home.base().addr().get();
        cache.home_pages = home.pages();
        cache.home_kinds = home.kinds().as_ptr();
        let mut slots = cache.slots.as_ptr();
        for class in Class::all() {
            let bin = &mut cache.bins[class.index()];
            // SAFETY: `SLOTS` is the sum of all; zeros are null pointers, and no other array's.
            unsafe {
                bin.open(slots.add(1), most(class));
                slots = slots.add(1 + most(class));
            }
        }
        Some(cache)
    }

    /// Whether its objects are this heap's. The heap may be null: there is none yet.
    #[inline(always)]
    pub(crate) fn serves(&self, heap: *const Heap) -> bool {
        ptr::eq(self.heap, heap)
    }

    /// The heap that it serves.
    pub(super) fn heap(&self) -> *const Heap {
        self.heap
    }

    /// The array of a class.
    #[inline(always)]
    pub(super) fn bin(&self, class: Class) -> &Bin {
        // SAFETY: a class's number is below `CLASSES`.
        unsafe { self.bins.get_unchecked(class.index()) }
    }

    /// Allocates an object that someone asked `bytes` for, if there is one.
    #[inline(always)]
    pub(crate) fn pop(&self, class: Class, bytes: usize) -> Option<NonNull<u8>> {
        let object = self.bin(class).pop()?;
        self.count_requested(bytes);
        Some(object)
    }

    /// Frees an object; `false` when the array is full, or the object does not lie in a span of the class in the heap's first zone.
    #[inline(always)]
    pub(crate) fn push(&self, class: Class, object: *mut u8, bytes: usize) -> bool {
        let page = object.addr().wrapping_sub(self.home_base) / PAGE;
        if page >= self.home_pages {
            return false;
        }
        // SAFETY: one kind for each page of the home ground, which stays for ever.
        let kind = unsafe { &*self.home_kinds.add(page) }.load(Relaxed);
        let done = kind == kind_of(class) && self.bin(class).push(object);
        if done {
            self.count_requested(bytes.wrapping_neg());
        }
        done
    }

    /// Adds to the bytes that live objects asked for; may be a negative number, wrapped.
    #[inline(always)]
    pub(super) fn count_requested(&self, bytes: usize) {
        let sum = self.requested.load(Relaxed).wrapping_add(bytes);
        self.requested.store(sum, Relaxed);
    }

    /// What this thread asked for, less what it gave back; wraps below zero.
    pub(super) fn requested(&self) -> usize {
        self.requested.load(Relaxed)
    }
}

/// All caches of a heap.
///
/// Invariant: an idle cache is bound to no thread.
#[derive(Debug)]
pub(super) struct Caches {
    all: *const Cache,
    idle: *const Cache,
}

// SAFETY: caches are never given back, and an idle one is nobody's.
unsafe impl Send for Caches {}

impl Caches {
    pub(super) const fn new() -> Self {
        Self {
            all: ptr::null(),
            idle: ptr::null(),
        }
    }

    /// An idle cache, or a new one.
    pub(super) fn take(&mut self, heap: &'static Heap, home: &Ground) -> Option<&'static Cache> {
        // SAFETY: caches live for ever.
        if let Some(cache) = unsafe { self.idle.as_ref() } {
            self.idle = cache.next_idle.get();
            return Some(cache);
        }
        let cache = Cache::create(heap, home)?;
        cache.next.set(self.all);
        self.all = cache;
        Some(cache)
    }

    /// Takes a cache back from its thread.
    pub(super) fn give(&mut self, cache: &'static Cache) {
        cache.next_idle.set(self.idle);
        self.idle = cache;
    }

    /// Visits all caches, those in use included: only their counters may be read.
    pub(super) fn each(&self, mut visit: impl FnMut(&Cache)) {
        let mut next = self.all;
        // SAFETY: caches live for ever.
        while let Some(cache) = unsafe { next.as_ref() } {
            visit(cache);
            next = cache.next.get();
        }
    }
}
