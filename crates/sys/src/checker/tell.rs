//! The calls, each passed on to the checkers that the crate is built for.

use core::ptr::NonNull;

#[cfg(orionrt_asan)]
use super::asan;
#[cfg(feature = "valgrind")]
use super::valgrind;

/// Whether there is a checker to tell: whether the crate is built with the feature `valgrind`, for
/// a processor whose requests are known, or with `asan`, for a target with the address sanitizer.
#[cfg(feature = "valgrind")]
pub const IS_ON: bool = valgrind::IS_SUPPORTED || cfg!(orionrt_asan);
/// Whether there is a checker to tell: whether the crate is built with the feature `valgrind`, for
/// a processor whose requests are known, or with `asan`, for a target with the address sanitizer.
#[cfg(not(feature = "valgrind"))]
pub const IS_ON: bool = cfg!(orionrt_asan);

/// Bytes are a block of the program now. What it does not write is not defined.
#[inline(always)]
pub fn allocated(_start: NonNull<u8>, _bytes: usize) {
    #[cfg(feature = "valgrind")]
    valgrind::allocated(_start, _bytes);
    #[cfg(orionrt_asan)]
    asan::unpoison(_start, _bytes);
}

/// A block that was [`allocated`] is the allocator's again.
#[inline(always)]
pub fn freed(_start: NonNull<u8>, _bytes: usize) {
    #[cfg(feature = "valgrind")]
    valgrind::freed(_start);
    #[cfg(orionrt_asan)]
    asan::freed(_start, _bytes);
}

/// A block that was [`allocated`] has another size, at the same address.
#[inline(always)]
pub fn resized(_start: NonNull<u8>, _old: usize, _new: usize) {
    #[cfg(feature = "valgrind")]
    valgrind::resized(_start, _old, _new);
    #[cfg(orionrt_asan)]
    poison_tail(_start, _old, _new);
}

/// Nobody may touch these bytes.
#[inline(always)]
pub fn no_access(_start: NonNull<u8>, _bytes: usize) {
    #[cfg(feature = "valgrind")]
    valgrind::no_access(_start, _bytes);
    #[cfg(orionrt_asan)]
    asan::poison(_start, _bytes);
}

/// Bytes may be written, and then read.
#[inline(always)]
pub fn undefined(_start: NonNull<u8>, _bytes: usize) {
    #[cfg(feature = "valgrind")]
    valgrind::undefined(_start, _bytes);
    #[cfg(orionrt_asan)]
    asan::unpoison(_start, _bytes);
}

/// Bytes may be read and written.
#[inline(always)]
pub fn defined(_start: NonNull<u8>, _bytes: usize) {
    #[cfg(feature = "valgrind")]
    valgrind::defined(_start, _bytes);
    #[cfg(orionrt_asan)]
    asan::unpoison(_start, _bytes);
}

/// Bytes are about to be unmapped, or have been: whoever gets the addresses next begins anew.
#[inline(always)]
pub fn gone(_start: NonNull<u8>, _bytes: usize) {
    #[cfg(feature = "valgrind")]
    valgrind::no_access(_start, _bytes);
    #[cfg(orionrt_asan)]
    asan::unpoison(_start, _bytes);
}

/// The address stands for a pool from now on: blocks that are all given up when it is closed. It
/// need not be one of the pool's bytes.
#[inline(always)]
pub fn pool_opened(_pool: NonNull<u8>) {
    #[cfg(feature = "valgrind")]
    valgrind::pool_opened(_pool);
}

/// The pool's blocks are given up, and nobody may touch them. (To the sanitizer, blocks are bytes
/// like others: whoever closes a pool also says what becomes of its bytes.)
#[inline(always)]
pub fn pool_closed(_pool: NonNull<u8>) {
    #[cfg(feature = "valgrind")]
    valgrind::pool_closed(_pool);
}

/// As [`allocated`], of a pool.
#[inline(always)]
pub fn pool_allocated(_pool: NonNull<u8>, _start: NonNull<u8>, _bytes: usize) {
    #[cfg(feature = "valgrind")]
    valgrind::pool_allocated(_pool, _start, _bytes);
    #[cfg(orionrt_asan)]
    asan::unpoison(_start, _bytes);
}

/// As [`freed`], of a pool.
#[inline(always)]
pub fn pool_freed(_pool: NonNull<u8>, _start: NonNull<u8>, _bytes: usize) {
    #[cfg(feature = "valgrind")]
    valgrind::pool_freed(_pool, _start);
    #[cfg(orionrt_asan)]
    asan::freed(_start, _bytes);
}

/// As [`resized`], of a pool.
#[inline(always)]
pub fn pool_resized(_pool: NonNull<u8>, _start: NonNull<u8>, _old: usize, _new: usize) {
    #[cfg(feature = "valgrind")]
    valgrind::pool_resized(_pool, _start, _old, _new);
    #[cfg(orionrt_asan)]
    poison_tail(_start, _old, _new);
}

#[cfg(orionrt_asan)]
fn poison_tail(start: NonNull<u8>, old: usize, new: usize) {
    asan::unpoison(start, new);
    // SAFETY: within the block as it was.
    asan::poison(unsafe { start.add(new.min(old)) }, old.saturating_sub(new));
}

/// The form in which an allocator keeps a pointer to a block in its own tables, and back. Where a
/// checker searches for leaks, that is not the block's address, so that a block is not taken for
/// one that the program still knows. Null stays null.
#[inline(always)]
#[must_use]
pub fn hidden(pointer: *mut u8) -> *mut u8 {
    if cfg!(feature = "valgrind") && !pointer.is_null() {
        pointer.map_addr(|address| !address)
    } else {
        pointer
    }
}

/// A mapping was made.
#[cfg(feature = "std")]
#[inline(always)]
pub(crate) fn mapped(_start: NonNull<u8>, _bytes: usize) {
    #[cfg(orionrt_asan)]
    asan::mapped(_start, _bytes);
}

/// A mapping is about to be unmapped.
#[cfg(feature = "std")]
#[inline(always)]
pub(crate) fn unmapped(_start: NonNull<u8>, _bytes: usize) {
    #[cfg(orionrt_asan)]
    asan::unmapped(_start, _bytes);
}
