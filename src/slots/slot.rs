//! Slots: allocators that grant exactly one tensor's planned bytes.
//!
//! A [`Slot`] borrows its pool and is copyable; an [`OwnedSlot`] shares the pool's ownership, for
//! tensors that are `'static` and `Send`. Both are a [`SlotIn`] with a different [`PoolRef`].
//! Allocating claims the tensor's bytes, deallocating releases them: where two tensors that share
//! bytes would be alive together, on whatever threads, the second allocation is an `AllocError`.
//! That takes no lock and no system call: two atomic operations on, usually, one word.
//!
//! Invariant: between an `allocate` that grants and its `deallocate`, the claim on the slot's
//! segments is held for that allocation alone. An allocation that starts at the slot's address is
//! the slot's, any other is the arena's (fallback): the arena cannot hand out that address, since
//! the region is allocated from it. (With a peak of 0 no slot has bytes, and the region is a
//! dangling address that no arena returns.)

use alloc::sync::Arc;
use core::{alloc::Layout, fmt, ptr::NonNull, sync::atomic::Ordering};

use allocator_api2::{
    alloc::{AllocError, Allocator},
    boxed::Box,
};

use crate::slots::pool::{PlannedSlot, TensorPool};
use crate::slots::pool_ref::PoolRef;
use crate::slots::slot_error::SlotError;
use orionrt_alloc::arena::{Arena, dangling};
use orionrt_plan::TensorId;
use orionrt_sys::checker;

/// A slot that borrows its pool.
///
/// ```
/// use orionrt::{Arena, Lifetimes, Planner, TensorId, TensorPool};
///
/// // Both are alive at step 1.
/// let rows = [("a", 0, 2, 64, 64), ("b", 1, 3, 64, 64)];
/// let plan = Planner::new().plan(&Lifetimes::from_rows(rows)?)?;
/// let pool = TensorPool::new(Arena::builder().build()?, &plan)?;
/// let a = pool.slot(TensorId::new(0))?;
/// let mut values = a.vec::<u8>(64)?;
/// values.extend([1; 64]);
/// let refused = a.vec::<u8>(64).unwrap_err().to_string();
/// assert_eq!(refused, "tensor 'a' is already allocated");
/// let copy = pool.slot(TensorId::new(1))?.copied_from(&values)?; // not `values.clone()`
/// assert_eq!(*copy, [1; 64]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Forms that end the process
///
/// A slot has one tensor's bytes and grants them once. The collections' own methods that cannot
/// return an error end the process when an allocation fails (`handle_alloc_error`):
/// `Vec::with_capacity_in` and `Box::new_in` while the tensor, or one that shares its bytes, is
/// alive; `clone` of a `Vec` or `Box` in a slot, always, since the copy would need the same slot;
/// `push` and whatever else grows a `Vec` beyond the planned bytes, in a pool without fallback.
/// [`SlotIn::vec`], [`filled`](SlotIn::filled), [`copied_from`](SlotIn::copied_from) and
/// [`uninit`](SlotIn::uninit) return an error that names the tensors instead, as `Vec`'s
/// `try_reserve` returns one. To copy a tensor, copy it into the slot of another one.
pub type Slot<'p, A = &'p Arena> = SlotIn<&'p TensorPool<A>>;

/// A slot that shares its pool's ownership: its tensor may outlive the scope and change threads.
///
/// ```
/// use std::sync::Arc;
/// use orionrt::{slots::OwnedSlot, Arena, Lifetimes, Planner, TensorPool};
///
/// let plan = Planner::new().plan(&Lifetimes::from_rows([("a", 0, 1, 64, 64)])?)?;
/// let pool = Arc::new(TensorPool::new(Arena::builder().build()?, &plan)?);
/// let slot: OwnedSlot = pool.owned_slot(plan.execution_order()[0])?;
/// let mut v = slot.vec(64)?; // an error where the tensor's bytes are in use
/// v.extend([1u8, 2, 3]);
/// let sum: u8 = std::thread::spawn(move || v.iter().sum()).join().unwrap();
/// assert_eq!(sum, 6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// `Vec::with_capacity_in` on an occupied slot, and `clone` of a `Vec` or `Box` in one, end the
/// process: see [`Slot`], also for the forms that return an error.
pub type OwnedSlot<A = Arena> = SlotIn<Arc<TensorPool<A>>>;

