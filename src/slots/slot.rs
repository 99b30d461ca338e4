//! Slots: allocators that grant exactly one tensor's planned bytes.
//!
//! A [`Slot`] borrows its pool and is copyable; an [`OwnedSlot`] shares the pool's ownership, for tensors that are
//! `'static` and `Send`. Both are a [`SlotIn`] that differs in how it holds the pool. Allocating claims the tensor's
//! bytes, deallocating releases them: two overlapping tensors alive together are an `AllocError`, on any threads.
//! On the way there is no lock and no system call: two atomic operations on, usually, one word.
//!
//! Invariant: between a granting `allocate` and its `deallocate`, the claim on the place's span is held for that allocation
//! alone. An allocation that starts at the place's address is the slot's, any other is the arena's (fallback): the arena
//! cannot hand that address out, since the region is allocated from it. (With a peak of 0 no place has bytes, and the region
//! is a dangling address that no arena returns.)

use alloc::{string::String, sync::Arc};
use core::{alloc::Layout, fmt, mem::MaybeUninit, ptr::NonNull, sync::atomic::Ordering};

use allocator_api2::{
    alloc::{AllocError, Allocator},
    boxed::Box,
    vec::Vec,
};

use crate::slots::pool::{Place, TensorPool};
use orionrt_alloc::arena::{Arena, dangling};
use orionrt_plan::TensorId;

/// A slot that borrows its pool.
pub type Slot<'p, A = &'p Arena> = SlotIn<&'p TensorPool<A>>;

/// A slot that shares its pool's ownership: what it allocates may outlive the scope and change threads.
///
/// ```
/// use std::sync::Arc;
/// use allocator_api2::vec::Vec;
/// use orionrt::{slots::OwnedSlot, Arena, Lifetimes, Planner, TensorPool};
///
/// let plan = Planner::new().plan(&Lifetimes::from_rows([("a", 0, 1, 64, 64)])?)?;
/// let pool = Arc::new(TensorPool::new(Arena::builder().build()?, &plan)?);
/// let slot: OwnedSlot = pool.owned_slot(plan.execution_order()[0])?;
/// let mut v: Vec<u8, OwnedSlot> = Vec::with_capacity_in(64, slot);
/// v.extend([1, 2, 3]);
/// let sum: u8 = std::thread::spawn(move || v.iter().sum()).join().unwrap();
/// assert_eq!(sum, 6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type OwnedSlot<A = Arena> = SlotIn<Arc<TensorPool<A>>>;

/// The planned place of one tensor, as an [`Allocator`]; see [`Slot`] and [`OwnedSlot`].
pub struct SlotIn<P> {
    pool: P,
    index: u32,
}

/// The ways to hold a pool; nobody outside of this crate can add one.
mod holder {
    use alloc::sync::Arc;

    use allocator_api2::alloc::Allocator;

    use crate::slots::pool::TensorPool;

    /// A reference that keeps one pool alive, the same one whenever asked, as do its clones.
    pub trait Holder {
        type Arena: Allocator;

        fn pool(&self) -> &TensorPool<Self::Arena>;
    }

    impl<A: Allocator> Holder for &TensorPool<A> {
        type Arena = A;

        #[inline]
        fn pool(&self) -> &TensorPool<A> {
            self
        }
    }

    impl<A: Allocator> Holder for Arc<TensorPool<A>> {
        type Arena = A;

        #[inline]
        fn pool(&self) -> &TensorPool<A> {
            self
        }
    }
}

