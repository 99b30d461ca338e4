//! A thread-safe arena: a region behind a lock, as an [`Allocator`].
//!
//! [`Arena`] owns a region (memory and the buddy allocator over it) and a lock, any
//! [`lock_api::RawMutex`]. It adds what the trait asks for and a region does not know: sizes of zero, zeroing, and moving
//! what cannot grow where it lies. A large copy is made with the lock released.
//!
//! Invariant: whoever holds a pointer from `allocate` is the only user of its bytes until `deallocate`;
//! the region's buddy allocator keeps it.

mod stats;
pub(crate) mod words;
pub(crate) mod region;
#[cfg(feature = "std")]
mod numa;
mod builder;
#[cfg(all(test, feature = "std"))]
mod tests;

use core::{alloc::Layout, fmt, num::NonZeroUsize, ptr::NonNull};

use allocator_api2::alloc::{AllocError, Allocator};
use lock_api::{Mutex, RawMutex};

pub use builder::{ArenaBuilder, ArenaError, HugePages};
#[cfg(feature = "std")]
pub use numa::{Numa, NumaNodes};
#[cfg(feature = "std")]
pub use orionrt_sys::mapping::{MapCall, MapError};
pub use orionrt_sys::sync::RawLock;
use region::{Granted, Region};
pub use stats::Stats;

use orionrt_buddy::InvalidFree;

/// The lock that an [`Arena`] has unless told otherwise: parking_lot's, or without `std` one that spins.
#[cfg(feature = "std")]
pub type DefaultLock = parking_lot::RawMutex;
/// The lock that an [`Arena`] has unless told otherwise: parking_lot's, or without `std` one that spins.
#[cfg(not(feature = "std"))]
pub type DefaultLock = orionrt_sys::sync::RawLock;

/// A thread-safe buddy arena over a fixed range of memory.
///
/// `&Arena` is an [`Allocator`]: collections keep their elements in it. Exhaustion is an [`AllocError`], never a crash of
/// the arena's own. Do not make a `parking_lot` arena the program's global allocator: its lock may allocate;
/// [`OrionAlloc`](crate::OrionAlloc) is made for that.
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
    region: Mutex<R, Region>,
    start: NonNull<u8>,
    capacity: usize,
    pinned: bool,
    #[cfg(feature = "std")]
    numa: Numa,
}

// SAFETY: the region is behind a lock; `start` is a number to compare and to show, never dereferenced here.
unsafe impl<R: RawMutex + Send> Send for Arena<R> {}
// SAFETY: as above; every access to the region takes the lock.
unsafe impl<R: RawMutex + Sync> Sync for Arena<R> {}

impl Arena {
    /// The options of a new arena.
    #[must_use]
    pub fn builder() -> ArenaBuilder {
        ArenaBuilder::new()
    }
}

impl<R: RawMutex> Arena<R> {
    fn over(mut region: Region, pinned: bool) -> Self {
        Self {
            start: region.first(),
            capacity: region.stats().capacity_bytes,
            region: Mutex::new(region),
            pinned,
            #[cfg(feature = "std")]
            numa: Numa::Unbound,
        }
    }

    #[cfg(feature = "std")]
    fn with_numa(self, numa: Numa) -> Self {
        Self { numa, ..self }
    }

    /// The bytes that the arena manages.
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

    /// From which NUMA node the memory comes.
    #[cfg(feature = "std")]
    #[must_use]
    pub fn numa(&self) -> Numa {
        self.numa
    }

    /// Whether an address lies in the arena's memory.
    #[must_use]
    pub fn contains<T: ?Sized>(&self, pointer: *const T) -> bool {
        NonNull::new(pointer.cast_mut().cast())
            .is_some_and(|pointer| self.region.lock().contains(pointer))
    }

