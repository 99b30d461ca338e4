//! A tensor's bytes passed on to others that lie within them: from a root to its views, from an operand to a result in place.
//!
//! Stands on slots. [`SlotIn::transfer`] ends one owner and makes others, of the same bytes with what is in them; nothing is copied. There is one owner of a
//! byte at any time: the claim on it goes along.
//!
//! ```text
//! x     ├──────────── Box<[f32], Slot of x> ────────────┤          owns all
//! q, k  ├── Box<[f32], Slot of q> ──┤├── Slot of k ──┤             own their parts; the rest of x is free
//! ```
//!
//! Invariant: of the segments that the given tensor has claimed, exactly those of the new ones stay claimed.

use alloc::vec::Vec;
use core::{
    fmt,
    ptr::{self, NonNull},
    sync::atomic::Ordering,
};

use allocator_api2::boxed::Box;

use crate::slots::claims::Span;
use crate::slots::pool::Place;
use crate::slots::slot::{Holder, SlotError, SlotIn};
use orionrt_plan::TensorId;

/// A tensor in its planned place: what [`TensorPool::filled`](crate::TensorPool::filled) gives.
pub type SlotBox<T, P> = Box<[T], SlotIn<P>>;

/// A tensor that could not be handed over, and why.
pub struct TransferError<T, P: Holder> {
    /// The tensor as it was.
    pub tensor: SlotBox<T, P>,
    /// Why it stays with its owner.
    pub error: SlotError,
}

impl<P: Holder + Clone> SlotIn<P> {
    /// Makes another tensor of this one: a view of it, or a result that takes its bytes. The bytes stay where they are, with what is in them; those
    /// that the other one does not have are free.
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
    /// tensor.iter_mut().for_each(|v| *v *= 2.0);                // "double", in place
    /// let tensor = Slot::transfer(tensor, y).map_err(SlotError::from)?;       // now it is y
    /// assert!(pool.is_live(y) && !pool.is_live(x));
    /// let tensor = Slot::transfer(tensor, half).map_err(SlotError::from)?;    // and now half of it
    /// assert_eq!(*tensor, [2.0, 2.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// With the tensor, when the other one is not in the plan, does not lie within this one's bytes, or is no whole number of aligned elements; or when this one is not in its
    /// planned place (an allocation that outgrew it). See [`SlotError`].
    pub fn transfer<T: Copy>(
        tensor: SlotBox<T, P>,
        to: TensorId,
    ) -> Result<SlotBox<T, P>, TransferError<T, P>> {
        let mut parts = Self::split_into(tensor, &[to])?.into_iter();
        Ok(parts
            .next()
            .unwrap_or_else(|| unreachable!("as many parts as were asked for")))
    }

