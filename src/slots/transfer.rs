//! Transfer of a tensor's bytes to tensors within them: from a root to its views, from an operand
//! to a result in place.
//!
//! Stands on slots. [`SlotIn::transfer`] ends one owner and makes others that own the same bytes,
//! with their contents; nothing is copied. A byte has one owner at any time, and the claim on it
//! moves along.
//!
//! ```text
//! x     ├──────────── Box<[f32], Slot of x> ────────────┤     owns all
//! q, k  ├── Box<[f32], Slot of q> ──┤├── Slot of k ──┤        own their parts; the rest is free
//! ```
//!
//! Invariant: of the segments that the transferred tensor had claimed, exactly those of the
//! receiving tensors stay claimed.

use alloc::vec::Vec;
use core::{
    fmt,
    ptr::{self, NonNull},
    sync::atomic::Ordering,
};

use allocator_api2::boxed::Box;

use crate::slots::claims::SegmentRange;
use crate::slots::pool::PlannedSlot;
use crate::slots::pool_ref::PoolRef;
use crate::slots::slot::{SlotBox, SlotIn};
use crate::slots::slot_error::SlotError;
use orionrt_plan::TensorId;
use orionrt_sys::checker;

/// A tensor that could not be transferred, [detached](SlotIn::detach) or parked, and why.
#[non_exhaustive]
pub struct TransferError<T, P: PoolRef> {
    /// The tensor, unchanged.
    pub tensor: SlotBox<T, P>,
    /// Why it could not be transferred, detached or parked.
    pub error: SlotError,
}

impl<P: PoolRef + Clone> SlotIn<P> {
    /// Turns a tensor into another one that lies within its bytes: a view of it, or a result in
    /// place. The bytes stay where they are, with their contents; those outside of the other tensor
    /// become free.
    ///
    /// ```
    /// use core::alloc::Layout;
    /// use orionrt::{slots::{Slot, SlotError}, Arena, GraphBuilder, Planner, TensorPool};
    ///
    /// let mut g = GraphBuilder::new();
    /// let [x, y] = ["x", "y"].map(|name| g.tensor(name, Layout::array::<f32>(4).unwrap()));
    /// let half = g.tensor("half", Layout::array::<f32>(2)?);
    /// g.op("load").writes([x]);
    /// g.op("double").in_place(y, x);
    /// g.op("second half").view(half, y, 8);
    /// let plan = Planner::new().plan(&g.output(half).build()?.lifetimes())?;
    ///
    /// let pool = TensorPool::new(Arena::builder().build()?, &plan)?;
    /// let mut tensor = pool.filled(x, 1.0f32)?;
    /// tensor.iter_mut().for_each(|v| *v *= 2.0); // "double", in place
    /// let tensor = Slot::transfer(tensor, y).map_err(SlotError::from)?; // now it is y
    /// assert!(pool.is_live(y) && !pool.is_live(x));
    /// let tensor = Slot::transfer(tensor, half).map_err(SlotError::from)?; // and now half of it
    /// assert_eq!(*tensor, [2.0, 2.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns the tensor if the other one is not in the plan, does not lie within this one's
    /// bytes, or is not a whole number of aligned elements; or if this one does not fill its
    /// planned slot (an allocation that outgrew it). See [`SlotError`].
    pub fn transfer<T: Copy>(
        tensor: SlotBox<T, P>,
        to: TensorId,
    ) -> Result<SlotBox<T, P>, TransferError<T, P>> {
        let mut parts = Self::split_into(tensor, &[to])?.into_iter();
        Ok(parts
            .next()
            .unwrap_or_else(|| unreachable!("there is one part for each tensor asked for")))
    }

