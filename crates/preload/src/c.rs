//! The allocation functions of C, POSIX and glibc.
//!
//! Where they differ from each other, glibc is followed, since programs were written for it:
//! `realloc(block, 0)` frees and returns null, `memalign` rounds its alignment up to a power of
//! two, `malloc(0)` is a block. The names by which glibc has these functions for a `malloc` that
//! stands before its own, `__libc_malloc` and so on, are of this heap, too: blocks of one process
//! come from one heap, whichever name frees them.
//!
//! No function calls another one by a name that a program may have replaced: its `malloc` may call
//! `__libc_malloc`.

use core::{
    ffi::{c_int, c_void},
    ptr,
};

use orionrt_sys::mapping::PAGE;

use crate::{
    environment::set_errno,
    heap::{ALIGN, HEAP, or_no_memory},
};

/// `malloc(size)`.
#[unsafe(no_mangle)]
pub extern "C" fn malloc(size: usize) -> *mut c_void {
    match HEAP.allocate_cached(size) {
        Some(block) => block.as_ptr().cast(),
        None => allocate(size),
    }
}

/// `malloc` of a block that the thread's cache does not have. A function of C does not unwind, so
/// this one is called last, by a jump, and `malloc` has no frame of its own.
#[cold]
#[inline(never)]
extern "C" fn allocate(size: usize) -> *mut c_void {
    or_no_memory(HEAP.allocate_uncached(size)).cast()
}

/// `calloc(count, size)`: zeros. Overflow of the product is refused.
#[unsafe(no_mangle)]
pub extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    let bytes = count.saturating_mul(size);
    or_no_memory(HEAP.allocate_zeroed(bytes)).cast()
}

/// `free(block)`; null is none.
///
/// # Safety
/// `block` is null or a live block of these functions.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn free(block: *mut c_void) {
    // SAFETY: the caller's duty.
    unsafe {
        if !HEAP.free_cached(block.cast()) {
            release(block);
        }
    }
}

/// `free` of a block that the thread's cache does not take; called as [`allocate`] is.
///
/// # Safety
/// That of [`free`].
#[cold]
#[inline(never)]
unsafe extern "C" fn release(block: *mut c_void) {
    // SAFETY: the caller's duty.
    unsafe { HEAP.free_uncached(block.cast()) };
}

/// `free_sized(block, size)` of C23: the size is not needed.
///
/// # Safety
/// That of [`free`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn free_sized(block: *mut c_void, _size: usize) {
    // SAFETY: the caller's duty.
    unsafe { HEAP.free(block.cast()) };
}

/// `free_aligned_sized(block, alignment, size)` of C23: neither is needed.
///
/// # Safety
/// That of [`free`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn free_aligned_sized(block: *mut c_void, _alignment: usize, _size: usize) {
    // SAFETY: the caller's duty.
    unsafe { HEAP.free(block.cast()) };
}

/// `realloc(block, size)`.
///
/// # Safety
/// That of [`free`], unless null is returned for a size other than zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realloc(block: *mut c_void, size: usize) -> *mut c_void {
    // SAFETY: the caller's duty.
    unsafe { resized(block, size) }
}

/// `reallocarray(block, count, size)`: overflow of the product is refused.
///
/// # Safety
/// That of [`realloc`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reallocarray(
    block: *mut c_void,
    count: usize,
    size: usize,
) -> *mut c_void {
    match count.checked_mul(size) {
        // SAFETY: the caller's duty.
        Some(bytes) => unsafe { resized(block, bytes) },
        None => or_no_memory(ptr::null_mut()).cast(),
    }
}

/// `posix_memalign(&place, alignment, size)`: the error number is returned, `errno` stays.
///
/// # Safety
/// `place` is valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_memalign(
    place: *mut *mut c_void,
    alignment: usize,
    size: usize,
) -> c_int {
    // SAFETY: the caller's duty.
    unsafe { placed(place, alignment, size) }
}

/// Resizes a block as `realloc` does.
///
/// # Safety
/// That of [`realloc`].
unsafe fn resized(block: *mut c_void, size: usize) -> *mut c_void {
    if size == 0 && !block.is_null() {
        // SAFETY: the caller's duty.
        unsafe { HEAP.free(block.cast()) };
        return ptr::null_mut();
    }
    // SAFETY: the caller's duty.
    or_no_memory(unsafe { HEAP.reallocate(block.cast(), size) }).cast()
}

