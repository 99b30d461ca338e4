//! What a recorded iteration left free in the inner allocator goes back to the system.
//!
//! Stands on the allocators that can do so. Invariant: only free memory goes.

use core::any::Any;
use std::alloc::System;

use orionrt_alloc::OrionAlloc;
use orionrt_sys::system_heap;

/// Gives the free memory of an allocator back to the system if it is an [`OrionAlloc`], or the
/// system's own allocator and that can do so. Does nothing otherwise.
pub(super) fn purge_known<A: 'static>(inner: &A) {
    let inner: &dyn Any = inner;
    if let Some(orion) = inner.downcast_ref::<OrionAlloc>() {
        orion.purge();
    } else if inner.is::<System>() {
        system_heap::trim();
    }
}