    /// Splits a tensor into several others that lie within its bytes and do not share any with each
    /// other. They are returned in the order of `to`.
    ///
    /// ```
    /// use core::alloc::Layout;
    /// use orionrt::{slots::{Slot, SlotError}, Arena, GraphBuilder, Planner, TensorPool};
    ///
    /// let mut g = GraphBuilder::new();
    /// let x = g.tensor("x", Layout::array::<f32>(4)?);
    /// let [a, b] = ["a", "b"].map(|name| g.tensor(name, Layout::array::<f32>(2).unwrap()));
    /// g.op("load").writes([x]);
    /// g.op("split").view(a, x, 0).view(b, x, 8);
    /// g.output(a).output(b);
    /// let plan = Planner::new().plan(&g.build()?.lifetimes())?;
    ///
    /// let pool = TensorPool::new(Arena::builder().build()?, &plan)?;
    /// let whole = pool.filled(x, 1.0f32)?;
    /// let parts = Slot::split_into(whole, &[a, b]).map_err(SlotError::from)?;
    /// assert!(pool.is_live(a) && pool.is_live(b));
    /// drop(parts);
    /// assert!(pool.slot(x).is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`transfer`](Self::transfer), and if two of the tensors share bytes.
    pub fn split_into<T: Copy>(
        tensor: SlotBox<T, P>,
        to: &[TensorId],
    ) -> Result<Vec<SlotBox<T, P>>, TransferError<T, P>> {
        if let Err(error) = check(&tensor, to) {
            return Err(TransferError { tensor, error });
        }
        // All memory is allocated while the tensor still has its owner.
        let mut parts = Vec::with_capacity(to.len());
        let kept = ranges(&tensor, to);
        let (_, slot) = Box::into_raw_with_allocator(tensor);
        let pool = slot.pool();
        let owned = slot.planned();
        owned.is_claimed.store(false, Ordering::Relaxed);
        for &id in to {
            let part = pool.planned_slot(id.index());
            part.is_claimed.store(part.size > 0, Ordering::Relaxed);
        }
        tell_free(owned, to.iter().map(|id| pool.planned_slot(id.index())));
        release_all_but(&slot, &kept);
        parts.extend(to.iter().map(|&id| {
            let part = pool.planned_slot(id.index());
            let start = match part.size {
                0 => NonNull::dangling(),
                _ => part.start.cast::<T>(),
            };
            let whole = ptr::slice_from_raw_parts_mut(start.as_ptr(), part.size / size_of::<T>());
            // SAFETY: `check` has made sure that the part lies within the given tensor's slot,
            // whose bytes are initialised elements of `T` (it was a box of them, as large as its
            // slot) and whose claim was held for it alone; that the parts do not share bytes, so no
            // two of these boxes do; and that each is made of whole elements, aligned for `T`. The
            // pointer is the pool's own (dangling if there are no bytes). The claim on the part's
            // segments is still held, for this box alone, and its slot releases it.
            unsafe { Box::from_raw_in(whole, slot.slot_of(id)) }
        }));
        Ok(parts)
    }
}

/// The segments of these tensors, in order of address.
fn ranges<T, P: PoolRef>(tensor: &SlotBox<T, P>, of: &[TensorId]) -> Vec<SegmentRange> {
    let pool = Box::allocator(tensor).pool();
    let range = |id: &TensorId| pool.planned_slot(id.index()).segments;
    let mut ranges: Vec<SegmentRange> = of.iter().map(range).collect();
    ranges.sort_unstable_by_key(|range| (range.start(), range.end()));
    ranges
}

/// Releases the segments of a slot that are in none of the ranges `kept`, which are sorted.
fn release_all_but<P: PoolRef>(slot: &SlotIn<P>, kept: &[SegmentRange]) {
    let (claims, owned) = (slot.pool().claims(), slot.planned().segments);
    let mut free_from = owned.start();
    for range in kept.iter().filter(|range| range.start() < range.end()) {
        claims.release(SegmentRange::new(free_from, range.start()));
        free_from = range.end();
    }
    claims.release(SegmentRange::new(free_from, owned.end()));
}

