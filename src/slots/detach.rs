//! Tensors taken out of their pool.
//!
//! Stands on slots. The values are copied, and the slot is free at once. The bytes themselves
//! cannot leave: they are part of the region, and the next inference needs them. Invariant: a
//! tensor that cannot be copied for want of memory goes back to the caller, unchanged.

#![forbid(unsafe_code)]

use alloc::vec::Vec;

use allocator_api2::{alloc::Allocator, boxed::Box, vec::Vec as VecIn};

use crate::slots::pool_ref::PoolRef;
use crate::slots::slot::{SlotBox, SlotIn};
use crate::slots::slot_error::SlotError;
use crate::slots::transfer::TransferError;

impl<P: PoolRef> SlotIn<P> {
    /// Takes a tensor out of its pool: copies its values into a `Vec` of the standard library and
    /// frees its slot. To keep outputs without a copy while the next inference runs, see
    /// `PoolSet`.
    ///
    /// ```
    /// use orionrt::{slots::{Slot, SlotError}, Arena, Lifetimes, Planner, TensorId, TensorPool};
    ///
    /// let plan = Planner::new().plan(&Lifetimes::from_rows([("y", 0, 1, 12, 64)])?)?;
    /// let pool = TensorPool::new(Arena::builder().build()?, &plan)?;
    /// let y = TensorId::new(0);
    /// let output = pool.copied_from(y, &[1.0f32, 2.0, 3.0])?;
    /// let values: Vec<f32> = Slot::detach(output).map_err(SlotError::from)?;
    /// assert!(!pool.is_live(y));
    /// drop(pool);
    /// assert_eq!(values, [1.0, 2.0, 3.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`SlotError::NoMemory`] with the tensor, if there is no memory for the copy.
    pub fn detach<T: Copy>(tensor: SlotBox<T, P>) -> Result<Vec<T>, TransferError<T, P>> {
        let mut values = Vec::new();
        if values.try_reserve_exact(tensor.len()).is_err() {
            return Err(no_memory(tensor));
        }
        values.extend_from_slice(&tensor);
        Ok(values)
    }

    /// Takes a tensor out of its pool as [`detach`](Self::detach) does, into memory of another
    /// allocator: an arena for outputs, for instance.
    ///
    /// # Errors
    /// [`SlotError::NoMemory`] with the tensor, if the allocator has no memory for the copy.
    pub fn detach_in<T: Copy, B: Allocator>(
        tensor: SlotBox<T, P>,
        allocator: B,
    ) -> Result<VecIn<T, B>, TransferError<T, P>> {
        let mut values = VecIn::new_in(allocator);
        if values.try_reserve_exact(tensor.len()).is_err() {
            return Err(no_memory(tensor));
        }
        values.extend_from_slice(&tensor);
        Ok(values)
    }
}

#[cold]
fn no_memory<T, P: PoolRef>(tensor: SlotBox<T, P>) -> TransferError<T, P> {
    let slot = Box::allocator(&tensor);
    let error = SlotError::NoMemory {
        name: slot.pool().name(slot.tensor()),
        needed: size_of_val::<[T]>(&tensor),
    };
    TransferError { tensor, error }
}
