//! Tensors as `Box` and `Vec` in their slots, by methods that return an error.
//!
//! The collections' own constructors end the process where a slot refuses its bytes. The methods of
//! [`SlotIn`] here, and those of [`TensorPool`] that take a tensor, say instead which tensors are
//! in the way, or what does not fit.
//!
//! Invariant: memory is requested through the slot as an allocator alone, so that what holds for
//! its claims holds here, too.

use core::mem::MaybeUninit;

use allocator_api2::{alloc::Allocator, boxed::Box, vec::Vec};

use crate::slots::pool::TensorPool;
use crate::slots::pool_ref::PoolRef;
use crate::slots::slot::{Slot, SlotBox, SlotIn};
use crate::slots::slot_error::SlotError;
use orionrt_plan::TensorId;

impl<A: Allocator> TensorPool<A> {
    /// The whole tensor as a boxed slice of `T`; each element must be written before it is read.
    ///
    /// # Errors
    /// As [`slot`](Self::slot) and [`SlotIn::uninit`].
    pub fn uninit<T>(&self, id: TensorId) -> Result<SlotBox<MaybeUninit<T>, &Self>, SlotError> {
        self.slot(id)?.uninit()
    }

    /// The whole tensor as a boxed slice of `T`, with every element set to `value`.
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
    /// As [`slot`](Self::slot) and [`SlotIn::filled`].
    pub fn filled<T: Copy>(&self, id: TensorId, value: T) -> Result<SlotBox<T, &Self>, SlotError> {
        self.slot(id)?.filled(value)
    }

    /// An empty `Vec` with room for `capacity` elements in the slot of a tensor.
    ///
    /// # Errors
    /// As [`slot`](Self::slot) and [`SlotIn::vec`].
    pub fn vec<T>(&self, id: TensorId, capacity: usize) -> Result<Vec<T, Slot<'_, A>>, SlotError> {
        self.slot(id)?.vec(capacity)
    }

    /// The whole tensor as a boxed slice, with the values of `elements`.
    ///
    /// # Errors
    /// As [`slot`](Self::slot) and [`SlotIn::copied_from`].
    pub fn copied_from<T: Copy>(
        &self,
        id: TensorId,
        elements: &[T],
    ) -> Result<SlotBox<T, &Self>, SlotError> {
        self.slot(id)?.copied_from(elements)
    }

    /// The number of `T` in a tensor of the plan, at an address that is aligned for them.
    pub(crate) fn elements<T>(&self, id: TensorId) -> Result<usize, SlotError> {
        let slot = self.planned_slot(id.index());
        let bytes = slot.size;
        let count = bytes.checked_div(size_of::<T>());
        let whole = count.filter(|count| count * size_of::<T>() == bytes);
        let count = whole.ok_or_else(|| SlotError::NotWhole {
            name: self.name(id),
            bytes,
            element: size_of::<T>(),
        })?;
        if bytes > 0 && align_of::<T>() > slot.alignment {
            return Err(SlotError::Misaligned {
                name: self.name(id),
                needed: align_of::<T>(),
                planned: slot.alignment,
            });
        }
        Ok(count)
    }

    /// Whether a tensor has a slot.
    pub(crate) fn check(&self, id: TensorId) -> Result<(), SlotError> {
        let Some(row) = self.plan().lifetimes().get(id) else {
            let tensors = self.plan().len();
            return Err(SlotError::Unknown { id, tensors });
        };
        if row.lower == row.upper && row.size > 0 {
            let name = self.name(id);
            return Err(SlotError::NeverAlive { name });
        }
        Ok(())
    }
}

impl<P: PoolRef> SlotIn<P> {
    /// The whole tensor as a boxed slice of `T`; each element must be written before it is read.
    ///
    /// # Errors
    /// If the tensor is in use, is not aligned for `T`, or its size is not a whole number of `T`;
    /// see [`SlotError`].
    pub fn uninit<T>(self) -> Result<SlotBox<MaybeUninit<T>, P>, SlotError> {
        let id = self.tensor();
        let count = self.pool().elements::<T>(id)?;
        let mut elements = self.vec(count)?;
        // SAFETY: `vec` has made room for so many, and they may be uninitialised.
        unsafe { elements.set_len(count) };
        Ok(elements.into_boxed_slice())
    }

