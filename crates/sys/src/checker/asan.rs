//! AddressSanitizer: bytes that nobody may touch are *poisoned*.
//!
//! This file is built where the feature `asan` is on and the target is compiled with
//! `-Zsanitizer=address`, which links the functions below. The sanitizer's search for leaks looks
//! for pointers in mappings that it is told of.

use core::{ffi::c_void, ptr::NonNull};

unsafe extern "C" {
    fn __asan_poison_memory_region(start: *const c_void, bytes: usize);
    fn __asan_unpoison_memory_region(start: *const c_void, bytes: usize);
    fn __lsan_register_root_region(start: *const c_void, bytes: usize);
    fn __lsan_unregister_root_region(start: *const c_void, bytes: usize);
}

pub(super) fn poison(start: NonNull<u8>, bytes: usize) {
    // SAFETY: touches the shadow alone, which exists for every address.
    unsafe { __asan_poison_memory_region(start.as_ptr().cast(), bytes) };
}

pub(super) fn unpoison(start: NonNull<u8>, bytes: usize) {
    // SAFETY: as above.
    unsafe { __asan_unpoison_memory_region(start.as_ptr().cast(), bytes) };
}

/// Poisons a block that is given back; reports one that nobody has.
pub(super) fn freed(start: NonNull<u8>, bytes: usize) {
    // SAFETY: a block's first byte, which the allocator has in memory.
    unsafe { start.as_ptr().read_volatile() };
    poison(start, bytes);
}

#[cfg(feature = "std")]
pub(super) fn mapped(start: NonNull<u8>, bytes: usize) {
    // SAFETY: a mapping of this process; the search reads what of it is readable.
    unsafe { __lsan_register_root_region(start.as_ptr().cast(), bytes) };
}

#[cfg(feature = "std")]
pub(super) fn unmapped(start: NonNull<u8>, bytes: usize) {
    // SAFETY: registered by `mapped`.
    unsafe { __lsan_unregister_root_region(start.as_ptr().cast(), bytes) };
}
