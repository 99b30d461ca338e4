//! Join of tensors into the tensor that they fill: the operands of a concatenation into its result.
//!
//! Stands on slots, and on `transfer`, of which it is the reverse. [`SlotIn::join`] ends several
//! owners and makes one that owns the bytes of all of them, with their contents; nothing is copied.
//!
//! ```text
//! a, b    ├── Box<[f32], Slot of a> ──┤├── Slot of b ──┤    own their parts
//! joined  ├────────── Box<[f32], Slot of joined> ──────┤    owns all
//! ```
//!
//! Invariant: the segments that the parts had claimed are those of the joined tensor, and none of
//! them is free in between.

use alloc::vec::Vec;
use core::{
    fmt,
    ptr::{self, NonNull},
    sync::atomic::Ordering,
};

use allocator_api2::boxed::Box;

use crate::slots::pool_ref::PoolRef;
use crate::slots::slot::{SlotBox, SlotIn};
use crate::slots::slot_error::SlotError;
use crate::slots::transfer::{check_fills_slot, lies_within};

/// Tensors that could not be [joined](SlotIn::join), and why.
#[non_exhaustive]
pub struct JoinError<T, P: PoolRef> {
    /// The tensors, unchanged and in their order.
    pub tensors: Vec<SlotBox<T, P>>,
    /// Why they could not be joined.
    pub error: SlotError,
}

impl<P: PoolRef> SlotIn<P> {
    /// Turns tensors that fill this slot into its tensor: the operands of a concatenation, planned
    /// as parts of its result ([`Aliasing::Parts`](orionrt_plan::Aliasing::Parts)), into that
    /// result. The bytes stay where they are, with their contents. The order of the tensors does
    /// not matter.
    ///
    /// ```
    /// use core::alloc::Layout;
    /// use orionrt::{slots::SlotError, Aliasing, Arena, GraphBuilder, Planner, TensorPool};
    ///
    /// let mut g = GraphBuilder::new();
    /// let [a, b] = ["a", "b"].map(|name| g.tensor(name, Layout::array::<f32>(2).unwrap()));
    /// let joined = g.tensor("joined", Layout::array::<f32>(4)?);
    /// g.op("load a").writes([a]);
    /// g.op("load b").writes([b]);
    /// g.op("concatenate").part(a, joined, 0).part(b, joined, 8);
    /// let graph = g.output(joined).build()?;
    /// let plan = Planner::new().plan(&graph.lifetimes_with(Aliasing::Parts))?;
    /// assert_eq!(plan.peak(), 16);
    ///
    /// let pool = TensorPool::new(Arena::builder().build()?, &plan)?;
    /// let parts = vec![pool.filled(a, 1.0f32)?, pool.filled(b, 2.0f32)?];
    /// let whole = pool.slot(joined)?.join(parts).map_err(SlotError::from)?;
    /// assert_eq!(*whole, [1.0, 1.0, 2.0, 2.0]);
    /// assert!(pool.is_live(joined) && !pool.is_live(a) && !pool.is_live(b));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns the tensors if one of them is of another pool, does not fill its own slot, or does
    /// not lie within this one as whole elements; if all of them together have fewer bytes than
    /// this slot; or if this slot's tensor is not made of whole, aligned elements. See
    /// [`SlotError`].
    pub fn join<T: Copy>(
        self,
        tensors: Vec<SlotBox<T, P>>,
    ) -> Result<SlotBox<T, P>, JoinError<T, P>> {
        let elements = match self.check_join(&tensors) {
            Ok(elements) => elements,
            Err(error) => return Err(JoinError { tensors, error }),
        };
        for tensor in tensors {
            let (_, slot) = Box::into_raw_with_allocator(tensor);
            slot.planned().is_claimed.store(false, Ordering::Relaxed);
        }
        let joined = self.planned();
        joined.is_claimed.store(joined.size > 0, Ordering::Relaxed);
        let start = match joined.size {
            0 => NonNull::dangling(),
            _ => joined.start.cast::<T>(),
        };
        let whole = ptr::slice_from_raw_parts_mut(start.as_ptr(), elements);
        // SAFETY: `check_join` has made sure that the tensors lie within this slot and have as many
        // bytes as it has. Each held the claim on its own bytes, so no two of them shared any: they
        // are all of the slot's bytes, initialised elements of `T` at whole elements of the slot,
        // which is aligned for `T`. The boxes were taken apart without giving their claims back, so
        // the claim on this slot's segments is held, for this box alone, and its slot releases it.
        // The pointer is the pool's own (dangling if there are no bytes).
        Ok(unsafe { Box::from_raw_in(whole, self) })
    }

    /// How many elements the joined tensor has, if these tensors fill it.
    fn check_join<T>(&self, tensors: &[SlotBox<T, P>]) -> Result<usize, SlotError> {
        let (pool, joined) = (self.pool(), self.planned());
        let name = || pool.name(self.tensor());
        let elements = pool.elements::<T>(self.tensor())?;
        let mut filled = 0;
        for tensor in tensors {
            let slot = Box::allocator(tensor);
            if !ptr::eq(slot.pool(), pool) {
                let name = slot.pool().name(slot.tensor());
                return Err(SlotError::OtherPool { name });
            }
            check_fills_slot(tensor)?;
            if !lies_within::<T>(slot.planned(), joined) {
                return Err(SlotError::NotPart {
                    name: pool.name(slot.tensor()),
                    of: name(),
                });
            }
            filled += slot.planned().size;
        }
        if filled < joined.size {
            return Err(SlotError::NotFilled {
                name: name(),
                bytes: joined.size,
                filled,
            });
        }
        Ok(elements)
    }
}

/// Gives the tensors up.
impl<T, P: PoolRef> From<JoinError<T, P>> for SlotError {
    fn from(refused: JoinError<T, P>) -> Self {
        refused.error
    }
}

impl<T, P: PoolRef> fmt::Debug for JoinError<T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slots = self.tensors.iter().map(Box::allocator);
        f.debug_struct("JoinError")
            .field("slots", &slots.collect::<Vec<_>>())
            .field("error", &self.error)
            .finish()
    }
}

impl<T, P: PoolRef> fmt::Display for JoinError<T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.error, f)
    }
}

// Displayed as the error inside, so that error's source is this one's, too.
impl<T, P: PoolRef> core::error::Error for JoinError<T, P> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        self.error.source()
    }
}
