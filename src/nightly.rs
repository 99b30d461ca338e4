//! Std's own `Allocator` trait for slots, so that `std::vec::Vec::new_in(slot)` works.

use crate::slots::{PoolRef, SlotIn};

orionrt_alloc::forward_std_allocator!([P: PoolRef] SlotIn<P>);