pub(crate) use holder::Holder;

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
    /// When the plan does not have the tensor, or the tensor is never alive.
    pub fn slot(&self, id: TensorId) -> Result<Slot<'_, A>, SlotError> {
        self.check(id)?;
        Ok(SlotIn {
            pool: self,
            index: id.index() as u32,
        })
    }

    /// The slot of a tensor, sharing ownership of the pool.
    ///
    /// # Errors
    /// As [`slot`](Self::slot).
    pub fn owned_slot(self: &Arc<Self>, id: TensorId) -> Result<OwnedSlot<A>, SlotError> {
        self.check(id)?;
        Ok(SlotIn {
            pool: Arc::clone(self),
            index: id.index() as u32,
        })
    }

    /// The whole tensor as a boxed slice of `T`, each element to be written before it is read.
    ///
    /// ```
    /// # use orionrt::{Arena, Lifetimes, Planner, TensorPool, TensorId};
    /// # let plan = Planner::new().plan(&Lifetimes::from_rows([("a", 0, 1, 4096, 64)])?)?;
    /// # let arena = Arena::builder().build()?;
    /// let pool = TensorPool::new(&arena, &plan)?;
    /// let tensor = pool.filled(TensorId::new(0), 1.5f32)?;
    /// assert_eq!((tensor.len(), tensor[1023]), (1024, 1.5));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When the tensor is absent, in use, not aligned for `T`, or no whole number of `T`; see [`SlotError`].
    pub fn uninit<T>(&self, id: TensorId) -> Result<Box<[MaybeUninit<T>], Slot<'_, A>>, SlotError> {
        let slot = self.slot(id)?;
        let count = self.elements::<T>(id)?;
        let name = || self.name(id);
        let mut elements = Vec::new_in(slot);
        elements
            .try_reserve_exact(count)
            .map_err(|_| SlotError::InUse {
                name: name(),
                by: self.in_the_way(id).map(|other| self.name(other)),
            })?;
        elements.resize_with(count, MaybeUninit::uninit);
        Ok(elements.into_boxed_slice())
    }

    /// The whole tensor as a boxed slice of `T`, every element `value`.
    ///
    /// # Errors
    /// As [`uninit`](Self::uninit).
    pub fn filled<T: Copy>(
        &self,
        id: TensorId,
        value: T,
    ) -> Result<Box<[T], Slot<'_, A>>, SlotError> {
        let mut elements = self.uninit(id)?;
        elements.fill(MaybeUninit::new(value));
        let (elements, slot) = Box::into_raw_with_allocator(elements);
        // SAFETY: taken apart in the line above; every element has just been written, and `MaybeUninit<T>` has the
        // layout of `T`.
        Ok(unsafe { Box::from_raw_in(elements as *mut [T], slot) })
    }

    /// How many `T` a tensor of the plan is, from an address that is aligned for them.
    pub(crate) fn elements<T>(&self, id: TensorId) -> Result<usize, SlotError> {
        let place = self.place(id.index());
        let bytes = place.size;
        let count = bytes.checked_div(size_of::<T>());
        let whole = count.filter(|count| count * size_of::<T>() == bytes);
        let count = whole.ok_or_else(|| SlotError::NotWhole {
            name: self.name(id),
            bytes,
            element: size_of::<T>(),
        })?;
        if bytes > 0 && align_of::<T>() > place.alignment {
            return Err(SlotError::Misaligned {
                name: self.name(id),
                needed: align_of::<T>(),
                planned: place.alignment,
            });
        }
        Ok(count)
    }

    pub(crate) fn check(&self, id: TensorId) -> Result<(), SlotError> {
        let Some(row) = self.plan().lifetimes().get(id) else {
            return Err(SlotError::Unknown {
                id,
                tensors: self.plan().len(),
            });
        };
        if row.lower == row.upper && row.size > 0 {
            return Err(SlotError::NeverAlive {
                name: self.name(id),
            });
        }
        Ok(())
    }
}

impl<P: Holder> SlotIn<P> {
    /// The slot of a tensor, in a pool held this way.
    pub(crate) fn held(pool: P, id: TensorId) -> Result<Self, SlotError> {
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
        self.place().size
    }

    #[inline]
    pub(crate) fn place(&self) -> &Place {
        self.pool.pool().place(self.index as usize)
    }

    pub(crate) fn pool(&self) -> &TensorPool<P::Arena> {
        self.pool.pool()
    }

    /// The slot of another tensor of the same pool.
    pub(crate) fn of(&self, id: TensorId) -> Self
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
        layout.size() <= self.place().size && layout.align() <= self.place().alignment
    }

    /// Whether this allocation of non-zero size is the slot's, and not the arena's.
    #[inline]
    fn holds(&self, start: NonNull<u8>) -> bool {
        start == self.place().start
    }

    /// Claims the place.
    #[inline]
    fn claim(&self) -> Result<(), AllocError> {
        let place = self.place();
        if !self.pool.pool().claims().try_claim(place.span) {
            return Err(AllocError);
        }
        place.claimed.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// All of the place's bytes, through the pool's own pointer: one that a caller passed in may be valid for fewer.
    #[inline]
    fn whole(&self) -> NonNull<[u8]> {
        let place = self.place();
        NonNull::slice_from_raw_parts(place.start, place.size)
    }

    /// Gives the claim up. Callers: only for an allocation that holds it; all unsafe code here rests on that.
    #[inline]
    fn release(&self) {
        let place = self.place();
        place.claimed.store(false, Ordering::Relaxed);
        self.pool.pool().claims().release(place.span);
    }

    /// The arena, if allocations that do not fit may go there.
    fn fallback(&self) -> Result<&P::Arena, AllocError> {
        let arena = self
            .pool
            .pool()
            .has_fallback()
            .then(|| self.pool.pool().arena());
        arena.ok_or(AllocError)
    }

    /// Moves the slot's allocation into the arena.
    ///
    /// # Safety
    /// `start` is the slot's allocation; `bytes` of it are at most what `new` holds.
    #[cold]
    unsafe fn evict(
        &self,
        start: NonNull<u8>,
        bytes: usize,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        let moved = self.fallback()?.allocate(new)?;
        // SAFETY: the region that holds `start` and the new block are two live allocations of the arena; both hold
        // `bytes` bytes (caller), and nobody else writes them: the claim on the place is still held.
        unsafe { moved.cast::<u8>().copy_from_nonoverlapping(start, bytes) };
        self.release();
        Ok(moved)
    }
}