    /// Makes several other tensors of this one, which do not share bytes with each other: the parts of a split. In the order of `to`.
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
    /// let parts = Slot::split_into(pool.filled(x, 1.0f32)?, &[a, b]).map_err(SlotError::from)?;
    /// assert!(pool.is_live(a) && pool.is_live(b));
    /// drop(parts);
    /// assert!(pool.slot(x).is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`transfer`](Self::transfer), and when two of them share bytes.
    pub fn split_into<T: Copy>(
        tensor: SlotBox<T, P>,
        to: &[TensorId],
    ) -> Result<Vec<SlotBox<T, P>>, TransferError<T, P>> {
        if let Err(error) = check(&tensor, to) {
            return Err(TransferError { tensor, error });
        }
        // All memory is asked for while the tensor has its owner still.
        let mut parts = Vec::with_capacity(to.len());
        let place_of = |id: &TensorId| Box::allocator(&tensor).pool().place(id.index());
        let mut spans: Vec<Span> = to.iter().map(|id| place_of(id).span).collect();
        spans.sort_unstable_by_key(|span| span.start());
        let (_, slot) = Box::into_raw_with_allocator(tensor);
        let pool = slot.pool();
        let owned = slot.place();
        owned.claimed.store(false, Ordering::Relaxed);
        for &id in to {
            let place = pool.place(id.index());
            place.claimed.store(place.size > 0, Ordering::Relaxed);
        }
        let mut free_from = owned.span.start();
        for span in spans.iter().filter(|span| span.start() < span.end()) {
            pool.claims().release(Span::new(free_from, span.start()));
            free_from = span.end();
        }
        pool.claims()
            .release(Span::new(free_from, owned.span.end()));
        parts.extend(to.iter().map(|&id| {
            let place = pool.place(id.index());
            let start = match place.size {
                0 => NonNull::dangling(),
                _ => place.start.cast::<T>(),
            };
            let part = ptr::slice_from_raw_parts_mut(start.as_ptr(), place.size / size_of::<T>());
            // SAFETY: `check` has made sure that the place lies within the given tensor's, whose bytes are initialised elements of `T` (it was a
            // box of them, as large as its place) and whose claim was held for it alone; that the places do not share bytes, so that no
            // two of these boxes do; and that each is made of whole elements, aligned for `T`. The pointer is the pool's own (dangling where
            // there are no bytes). The claim on its span is held still, for this box alone, and its slot gives it up.
            unsafe { Box::from_raw_in(part, slot.of(id)) }
        }));
        Ok(parts)
    }
}

/// Whether the tensor's bytes can be passed on to these.
fn check<T, P: Holder>(tensor: &SlotBox<T, P>, to: &[TensorId]) -> Result<(), SlotError> {
    let slot = Box::allocator(tensor);
    let pool = slot.pool();
    let owned = slot.place();
    let is_in_place = owned.size == 0 || tensor.as_ptr().addr() == owned.start.addr().get();
    if !is_in_place || size_of_val::<[T]>(tensor) != owned.size {
        let name = pool.name(slot.tensor());
        return Err(SlotError::Elsewhere { name });
    }
    let mut taken: Vec<(u32, u32)> = Vec::new();
    for &id in to {
        pool.check(id)?;
        let place = pool.place(id.index());
        pool.elements::<T>(id)?;
        if !lies_within::<T>(place, owned) {
            return Err(SlotError::NotWithin {
                name: pool.name(id),
                of: pool.name(slot.tensor()),
            });
        }
        taken.push((place.span.start(), place.span.end()));
    }
    taken.retain(|(start, end)| start < end);
    taken.sort_unstable();
    if let Some(pair) = taken.windows(2).find(|pair| pair[1].0 < pair[0].1) {
        let spans = |id: &&TensorId| {
            let span = pool.place(id.index()).span;
            (span.start(), span.end()) == pair[1]
        };
        let name = to
            .iter()
            .find(spans)
            .map(|&id| pool.name(id))
            .unwrap_or_default();
        return Err(SlotError::InUse { name, by: None });
    }
    Ok(())
}

/// Whether a place is made of whole elements of another one, an array of `T`. It is a whole number of them.
fn lies_within<T>(place: &Place, owned: &Place) -> bool {
    if place.size == 0 {
        return true;
    }
    let offset = place
        .start
        .addr()
        .get()
        .checked_sub(owned.start.addr().get());
    let (start, end) = (place.span.start(), place.span.end());
    owned.span.start() <= start
        && end <= owned.span.end()
        && offset.is_some_and(|offset| offset.is_multiple_of(size_of::<T>()))
}

/// Gives the tensor up.
impl<T, P: Holder> From<TransferError<T, P>> for SlotError {
    fn from(refused: TransferError<T, P>) -> Self {
        refused.error
    }
}

impl<T, P: Holder> fmt::Debug for TransferError<T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slot: &SlotIn<P> = Box::allocator(&self.tensor);
        f.debug_struct("TransferError")
            .field("slot", slot)
            .field("error", &self.error)
            .finish()
    }
}

impl<T, P: Holder> fmt::Display for TransferError<T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.error, f)
    }
}

impl<T, P: Holder> core::error::Error for TransferError<T, P> {}
