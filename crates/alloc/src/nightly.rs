//! Std's own `Allocator` trait for [`Arena`], so that `std::vec::Vec::new_in(&arena)` works.
//!
//! Std's trait and that of `allocator-api2` have the same methods and the same contract, so every
//! call is passed on. (Switching `allocator-api2` itself to std's trait would switch it for every
//! other crate in the program too, and those that are not built for it would no longer compile.)

use alloc::alloc::{AllocError, Allocator as StdAllocator};
use core::{alloc::Layout, ptr::NonNull};

use allocator_api2::alloc::Allocator;
use lock_api::RawMutex;

use crate::arena::Arena;

type Block = Result<NonNull<[u8]>, AllocError>;

// SAFETY: `Arena` keeps the same contract for `allocator-api2`'s trait, and every call is passed on
// with the caller's duties unchanged.
unsafe impl<R: RawMutex> StdAllocator for Arena<R> {
    #[inline]
    fn allocate(&self, layout: Layout) -> Block {
        Allocator::allocate(self, layout).map_err(|_| AllocError)
    }

    #[inline]
    fn allocate_zeroed(&self, layout: Layout) -> Block {
        Allocator::allocate_zeroed(self, layout).map_err(|_| AllocError)
    }

    #[inline]
    unsafe fn deallocate(&self, start: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's duty, passed on.
        unsafe { Allocator::deallocate(self, start, layout) }
    }

    #[inline]
    unsafe fn grow(&self, start: NonNull<u8>, old: Layout, new: Layout) -> Block {
        // SAFETY: the caller's duty, passed on.
        unsafe { Allocator::grow(self, start, old, new) }.map_err(|_| AllocError)
    }

    #[inline]
    unsafe fn grow_zeroed(&self, start: NonNull<u8>, old: Layout, new: Layout) -> Block {
        // SAFETY: the caller's duty, passed on.
        unsafe { Allocator::grow_zeroed(self, start, old, new) }.map_err(|_| AllocError)
    }

    #[inline]
    unsafe fn shrink(&self, start: NonNull<u8>, old: Layout, new: Layout) -> Block {
        // SAFETY: the caller's duty, passed on.
        unsafe { Allocator::shrink(self, start, old, new) }.map_err(|_| AllocError)
    }
}
