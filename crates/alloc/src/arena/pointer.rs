//! Addresses as numbers: alignment, and addresses that are never used.

#![forbid(unsafe_code)]

use core::ptr::{self, NonNull};

/// An address for a size of zero, a multiple of `align`. Nobody ever reads or writes there.
#[must_use]
pub fn dangling(align: usize) -> NonNull<u8> {
    NonNull::new(ptr::without_provenance_mut(align)).unwrap_or(NonNull::dangling())
}

/// Whether an address is a multiple of `align`, a power of two.
pub(super) fn is_aligned(pointer: NonNull<u8>, align: usize) -> bool {
    pointer.addr().get() & (align - 1) == 0
}
