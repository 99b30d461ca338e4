//! A module of three calls of the allocator and nothing else: its size is that of the allocator.

use std::alloc::{Layout, alloc, dealloc, realloc};

// The crate has the global allocator.
use orionrt_wasm_allocators as _;

/// # Safety
/// The size is not zero, and the alignment a power of two.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn allocate(size: usize, align: usize) -> *mut u8 {
    // SAFETY: the caller's duty.
    unsafe { alloc(Layout::from_size_align_unchecked(size, align)) }
}

/// # Safety
/// A block, its size and alignment; the new size is not zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn resize(
    block: *mut u8,
    size: usize,
    align: usize,
    new_size: usize,
) -> *mut u8 {
    // SAFETY: the caller's duty.
    unsafe {
        realloc(
            block,
            Layout::from_size_align_unchecked(size, align),
            new_size,
        )
    }
}

/// # Safety
/// A block, its size and alignment.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn free(block: *mut u8, size: usize, align: usize) {
    // SAFETY: the caller's duty.
    unsafe { dealloc(block, Layout::from_size_align_unchecked(size, align)) }
}