/// A whole tensor in its planned slot: what [`TensorPool::filled`] returns.
pub type SlotBox<T, P> = Box<[T], SlotIn<P>>;

/// The planned bytes of one tensor as an [`Allocator`]; see [`Slot`] and [`OwnedSlot`].
///
/// An `Allocator` may be given to collections whose methods cannot return an error. Which of these
/// end the process, and what to use instead, is listed at [`Slot`].
pub struct SlotIn<P> {
    pool: P,
    index: u32,
}

impl<P: Clone> Clone for SlotIn<P> {
    fn clone(&self) -> Self {
        Self {
            pool: self.pool.clone(),
            index: self.index,
        }
    }
}

impl<P: Copy> Copy for SlotIn<P> {}

impl<A: Allocator> TensorPool<A> {
    /// The slot of a tensor.
    ///
    /// # Errors
    /// If the plan does not have the tensor, or the tensor is never alive.
    pub fn slot(&self, id: TensorId) -> Result<Slot<'_, A>, SlotError> {
        SlotIn::new(self, id)
    }

    /// The slot of a tensor, sharing ownership of the pool.
    ///
    /// # Errors
    /// As [`slot`](Self::slot).
    pub fn owned_slot(self: &Arc<Self>, id: TensorId) -> Result<OwnedSlot<A>, SlotError> {
        SlotIn::new(Arc::clone(self), id)
    }
}

impl<P: PoolRef> SlotIn<P> {
    /// The slot of a tensor of this pool.
    pub(crate) fn new(pool: P, id: TensorId) -> Result<Self, SlotError> {
        pool.pool().check(id)?;
        let index = id.index() as u32;
        Ok(Self { pool, index })
    }

    /// The tensor.
    #[must_use]
    pub fn tensor(&self) -> TensorId {
        TensorId::new(self.index)
    }

    /// The planned size in bytes.
    #[must_use]
    pub fn planned_bytes(&self) -> usize {
        self.planned().size
    }

    #[inline]
    pub(crate) fn planned(&self) -> &PlannedSlot {
        self.pool.pool().planned_slot(self.index as usize)
    }

    pub(crate) fn pool(&self) -> &TensorPool<P::Arena> {
        self.pool.pool()
    }

    /// The slot of another tensor of the same pool.
    pub(crate) fn slot_of(&self, id: TensorId) -> Self
    where
        P: Clone,
    {
        Self {
            pool: self.pool.clone(),
            index: id.index() as u32,
        }
    }

    /// Whether an allocation of this layout fits the planned bytes.
    #[inline]
    fn fits(&self, layout: Layout) -> bool {
        layout.size() <= self.planned().size && layout.align() <= self.planned().alignment
    }

    /// Whether this allocation, of non-zero size, is the slot's and not the arena's.
    #[inline]
    fn holds(&self, start: NonNull<u8>) -> bool {
        start == self.planned().start
    }

    /// Claims the slot's bytes.
    #[inline]
    fn claim(&self) -> Result<(), AllocError> {
        let slot = self.planned();
        if !self.pool.pool().claims().try_claim(slot.segments) {
            return Err(AllocError);
        }
        slot.is_claimed.store(true, Ordering::Relaxed);
        checker::undefined(slot.start, slot.size);
        Ok(())
    }

    /// All of the slot's bytes, through the pool's own pointer: one that a caller passed in may be
    /// valid for fewer bytes.
    #[inline]
    fn whole(&self) -> NonNull<[u8]> {
        let slot = self.planned();
        NonNull::slice_from_raw_parts(slot.start, slot.size)
    }

    /// Releases the claim. To be called only for an allocation that holds it; all unsafe code here
    /// rests on that.
    #[inline]
    fn release(&self) {
        let slot = self.planned();
        slot.is_claimed.store(false, Ordering::Relaxed);
        checker::no_access(slot.start, slot.size);
        self.pool.pool().claims().release(slot.segments);
    }

    /// The arena, if allocations that do not fit may go there.
    fn fallback(&self) -> Result<&P::Arena, AllocError> {
        let pool = self.pool.pool();
        let arena = pool.has_fallback().then(|| pool.arena());
        arena.ok_or(AllocError)
    }