// SAFETY: memory is the place's, inside the pool's region, and stays valid while the pool lives: a slot borrows it or shares its
// ownership, and so do its clones, which name the same place. The claim makes each grant exclusive. Every pointer
// returned is the place's own, with provenance over the whole region, never one that the caller passed in. Fallback
// memory is the arena's own, which the pool keeps.
unsafe impl<P: Holder> Allocator for SlotIn<P> {
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
        // SAFETY: not the slot's, so `allocate`, `grow` or `shrink` had it from the arena with this layout.
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
            // SAFETY: the arena's allocation, as in `deallocate`; the rest is the caller's duty.
            return unsafe { self.pool.pool().arena().grow(start, old, new) };
        }
        if self.fits(new) {
            return Ok(self.whole());
        }
        // SAFETY: the slot's own allocation of `old.size()` bytes, and `new` is no smaller (trait contract).
        unsafe { self.evict(start, old.size(), new) }
    }

    unsafe fn grow_zeroed(
        &self,
        start: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: the caller's duty, passed on.
        let grown: NonNull<u8> = unsafe { self.grow(start, old, new) }?.cast();
        // SAFETY: `grown` holds `new.size()` bytes, of which the first `old.size()` were there before.
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
                // The later `deallocate` of size 0 does nothing, so the arena's block goes back now.
                // SAFETY: the arena's allocation, as in `deallocate`.
                unsafe { arena.deallocate(start, old) };
                return Ok(NonNull::slice_from_raw_parts(dangling(new.align()), 0));
            }
            // SAFETY: the arena's allocation, as in `deallocate`; the rest is the caller's duty.
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
        // Smaller, but aligned more strictly than the place is.
        // SAFETY: the slot's own allocation, of which `new.size() <= old.size()` bytes are kept.
        unsafe { self.evict(start, new.size(), new) }
    }
}

impl<P: Holder> fmt::Debug for SlotIn<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot")
            .field("tensor", &self.tensor())
            .field("start", &self.place().start)
            .field("bytes", &self.place().size)
            .finish()
    }
}

/// Why a tensor could not be had.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SlotError {
    /// The plan has no such tensor.
    Unknown {
        /// The id.
        id: TensorId,
        /// How many tensors the plan has.
        tensors: usize,
    },
    /// The tensor is never alive, so it has no bytes in the plan.
    NeverAlive {
        /// Its name.
        name: String,
    },
    /// It is to be handed over from elsewhere than its whole planned place: it outgrew that, or is shorter.
    Elsewhere {
        /// Its name.
        name: String,
    },
    /// It does not lie within the tensor that is to be handed over to it, as whole elements of that one.
    NotWithin {
        /// Its name.
        name: String,
        /// The name of that tensor.
        of: String,
    },
    /// Its bytes are in use.
    InUse {
        /// Its name.
        name: String,
        /// A live tensor that shares bytes with it, or itself; unknown if it has gone meanwhile.
        by: Option<String>,
    },
    /// Its size is no whole number of elements.
    NotWhole {
        /// Its name.
        name: String,
        /// Its size in bytes.
        bytes: usize,
        /// The element's size in bytes.
        element: usize,
    },
    /// It lies at an address that is not aligned for the element.
    Misaligned {
        /// Its name.
        name: String,
        /// The element's alignment in bytes.
        needed: usize,
        /// The alignment of the tensor's address in bytes.
        planned: usize,
    },
}

impl fmt::Display for SlotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { id, tensors } => {
                write!(
                    f,
                    "tensor {id} is not in the plan, which has {tensors} tensors counted from T0"
                )
            }
            Self::NeverAlive { name } => write!(
                f,
                "tensor '{name}' is never alive, so it has no place in the plan"
            ),
            Self::Elsewhere { name } => write!(
                f,
                "tensor '{name}' is not in its planned place from end to end, so it cannot be handed over"
            ),
            Self::NotWithin { name, of } => write!(
                f,
                "tensor '{name}' is not made of whole elements of '{of}', so it cannot take its bytes"
            ),
            Self::InUse { name, by: Some(by) } if by == name => {
                write!(f, "tensor '{name}' is already allocated")
            }
            Self::InUse { name, by: Some(by) } => write!(
                f,
                "tensor '{name}' shares bytes with '{by}', which is alive"
            ),
            Self::InUse { name, by: None } => write!(f, "the bytes of tensor '{name}' are in use"),
            Self::NotWhole {
                name,
                bytes,
                element,
            } => write!(
                f,
                "tensor '{name}' has {bytes} bytes, which is no whole number of elements of {element} bytes"
            ),
            Self::Misaligned {
                name,
                needed,
                planned,
            } => write!(
                f,
                "tensor '{name}' is aligned to {planned} bytes, its elements need {needed}; plan with a larger alignment"
            ),
        }
    }
}

impl core::error::Error for SlotError {}