/// Allocates as `posix_memalign` does.
///
/// # Safety
/// That of [`posix_memalign`].
unsafe fn placed(place: *mut *mut c_void, alignment: usize, size: usize) -> c_int {
    if !alignment.is_power_of_two() || alignment % size_of::<*mut c_void>() != 0 {
        return libc::EINVAL;
    }
    let block = HEAP.allocate_aligned(size, alignment);
    if block.is_null() {
        return libc::ENOMEM;
    }
    // SAFETY: the caller's duty.
    unsafe { place.write(block.cast()) };
    0
}

/// `aligned_alloc(alignment, size)`: the size need not be a multiple of the alignment.
#[unsafe(no_mangle)]
pub extern "C" fn aligned_alloc(alignment: usize, size: usize) -> *mut c_void {
    aligned(alignment, size)
}

/// Allocates as `aligned_alloc` does.
fn aligned(alignment: usize, size: usize) -> *mut c_void {
    if !alignment.is_power_of_two() {
        set_errno(libc::EINVAL);
        return ptr::null_mut();
    }
    or_no_memory(HEAP.allocate_aligned(size, alignment)).cast()
}

/// `memalign(alignment, size)`: an alignment that is no power of two is rounded up to one.
#[unsafe(no_mangle)]
pub extern "C" fn memalign(alignment: usize, size: usize) -> *mut c_void {
    at_power_of_two(alignment, size)
}

/// Allocates as `memalign` does.
fn at_power_of_two(alignment: usize, size: usize) -> *mut c_void {
    match alignment.max(ALIGN).checked_next_power_of_two() {
        Some(alignment) => aligned(alignment, size),
        None => {
            set_errno(libc::EINVAL);
            ptr::null_mut()
        }
    }
}

/// `valloc(size)`: at a page.
#[unsafe(no_mangle)]
pub extern "C" fn valloc(size: usize) -> *mut c_void {
    or_no_memory(HEAP.allocate_aligned(size, PAGE)).cast()
}

/// `pvalloc(size)`: whole pages.
#[unsafe(no_mangle)]
pub extern "C" fn pvalloc(size: usize) -> *mut c_void {
    whole_pages(size)
}

/// Allocates as `pvalloc` does.
fn whole_pages(size: usize) -> *mut c_void {
    match size.max(1).checked_next_multiple_of(PAGE) {
        Some(bytes) => or_no_memory(HEAP.allocate_aligned(bytes, PAGE)).cast(),
        None => or_no_memory(ptr::null_mut()).cast(),
    }
}

/// `malloc_usable_size(block)`: 0 for null and for what is not a block.
#[unsafe(no_mangle)]
pub extern "C" fn malloc_usable_size(block: *mut c_void) -> usize {
    HEAP.usable_size(block.cast()).unwrap_or(0)
}

/// Defines glibc's other names for these functions.
macro_rules! also {
    ($($name:ident($($argument:ident: $type:ty),*) -> $result:ty = $body:expr;)*) => {$(
        /// Another name of glibc for one of these functions.
        ///
        /// # Safety
        /// That of the function without `__libc_` or `__`; of `free` for `cfree`.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name($($argument: $type),*) -> $result {
            // SAFETY: the caller's duty.
            #[allow(unused_unsafe, reason = "of some of them")]
            unsafe { $body }
        }
    )*};
}

also! {
    __libc_malloc(size: usize) -> *mut c_void = or_no_memory(HEAP.allocate(size)).cast();
    __libc_calloc(count: usize, size: usize) -> *mut c_void =
        or_no_memory(HEAP.allocate_zeroed(count.saturating_mul(size))).cast();
    __libc_realloc(block: *mut c_void, size: usize) -> *mut c_void = resized(block, size);
    __libc_free(block: *mut c_void) -> () = HEAP.free(block.cast());
    __libc_memalign(alignment: usize, size: usize) -> *mut c_void =
        at_power_of_two(alignment, size);
    __libc_valloc(size: usize) -> *mut c_void =
        or_no_memory(HEAP.allocate_aligned(size, PAGE)).cast();
    __libc_pvalloc(size: usize) -> *mut c_void = whole_pages(size);
    __posix_memalign(place: *mut *mut c_void, alignment: usize, size: usize) -> c_int =
        placed(place, alignment, size);
    cfree(block: *mut c_void) -> () = HEAP.free(block.cast());
}
