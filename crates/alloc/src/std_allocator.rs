//! Std's own allocator traits for what implements that of `allocator-api2`: for [`Arena`], so that
//! `std::vec::Vec::new_in(&arena)` works, for `&OrionHeap`, and for allocators of crates above this
//! one. The build script finds out which of them the compiler has.
//!
//! The two `Allocator` traits have the same methods and the same contract, so every call is passed
//! on. (Switching `allocator-api2` itself to std's trait would switch it for every other crate in
//! the program too, and those that are not built for it would no longer compile.)

#[cfg(orionrt_std_allocator_clone)]
pub use core::alloc::AllocatorClone;
pub use core::{
    alloc::{AllocError, Allocator as StdAllocator, Layout},
    ptr::NonNull,
};

pub use allocator_api2::alloc::Allocator;
use lock_api::RawMutex;

use crate::arena::Arena;

/// What a call that allocates returns.
pub type Block = Result<NonNull<[u8]>, AllocError>;

/// Implements std's `Allocator` for a type that implements `allocator-api2`'s.
#[doc(hidden)]
#[macro_export]
macro_rules! forward_std_allocator {
    ([$($generics:tt)*] $type:ty) => {
        // SAFETY: the type keeps the same contract for `allocator-api2`'s trait, and every call is
        // passed on with the caller's duties unchanged.
        unsafe impl<$($generics)*> $crate::std_allocator::StdAllocator for $type {
            #[inline]
            fn allocate(
                &self,
                layout: $crate::std_allocator::Layout,
            ) -> $crate::std_allocator::Block {
                $crate::std_allocator::Allocator::allocate(self, layout)
                    .map_err(|_| $crate::std_allocator::AllocError)
            }

            #[inline]
            fn allocate_zeroed(
                &self,
                layout: $crate::std_allocator::Layout,
            ) -> $crate::std_allocator::Block {
                $crate::std_allocator::Allocator::allocate_zeroed(self, layout)
                    .map_err(|_| $crate::std_allocator::AllocError)
            }

            #[inline]
            unsafe fn deallocate(
                &self,
                start: $crate::std_allocator::NonNull<u8>,
                layout: $crate::std_allocator::Layout,
            ) {
                // SAFETY: the caller's duty, passed on.
                unsafe { $crate::std_allocator::Allocator::deallocate(self, start, layout) }
            }

            $crate::forward_std_allocator!(@resize grow);
            $crate::forward_std_allocator!(@resize grow_zeroed);
            $crate::forward_std_allocator!(@resize shrink);
        }
    };
    (@resize $method:ident) => {
        #[inline]
        unsafe fn $method(
            &self,
            start: $crate::std_allocator::NonNull<u8>,
            old: $crate::std_allocator::Layout,
            new: $crate::std_allocator::Layout,
        ) -> $crate::std_allocator::Block {
            // SAFETY: the caller's duty, passed on.
            unsafe { $crate::std_allocator::Allocator::$method(self, start, old, new) }
                .map_err(|_| $crate::std_allocator::AllocError)
        }
    };
}

crate::forward_std_allocator!([R: RawMutex] Arena<R>);
#[cfg(all(feature = "std", not(loom)))]
crate::forward_std_allocator!([] &crate::orion_heap::OrionHeap<'_>);

// SAFETY: a reference is copied, and all references to a heap are the same allocator.
#[cfg(all(feature = "std", not(loom), orionrt_std_allocator_clone))]
unsafe impl AllocatorClone for &crate::orion_heap::OrionHeap<'_> {}
