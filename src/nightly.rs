//! The standard library's unstable `Allocator` trait for slots, for `std::vec::Vec::new_in` and the
//! like.
//!
//! Slots implement the trait of `allocator_api2`, which has the same methods and the same contract,
//! so every call is passed on. (Switching `allocator_api2` itself to the standard trait would
//! switch it for every other crate in the program, too, and those not written for it would fail to
//! compile.)

use alloc::alloc::{AllocError, Allocator as StdAllocator};
use core::{alloc::Layout, ptr::NonNull};

use allocator_api2::alloc::Allocator;

use crate::slots::{PoolRef, SlotIn};

// SAFETY: a slot keeps the contract of `allocator_api2`'s `Allocator`, which is the same, and every
// call is passed on with the caller's contract unchanged.
unsafe impl<P: PoolRef> StdAllocator for SlotIn<P> {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        Allocator::allocate(self, layout).map_err(|_| AllocError)
    }

    #[inline]
    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        Allocator::allocate_zeroed(self, layout).map_err(|_| AllocError)
    }

    #[inline]
    unsafe fn deallocate(&self, start: NonNull<u8>, layout: Layout) {
        // SAFETY: passed on.
        unsafe { Allocator::deallocate(self, start, layout) }
    }

    #[inline]
    unsafe fn grow(
        &self,
        start: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: passed on.
        unsafe { Allocator::grow(self, start, old, new) }.map_err(|_| AllocError)
    }

    #[inline]
    unsafe fn grow_zeroed(
        &self,
        start: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: passed on.
        unsafe { Allocator::grow_zeroed(self, start, old, new) }.map_err(|_| AllocError)
    }

    #[inline]
    unsafe fn shrink(
        &self,
        start: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: passed on.
        unsafe { Allocator::shrink(self, start, old, new) }.map_err(|_| AllocError)
    }
}
