//! What a library asks of its process: to end it with a message, and to be told of `fork`.
//!
//! Nothing here allocates, formats or unwinds: a global allocator calls it with its locks taken.

/// Writes `message` to standard error and aborts the process.
#[cold]
pub fn abort_with(message: &'static str) -> ! {
    let _ = rustix::io::write(rustix::stdio::stderr(), message.as_bytes());
    std::process::abort()
}

/// Registers functions that `fork` calls in the forking thread: `before` the fork, then one in the
/// parent and one in the child. Returns whether there was memory for that. A function that is
/// registered twice is called twice.
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
    let unsafe_fn = |f: Option<extern "C" fn()>| f.map(|f| f as unsafe extern "C" fn());
    let [before, in_parent, in_child] = [before, in_parent, in_child].map(unsafe_fn);
    // SAFETY: functions are valid for ever, and safe to call at any time by their types.
    unsafe { libc::pthread_atfork(before, in_parent, in_child) == 0 }
}