    /// The whole tensor as a boxed slice of `T`, with every element set to `value`.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use orionrt::{Arena, Lifetimes, Planner, TensorPool, TensorId};
    /// # let plan = Planner::new().plan(&Lifetimes::from_rows([("a", 0, 1, 4096, 64)])?)?;
    /// let pool = Arc::new(TensorPool::new(Arena::builder().build()?, &plan)?);
    /// let tensor = pool.owned_slot(TensorId::new(0))?.filled(1.5f32)?;
    /// let sum = std::thread::spawn(move || tensor.iter().sum::<f32>()).join().unwrap();
    /// assert_eq!(sum, 1536.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`uninit`](Self::uninit).
    pub fn filled<T: Copy>(self, value: T) -> Result<SlotBox<T, P>, SlotError> {
        let mut elements = self.uninit()?;
        elements.fill(MaybeUninit::new(value));
        let (elements, slot) = Box::into_raw_with_allocator(elements);
        // SAFETY: taken apart in the line above; every element has just been written, and
        // `MaybeUninit<T>` has the layout of `T`.
        Ok(unsafe { Box::from_raw_in(elements as *mut [T], slot) })
    }

    /// An empty `Vec` with room for `capacity` elements. It may hold more; how many more is up to
    /// the planned size. In a pool with fallback, what does not fit the slot comes from the arena.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use orionrt::{slots::SlotError, Arena, Lifetimes, Planner, TensorPool, TensorId};
    /// # let plan = Planner::new().plan(&Lifetimes::from_rows([("a", 0, 1, 4096, 64)])?)?;
    /// let pool = Arc::new(TensorPool::new(Arena::builder().build()?, &plan)?);
    /// let a = TensorId::new(0);
    /// let mut tensor = pool.owned_slot(a)?.vec::<f32>(1024)?;
    /// tensor.push(1.5);
    /// let refused = pool.owned_slot(a)?.vec::<f32>(1024);
    /// assert!(matches!(refused, Err(SlotError::InUse { .. })));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the tensor is in use, is not aligned for `T`, or has fewer bytes than that; or if the
    /// arena has no room for the fallback. See [`SlotError`].
    pub fn vec<T>(self, capacity: usize) -> Result<Vec<T, Self>, SlotError> {
        let mut elements = Vec::new_in(self);
        match elements.try_reserve_exact(capacity) {
            Ok(()) => Ok(elements),
            Err(_) => Err(elements.allocator().why_refused::<T>(capacity)),
        }
    }

    /// The whole tensor as a boxed slice, with the values of `elements`: what `clone` of a tensor
    /// cannot do, for another tensor of its size.
    ///
    /// ```
    /// # use orionrt::{Arena, Lifetimes, Planner, TensorId, TensorPool};
    /// # let rows = [("a", 0, 2, 16, 64), ("b", 1, 3, 16, 64)];
    /// # let plan = Planner::new().plan(&Lifetimes::from_rows(rows)?)?;
    /// let pool = TensorPool::new(Arena::builder().build()?, &plan)?;
    /// let a = pool.filled(TensorId::new(0), 1.5f32)?;
    /// let b = pool.slot(TensorId::new(1))?.copied_from(&a)?;
    /// assert_eq!(*b, [1.5; 4]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`uninit`](Self::uninit), and if the tensor has another number of elements.
    pub fn copied_from<T: Copy>(self, elements: &[T]) -> Result<SlotBox<T, P>, SlotError> {
        let id = self.tensor();
        let count = self.pool().elements::<T>(id)?;
        if elements.len() != count {
            return Err(SlotError::OtherLength {
                name: self.pool().name(id),
                elements: count,
                given: elements.len(),
            });
        }
        let mut copy = self.vec(count)?;
        copy.extend_from_slice(elements);
        Ok(copy.into_boxed_slice())
    }

    /// Why there was no room for so many elements.
    #[cold]
    fn why_refused<T>(&self, capacity: usize) -> SlotError {
        let (pool, id, slot) = (self.pool(), self.tensor(), self.planned());
        let name = pool.name(id);
        let needed = capacity.saturating_mul(size_of::<T>());
        if needed <= slot.size && align_of::<T>() <= slot.alignment {
            let by = pool.in_the_way(id).map(|other| pool.name(other));
            return SlotError::InUse { name, by };
        }
        if pool.has_fallback() {
            return SlotError::OutOfMemory { name, needed };
        }
        if needed > slot.size {
            let planned = slot.size;
            return SlotError::TooLarge {
                name,
                needed,
                planned,
            };
        }
        SlotError::Misaligned {
            name,
            needed: align_of::<T>(),
            planned: slot.alignment,
        }
    }
}
