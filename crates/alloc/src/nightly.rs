//! Std's own `Allocator` for what already implements the ecosystem's, for `std::vec::Vec::new_in` and its like.
//!
//! The two traits have the same methods and the same contract; every call is passed on. (Switching `allocator_api2` itself to
//! std's trait would switch it for every other crate in the program too, and those not built for it would fail to compile.)

use alloc::alloc::{AllocError, Allocator as StdAllocator};
use core::{alloc::Layout, ptr::NonNull};

use allocator_api2::alloc::Allocator;
use lock_api::RawMutex;

use crate::arena::Arena;

macro_rules! forward {
    ([$($generics:tt)*] $type:ty) => {
        // SAFETY: the type keeps the same contract as `allocator_api2`'s `Allocator`, and every call is passed on
        // with the caller's duties unchanged.
        unsafe impl<$($generics)*> StdAllocator for $type {
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
            unsafe fn grow(&self, start: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
                // SAFETY: passed on.
                unsafe { Allocator::grow(self, start, old, new) }.map_err(|_| AllocError)
            }

            #[inline]
            unsafe fn grow_zeroed(&self, start: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
                // SAFETY: passed on.
                unsafe { Allocator::grow_zeroed(self, start, old, new) }.map_err(|_| AllocError)
            }

            #[inline]
            unsafe fn shrink(&self, start: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
                // SAFETY: passed on.
                unsafe { Allocator::shrink(self, start, old, new) }.map_err(|_| AllocError)
            }
        }
    };
}

forward!([R: RawMutex] Arena<R>);
