//! Invalid frees: the error that the heap returns for one, and the end of the process.
//!
//! The files of the heap return [`InvalidFree`] wherever a caller can pass it on. The global
//! allocator in front of them, and the few places without such a caller (in `spans.rs` and
//! `hardened.rs`), turn it into a fixed message and an abort: going on could hand out memory that
//! is in use, and unwinding out of a global allocator is undefined behaviour.
//!
//! `orionrt_buddy::InvalidFree`, the error of a buddy allocator, is another type: it can say which
//! offset and size were wrong, because its callers may format.

#![forbid(unsafe_code)]

use orionrt_sys::process;

/// The program freed or resized memory that is not allocated: a pointer that is not the start of a
/// live block, or a layout of another size class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidFree;

const MESSAGE: &str = "\
    orionrt: invalid free: the program freed or resized memory that is not a live block of this \
    allocator (freed twice, or with another layout)\n";

/// Writes why to standard error and ends the process, without allocating or unwinding.
///
/// Its type parameter makes it fit where a value is expected, as in
/// `outcome.unwrap_or_else(abort_invalid_free)`.
#[cold]
pub fn abort_invalid_free<T>(_: InvalidFree) -> T {
    process::abort_with(MESSAGE)
}