    /// Counts and bytes now. Takes the lock for some tens of instructions.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.region.lock().stats()
    }

    /// Makes `bytes` of free memory resident: those that will be handed out next, lowest address first. Later allocations there do
    /// not fault. Returns how many free bytes there were, at most `bytes`. Holds the lock meanwhile.
    ///
    /// # Errors
    /// When the operating system refuses the memory.
    #[cfg(feature = "std")]
    pub fn reserve(&self, bytes: usize) -> Result<usize, MapError> {
        self.region.lock().prefault(bytes)
    }

    /// Gives the memory of free whole pages back to the operating system; it comes again, zeroed, when touched. Returns the
    /// bytes of these pages, resident or not: none for a pinned arena or lent memory. Holds the lock meanwhile.
    ///
    /// # Errors
    /// When the operating system refuses the call.
    #[cfg(feature = "std")]
    pub fn purge(&self) -> Result<usize, MapError> {
        if self.pinned {
            return Ok(0);
        }
        self.region.lock().purge()
    }

    /// Whether the allocator's invariants hold; for tests and fuzzing.
    #[must_use]
    pub fn validate(&self) -> bool {
        self.region.lock().validate()
    }

    fn grant(&self, layout: Layout) -> Result<Granted, AllocError> {
        if layout.size() == 0 {
            return Ok(Granted {
                start: dangling(layout.align()),
                zero_from: 0,
            });
        }
        let mut region = self.region.lock();
        let granted = region.allocate(layout);
        if granted.is_none() {
            region.note_failure();
        }
        granted.ok_or(AllocError)
    }

    /// Resizes where the memory lies, if size, alignment and neighbours allow.
    ///
    /// # Safety
    /// `start` is allocated here with layout `old`, and its holder gives up what `new` leaves out.
    unsafe fn resize(&self, start: NonNull<u8>, old: Layout, new: Layout) -> Option<Granted> {
        let stays = old.size() > 0 && new.size() > 0 && is_aligned(start, new.align());
        if !stays {
            return None;
        }
        // SAFETY: the caller's duty (grow, shrink), passed on.
        let resized = unsafe { self.region.lock().resize(start, old.size(), new.size()) };
        resized.unwrap_or_else(foreign)
    }

    /// Moves `bytes` bytes of an allocation to `to` and gives the old memory back.
    ///
    /// # Safety
    /// `from` is allocated here with layout `old`; `to` is other memory of at least `bytes` bytes.
    unsafe fn relocate(&self, from: NonNull<u8>, old: Layout, to: NonNull<u8>, bytes: usize) {
        // SAFETY: two allocations that are alive at once do not overlap, and both hold `bytes` bytes (caller).
        unsafe { to.copy_from_nonoverlapping(from, bytes) };
        // SAFETY: the caller's duty, passed on.
        unsafe { self.deallocate(from, old) };
    }
}

// SAFETY: memory comes from the region, which stays mapped, and does not move, until the arena is dropped; the arena cannot be
// cloned, and moving it moves none of that memory. The buddy allocator grants a block to one caller at a time.
unsafe impl<R: RawMutex> Allocator for Arena<R> {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let granted = self.grant(layout)?;
        Ok(NonNull::slice_from_raw_parts(granted.start, layout.size()))
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let granted = self.grant(layout)?;
        // SAFETY: just granted, `layout.size()` bytes long.
        unsafe { zero(&granted, 0, layout.size()) };
        Ok(NonNull::slice_from_raw_parts(granted.start, layout.size()))
    }

    unsafe fn deallocate(&self, start: NonNull<u8>, layout: Layout) {
        if layout.size() == 0 {
            return;
        }
        // The guard is gone before a misuse panics.
        // SAFETY: the caller's duty, passed on.
        let outcome = unsafe { self.region.lock().free(start, layout) };
        outcome.unwrap_or_else(foreign);
    }

    unsafe fn grow(
        &self,
        start: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: the caller's duty, passed on.
        if let Some(granted) = unsafe { self.resize(start, old, new) } {
            return Ok(NonNull::slice_from_raw_parts(granted.start, new.size()));
        }
        let moved = self.grant(new)?.start;
        // SAFETY: `start` is allocated with `old` (trait contract); `moved` holds `new.size() >= old.size()` bytes.
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
        let granted = match unsafe { self.resize(start, old, new) } {
            Some(granted) => granted,
            None => {
                let granted = self.grant(new)?;
                // SAFETY: as in `grow`.
                unsafe { self.relocate(start, old, granted.start, old.size()) };
                granted
            }
        };
        // SAFETY: granted for `new.size()` bytes, of which the first `old.size()` are the caller's.
        unsafe { zero(&granted, old.size(), new.size()) };
        Ok(NonNull::slice_from_raw_parts(granted.start, new.size()))
    }

    unsafe fn shrink(
        &self,
        start: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: the caller's duty, passed on.
        if let Some(granted) = unsafe { self.resize(start, old, new) } {
            return Ok(NonNull::slice_from_raw_parts(granted.start, new.size()));
        }
        let moved = self.grant(new)?.start;
        // SAFETY: `start` is allocated with `old` (trait contract); both hold `new.size() <= old.size()` bytes.
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

/// Zeroes bytes `from..to` of a grant, but not those that are zero already.
///
/// # Safety
/// The grant holds `to` bytes, and they are the caller's.
pub(crate) unsafe fn zero(granted: &Granted, from: usize, to: usize) {
    let dirty_end = granted.zero_from.min(to);
    if from < dirty_end {
        // SAFETY: within the first `to` bytes (caller).
        unsafe { granted.start.add(from).write_bytes(0, dirty_end - from) };
    }
}

/// An address that is never read or written, for sizes of zero.
#[doc(hidden)]
#[must_use]
pub fn dangling(align: usize) -> NonNull<u8> {
    NonNull::without_provenance(NonZeroUsize::new(align).unwrap_or(NonZeroUsize::MIN))
}

/// Whether an address is a multiple of `align`, a power of two.
pub(crate) fn is_aligned(pointer: NonNull<u8>, align: usize) -> bool {
    pointer.addr().get() & (align - 1) == 0
}

/// The caller broke `deallocate`'s contract, and the buddy allocator noticed: going on could hand out
/// memory in use.
#[cold]
fn foreign<T>(misuse: InvalidFree) -> T {
    panic!("an arena was given memory that it has not allocated: {misuse}");
}
