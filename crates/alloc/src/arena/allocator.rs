//! The arena: its memory behind a lock, as an [`Allocator`].
//!
//! [`Arena`] owns memory (a range with the buddy allocator over it) and a lock, which is any
//! [`lock_api::RawMutex`]. It adds what the trait asks for and the memory does not offer: sizes of
//! zero, zeroing, and moving what cannot grow in place. A large copy is made with the lock
//! released.
//!
//! Invariant: whoever holds a pointer from `allocate` is the only user of its bytes until
//! `deallocate`. The buddy allocator keeps it.

use core::{alloc::Layout, fmt, ptr::NonNull};

use allocator_api2::alloc::{AllocError, Allocator};
use lock_api::{Mutex, RawMutex};
use orionrt_buddy::InvalidFree;
#[cfg(feature = "std")]
use orionrt_sys::mapping::MapError;

#[cfg(feature = "std")]
use super::numa::Numa;
use super::{
    grant::Grant,
    memory::ArenaMemory,
    pointer::{dangling, is_aligned},
    stats::Stats,
};

/// The default lock of an [`Arena`]: that of parking_lot, or one that spins without the feature
/// `std`.
#[cfg(feature = "std")]
pub type DefaultLock = parking_lot::RawMutex;
/// The default lock of an [`Arena`]: that of parking_lot, or one that spins without the feature
/// `std`.
#[cfg(not(feature = "std"))]
pub type DefaultLock = orionrt_sys::sync::RawLock;

/// A thread-safe buddy arena over a fixed range of memory.
///
/// `&Arena` is an [`Allocator`]: collections keep their elements in it. When the arena is full, the
/// request fails with an [`AllocError`]; the arena itself never crashes for that. Do not make an
/// arena with a `parking_lot` lock the program's global allocator, since that lock may allocate;
/// use [`OrionAlloc`](crate::OrionAlloc).
///
/// ```
/// use allocator_api2::{boxed::Box, vec::Vec};
/// let arena = orionrt_alloc::Arena::builder().capacity(64 << 20).build()?;
/// let mut v: Vec<f32, &orionrt_alloc::Arena> = Vec::with_capacity_in(1024, &arena);
/// v.push(1.0);
/// let b = Box::new_in([0u8; 100], &arena);
/// assert_eq!(arena.stats().live_bytes, 4096 + 128);
/// # Ok::<(), orionrt_alloc::arena::ArenaError>(())
/// ```
pub struct Arena<R: RawMutex = DefaultLock> {
    memory: Mutex<R, ArenaMemory>,
    start: NonNull<u8>,
    capacity: usize,
    pinned: bool,
    #[cfg(feature = "std")]
    numa: Numa,
}

// SAFETY: the memory is behind a lock; `start` is only compared and shown, never dereferenced here.
unsafe impl<R: RawMutex + Send> Send for Arena<R> {}
// SAFETY: every access to the memory takes the lock; `start` is only compared and shown.
unsafe impl<R: RawMutex + Sync> Sync for Arena<R> {}

impl<R: RawMutex> Arena<R> {
    pub(super) fn new(mut memory: ArenaMemory, pinned: bool) -> Self {
        Self {
            start: memory.first(),
            capacity: memory.stats().capacity_bytes,
            memory: Mutex::new(memory),
            pinned,
            #[cfg(feature = "std")]
            numa: Numa::Unbound,
        }
    }

    #[cfg(feature = "std")]
    pub(super) fn with_numa(self, numa: Numa) -> Self {
        Self { numa, ..self }
    }

    /// How many bytes the arena manages.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The lowest address of the arena's memory.
    #[must_use]
    pub fn base(&self) -> NonNull<u8> {
        self.start
    }

    /// Whether the memory is page-locked by the arena.
    #[must_use]
    pub fn is_pinned(&self) -> bool {
        self.pinned
    }

    /// The NUMA node that the memory comes from.
    #[cfg(feature = "std")]
    #[must_use]
    pub fn numa(&self) -> Numa {
        self.numa
    }

    /// Whether an address lies in the arena's memory.
    #[must_use]
    pub fn contains<T: ?Sized>(&self, pointer: *const T) -> bool {
        NonNull::new(pointer.cast_mut().cast())
            .is_some_and(|pointer| self.memory.lock().contains(pointer))
    }

