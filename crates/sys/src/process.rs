//! Ending the process with a message, and taking part in `fork`.
//!
//! Nothing here allocates, formats or unwinds: a global allocator calls it while it holds its
//! locks.

#![forbid(unsafe_code)]

use crate::os::{Os, System};

/// The longest message, in bytes.
const MOST_MESSAGE: usize = 512;

/// Writes a message, given in parts, to standard error and aborts the process. What is beyond 512
/// bytes is cut off.
#[cold]
pub fn abort_with(message: &[&str]) -> ! {
    warn(message);
    std::process::abort()
}

/// Writes a message, given in parts, to standard error, at once, so that those of several threads
/// do not mix. What is beyond 512 bytes is cut off.
#[cold]
pub fn warn(message: &[&str]) {
    let mut line = [0; MOST_MESSAGE];
    let mut len = 0;
    for part in message.iter().map(|part| part.as_bytes()) {
        let part = &part[..part.len().min(MOST_MESSAGE - len)];
        line[len..len + part.len()].copy_from_slice(part);
        len += part.len();
    }
    Os::write_to_stderr(&line[..len]);
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
