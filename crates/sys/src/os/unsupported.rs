//! A system that OrionRT does not support yet: it offers no memory, and says so.
//!
//! Time and messages come from std, so that whatever needs only those works everywhere.

#[cfg(not(loom))]
use core::sync::atomic::AtomicU32;
use core::{ffi::c_void, ptr::NonNull, time::Duration};
use std::{io::Write, sync::OnceLock, time::Instant};

use super::{OsError, Pages, System};

/// The implementation of [`System`] for a system without one.
pub(crate) struct Unsupported;

impl System for Unsupported {
    const MISSING: &'static [i32] = &[];
    const NO_MEMORY: &'static [i32] = &[];

    fn reserve(_len: usize, _align: usize) -> Result<NonNull<u8>, OsError> {
        Err(OsError::Unsupported)
    }

    unsafe fn release(_pages: Pages) {}

    unsafe fn commit(_pages: Pages) -> Result<(), OsError> {
        Err(OsError::Unsupported)
    }

    unsafe fn commit_read_only(_pages: Pages) -> Result<(), OsError> {
        Err(OsError::Unsupported)
    }

    unsafe fn decommit(_pages: Pages) -> Result<(), OsError> {
        Err(OsError::Unsupported)
    }

    unsafe fn discard(_pages: Pages) -> Result<(), OsError> {
        Err(OsError::Unsupported)
    }

    unsafe fn protect(_pages: Pages, _accessible: bool) -> Result<(), OsError> {
        Err(OsError::Unsupported)
    }

    #[cfg(not(loom))]
    fn wait_while(_word: &AtomicU32, _value: u32, _timeout: Option<Duration>) -> bool {
        false
    }

    #[cfg(not(loom))]
    fn wake_one(_word: &AtomicU32) {}

    fn monotonic() -> Duration {
        static START: OnceLock<Instant> = OnceLock::new();
        START.get_or_init(Instant::now).elapsed()
    }

    fn write_to_stderr(message: &[u8]) {
        let _ = std::io::stderr().write(message);
    }

    /// The system may have `fork`, and nothing can be registered for it.
    fn at_fork(
        _before: Option<extern "C" fn()>,
        _in_parent: Option<extern "C" fn()>,
        _in_child: Option<extern "C" fn()>,
    ) -> bool {
        false
    }

    fn new_thread_key(_run: extern "C" fn(*mut c_void)) -> Option<u32> {
        None
    }

    fn delete_thread_key(_key: u32) {}

    fn set_thread_key(_key: u32, _run: extern "C" fn(*mut c_void)) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_for_memory_says_that_the_system_is_not_supported() {
        let error = Unsupported::reserve(1 << 16, 1 << 16).unwrap_err();
        assert_eq!(error, OsError::Unsupported);
        let text = std::format!("{error}");
        assert!(text.starts_with("not supported on") && text.contains(std::env::consts::OS));
    }

    #[test]
    fn its_clock_never_runs_backwards() {
        let (first, second) = (Unsupported::monotonic(), Unsupported::monotonic_coarse());
        assert!(first <= second);
    }
}