    /// Counts and bytes at this moment. Holds the lock for some tens of instructions.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.memory.lock().stats()
    }

    /// Makes `bytes` bytes of free memory resident, those at the lowest addresses, which are handed
    /// out next: allocations there will cause no page faults. Returns how many free bytes there
    /// were, at most `bytes`. Holds the lock meanwhile.
    ///
    /// # Errors
    /// When the operating system refuses the memory.
    #[cfg(feature = "std")]
    pub fn reserve(&self, bytes: usize) -> Result<usize, MapError> {
        self.memory.lock().prefault(bytes)
    }

    /// Gives the memory of free whole pages back to the operating system, which attaches new,
    /// zeroed pages when they are touched. Returns the bytes of these pages, resident or not: none
    /// for a pinned arena or for memory of the caller. Holds the lock meanwhile.
    ///
    /// # Errors
    /// When the operating system refuses the call.
    #[cfg(feature = "std")]
    pub fn purge(&self) -> Result<usize, MapError> {
        if self.pinned {
            return Ok(0);
        }
        self.memory.lock().purge()
    }

    /// Whether the allocator's invariants hold; for tests and fuzzing.
    #[must_use]
    pub fn validate(&self) -> bool {
        self.memory.lock().validate()
    }

    fn grant(&self, layout: Layout) -> Result<Grant, AllocError> {
        if layout.size() == 0 {
            return Ok(Grant {
                start: dangling(layout.align()),
                zero_from: 0,
            });
        }
        let mut memory = self.memory.lock();
        let grant = memory.allocate(layout);
        if grant.is_none() {
            memory.note_failure();
        }
        grant.ok_or(AllocError)
    }

    /// Resizes in place, if size, alignment and neighbours allow.
    ///
    /// # Safety
    /// `start` is allocated here with layout `old`, and its holder gives up the bytes beyond `new`.
    unsafe fn resize(&self, start: NonNull<u8>, old: Layout, new: Layout) -> Option<Grant> {
        let stays = old.size() > 0 && new.size() > 0 && is_aligned(start, new.align());
        if !stays {
            return None;
        }
        // SAFETY: the caller's duty, passed on.
        let resized = unsafe { self.memory.lock().resize(start, old.size(), new.size()) };
        resized.unwrap_or_else(invalid_free)
    }

    /// Moves `bytes` bytes of an allocation to `to` and gives the old memory back.
    ///
    /// # Safety
    /// `from` is allocated here with layout `old`; `to` is other memory of at least `bytes` bytes.
    unsafe fn relocate(&self, from: NonNull<u8>, old: Layout, to: NonNull<u8>, bytes: usize) {
        // SAFETY: two allocations that are alive at once do not overlap, and both hold `bytes`
        // bytes (caller).
        unsafe { to.copy_from_nonoverlapping(from, bytes) };
        // SAFETY: the caller's duty, passed on.
        unsafe { self.deallocate(from, old) };
    }
}

// SAFETY: the arena's memory stays mapped, and does not move, until the arena is dropped; the arena
// cannot be cloned, and moving it moves none of that memory. The buddy allocator grants a block to
// one caller at a time.
unsafe impl<R: RawMutex> Allocator for Arena<R> {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let grant = self.grant(layout)?;
        Ok(NonNull::slice_from_raw_parts(grant.start, layout.size()))
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let grant = self.grant(layout)?;
        // SAFETY: just granted, `layout.size()` bytes long.
        unsafe { grant.zero(0, layout.size()) };
        Ok(NonNull::slice_from_raw_parts(grant.start, layout.size()))
    }

    unsafe fn deallocate(&self, start: NonNull<u8>, layout: Layout) {
        if layout.size() == 0 {
            return;
        }
        // The lock is released before a misuse panics.
        // SAFETY: the caller's duty, passed on.
        let outcome = unsafe { self.memory.lock().free(start, layout) };
        outcome.unwrap_or_else(invalid_free);
    }

    unsafe fn grow(
        &self,
        start: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: the caller's duty, passed on.
        if let Some(grant) = unsafe { self.resize(start, old, new) } {
            return Ok(NonNull::slice_from_raw_parts(grant.start, new.size()));
        }
        let moved = self.grant(new)?.start;
        // SAFETY: `start` is allocated with `old` (contract of the trait); `moved` holds
        // `new.size()` bytes, at least `old.size()`.
        unsafe { self.relocate(start, old, moved, old.size()) };
        Ok(NonNull::slice_from_raw_parts(moved, new.size()))
    }

    unsafe fn grow_zeroed(
        &self,
        start: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: the caller's duty, passed on.
        let grant = match unsafe { self.resize(start, old, new) } {
            Some(grant) => grant,
            None => {
                let grant = self.grant(new)?;
                // SAFETY: `start` is allocated with `old` (contract of the trait); the grant holds
                // `new.size()` bytes, at least `old.size()`.
                unsafe { self.relocate(start, old, grant.start, old.size()) };
                grant
            }
        };
        // SAFETY: granted for `new.size()` bytes, of which the first `old.size()` are the caller's.
        unsafe { grant.zero(old.size(), new.size()) };
        Ok(NonNull::slice_from_raw_parts(grant.start, new.size()))
    }

    unsafe fn shrink(
        &self,
        start: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: the caller's duty, passed on.
        if let Some(grant) = unsafe { self.resize(start, old, new) } {
            return Ok(NonNull::slice_from_raw_parts(grant.start, new.size()));
        }
        let moved = self.grant(new)?.start;
        // SAFETY: `start` is allocated with `old` (contract of the trait); both hold `new.size()`
        // bytes, at most `old.size()`.
        unsafe { self.relocate(start, old, moved, new.size()) };
        Ok(NonNull::slice_from_raw_parts(moved, new.size()))
    }
}

impl<R: RawMutex> fmt::Debug for Arena<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arena")
            .field("base", &self.start)
            .field("pinned", &self.pinned)
            .field("stats", &self.stats())
            .finish()
    }
}

/// Panics, since a caller broke the contract of `deallocate` and the buddy allocator noticed. An
/// arena that went on could hand out memory that is in use.
#[cold]
fn invalid_free<T>(misuse: InvalidFree) -> T {
    panic!("an arena was given memory that it has not allocated: {misuse}");
}