/// Tells memory checkers that nobody may touch a slot's bytes but those of these parts.
fn tell_free<'p>(owned: &PlannedSlot, parts: impl Iterator<Item = &'p PlannedSlot>) {
    if !checker::IS_ON {
        return;
    }
    let mut parts: Vec<&PlannedSlot> = parts.filter(|part| part.size > 0).collect();
    parts.sort_unstable_by_key(|part| part.start);
    let tell = |from: NonNull<u8>, end: NonNull<u8>| {
        checker::no_access(from, end.addr().get() - from.addr().get());
    };
    let mut from = owned.start;
    for part in parts {
        tell(from, part.start);
        // SAFETY: a part lies in the pool's region.
        from = unsafe { part.start.add(part.size) };
    }
    // SAFETY: as above.
    tell(from, unsafe { owned.start.add(owned.size) });
}

/// Whether the tensor's bytes can be passed on to these.
fn check<T, P: PoolRef>(tensor: &SlotBox<T, P>, to: &[TensorId]) -> Result<(), SlotError> {
    check_fills_slot(tensor)?;
    let slot = Box::allocator(tensor);
    let pool = slot.pool();
    let owned = slot.planned();
    for &id in to {
        pool.check(id)?;
        pool.elements::<T>(id)?;
        if !lies_within::<T>(pool.planned_slot(id.index()), owned) {
            return Err(SlotError::NotWithin {
                name: pool.name(id),
                of: pool.name(slot.tensor()),
            });
        }
    }
    check_apart(tensor, to)
}

/// Whether a tensor fills its planned slot: an allocation that outgrew it, or is shorter, does not.
pub(super) fn check_fills_slot<T, P: PoolRef>(tensor: &SlotBox<T, P>) -> Result<(), SlotError> {
    let slot = Box::allocator(tensor);
    let owned = slot.planned();
    let is_in_slot = owned.size == 0 || tensor.as_ptr().addr() == owned.start.addr().get();
    if is_in_slot && size_of_val::<[T]>(tensor) == owned.size {
        return Ok(());
    }
    let name = slot.pool().name(slot.tensor());
    Err(SlotError::Elsewhere { name })
}

/// Whether no two of these tensors share bytes.
fn check_apart<T, P: PoolRef>(tensor: &SlotBox<T, P>, to: &[TensorId]) -> Result<(), SlotError> {
    let pool = Box::allocator(tensor).pool();
    let mut taken = ranges(tensor, to);
    taken.retain(|range| range.start() < range.end());
    let Some(pair) = taken
        .windows(2)
        .find(|pair| pair[1].start() < pair[0].end())
    else {
        return Ok(());
    };
    let is_second = |id: &&TensorId| pool.planned_slot(id.index()).segments == pair[1];
    let name = to.iter().find(is_second).map(|&id| pool.name(id));
    let name = name.unwrap_or_default();
    Err(SlotError::InUse { name, by: None })
}

/// Whether a part is made of whole elements of a slot that holds an array of `T`. The part's size
/// is a whole number of them.
pub(super) fn lies_within<T>(part: &PlannedSlot, owned: &PlannedSlot) -> bool {
    if part.size == 0 {
        return true;
    }
    let (start, base) = (part.start.addr().get(), owned.start.addr().get());
    let offset = start.checked_sub(base);
    owned.segments.start() <= part.segments.start()
        && part.segments.end() <= owned.segments.end()
        && offset.and_then(|offset| offset.checked_rem(size_of::<T>())) == Some(0)
}

/// Gives the tensor up.
impl<T, P: PoolRef> From<TransferError<T, P>> for SlotError {
    fn from(refused: TransferError<T, P>) -> Self {
        refused.error
    }
}

impl<T, P: PoolRef> fmt::Debug for TransferError<T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slot: &SlotIn<P> = Box::allocator(&self.tensor);
        f.debug_struct("TransferError")
            .field("slot", slot)
            .field("error", &self.error)
            .finish()
    }
}

impl<T, P: PoolRef> fmt::Display for TransferError<T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.error, f)
    }
}

// Displayed as the error inside, so that error's source is this one's, too.
impl<T, P: PoolRef> core::error::Error for TransferError<T, P> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        self.error.source()
    }
}
