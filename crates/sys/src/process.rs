//! Ending the process with a message, and taking part in `fork`.
//!
//! Nothing here allocates, formats or unwinds: a global allocator calls it while it holds its
//! locks.

#![forbid(unsafe_code)]

use crate::os::{Os, System};

/// Writes `message` to standard error and aborts the process.
#[cold]
pub fn abort_with(message: &'static str) -> ! {
    Os::write_to_stderr(message.as_bytes());
    std::process::abort()
}

/// Registers functions that `fork` calls in the forking thread: `before` the fork, then one in the
/// parent and one in the child. Returns whether that succeeded: there may be no memory for it, or
/// no support for this operating system. A function that is registered twice is called twice.
///
/// ```
/// extern "C" fn in_child() {}
/// assert!(orionrt_sys::process::at_fork(None, None, Some(in_child)));
/// ```
#[must_use]
pub fn at_fork(
    before: Option<extern "C" fn()>,
    in_parent: Option<extern "C" fn()>,
    in_child: Option<extern "C" fn()>,
) -> bool {
    Os::at_fork(before, in_parent, in_child)
}
