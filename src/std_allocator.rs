//! Std's own allocator traits for slots, so that `std::vec::Vec::new_in(slot)` works.
//!
//! A clone of a slot stands for the same tensor, not for other memory. So a clone may release what
//! the slot has claimed, which is what `AllocatorClone` promises and `Arc` needs; but it grants
//! nothing while the tensor is alive: `clone` of a `Vec` in a slot ends the process, as
//! [`Slot`](crate::slots::Slot) says.

#[cfg(orionrt_std_allocator_clone)]
use orionrt_alloc::std_allocator::AllocatorClone;

use crate::slots::{PoolRef, SlotIn};

orionrt_alloc::forward_std_allocator!([P: PoolRef] SlotIn<P>);

// SAFETY: all clones of a slot name one tensor of one pool (invariant of `PoolRef`, which is
// sealed), and the claim on it belongs to whoever holds the allocation, not to one of them. The
// pool, with its arena, lives as long as any of them. Cloning copies a reference or counts a share,
// and does not unwind.
#[cfg(orionrt_std_allocator_clone)]
unsafe impl<P: PoolRef + Clone> AllocatorClone for SlotIn<P> {}