    /// Moves the slot's allocation into the arena.
    ///
    /// # Safety
    /// `start` is the slot's allocation; `bytes`, the number of its bytes to keep, is at most
    /// `new.size()`.
    #[cold]
    unsafe fn evict(
        &self,
        start: NonNull<u8>,
        bytes: usize,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        let moved = self.fallback()?.allocate(new)?;
        // SAFETY: the region that holds `start` and the new block are two live allocations of the
        // arena; both hold `bytes` bytes (caller), and nobody else writes them: the claim on the
        // slot is still held.
        unsafe { moved.cast::<u8>().copy_from_nonoverlapping(start, bytes) };
        self.release();
        Ok(moved)
    }
}

// SAFETY: memory is the slot's, inside the pool's region, and stays valid while the pool lives: a
// slot borrows the pool or shares its ownership, and so do its clones, which name the same tensor.
// The claim makes each grant exclusive. Every pointer returned is the slot's own, with provenance
// over the whole region, never one that the caller passed in. Fallback memory is the arena's own,
// which the pool keeps.
unsafe impl<P: PoolRef> Allocator for SlotIn<P> {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        if layout.size() == 0 {
            return Ok(NonNull::slice_from_raw_parts(dangling(layout.align()), 0));
        }
        if !self.fits(layout) {
            return self.fallback()?.allocate(layout);
        }
        self.claim()?;
        Ok(self.whole())
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        if layout.size() > 0 && !self.fits(layout) {
            return self.fallback()?.allocate_zeroed(layout);
        }
        let granted: NonNull<u8> = self.allocate(layout)?.cast();
        // SAFETY: just granted, at least `layout.size()` bytes.
        unsafe { granted.write_bytes(0, layout.size()) };
        Ok(NonNull::slice_from_raw_parts(granted, layout.size()))
    }

    #[inline]
    unsafe fn deallocate(&self, start: NonNull<u8>, layout: Layout) {
        if layout.size() == 0 {
            return;
        }
        if self.holds(start) {
            return self.release();
        }
        // SAFETY: not the slot's, so `allocate`, `grow` or `shrink` got it from the arena with this
        // layout.
        unsafe { self.pool.pool().arena().deallocate(start, layout) };
    }

    unsafe fn grow(
        &self,
        start: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        if old.size() == 0 {
            return self.allocate(new);
        }
        if !self.holds(start) {
            // SAFETY: the arena's allocation, as in `deallocate`; the caller keeps the rest.
            return unsafe { self.pool.pool().arena().grow(start, old, new) };
        }
        if self.fits(new) {
            return Ok(self.whole());
        }
        // SAFETY: the slot's own allocation of `old.size()` bytes; `new` is not smaller (trait
        // contract).
        unsafe { self.evict(start, old.size(), new) }
    }

    unsafe fn grow_zeroed(
        &self,
        start: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: the caller's contract, passed on.
        let grown: NonNull<u8> = unsafe { self.grow(start, old, new) }?.cast();
        // SAFETY: `grown` holds `new.size()` bytes, the first `old.size()` of which are the old
        // ones.
        unsafe {
            grown
                .add(old.size())
                .write_bytes(0, new.size() - old.size())
        };
        Ok(NonNull::slice_from_raw_parts(grown, new.size()))
    }

    unsafe fn shrink(
        &self,
        start: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        if old.size() > 0 && !self.holds(start) {
            let arena = self.pool.pool().arena();
            if new.size() == 0 {
                // The later `deallocate` of size 0 does nothing, so the arena gets its block back
                // now.
                // SAFETY: the arena's allocation, as in `deallocate`.
                unsafe { arena.deallocate(start, old) };
                return Ok(NonNull::slice_from_raw_parts(dangling(new.align()), 0));
            }
            // SAFETY: the arena's allocation, as in `deallocate`; the caller keeps the rest.
            return unsafe { arena.shrink(start, old, new) };
        }
        if new.size() == 0 {
            if old.size() > 0 {
                self.release();
            }
            return Ok(NonNull::slice_from_raw_parts(dangling(new.align()), 0));
        }
        if self.fits(new) {
            return Ok(self.whole());
        }
        // Smaller, but aligned more strictly than the slot is.
        // SAFETY: the slot's own allocation; `new.size() <= old.size()` of its bytes are kept.
        unsafe { self.evict(start, new.size(), new) }
    }
}

impl<P: PoolRef> fmt::Debug for SlotIn<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot")
            .field("tensor", &self.pool().name(self.tensor()))
            .field("start", &self.planned().start)
            .field("bytes", &self.planned().size)
            .finish()
    }
}
