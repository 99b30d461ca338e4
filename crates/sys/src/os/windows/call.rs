//! Calls of Windows that it may refuse.
//!
//! Invariant: unless faults are injected, [`ask`] is the call alone.

use core::ffi::c_void;

use windows_sys::{Win32::Foundation::GetLastError, core::BOOL};

use crate::os::{OsError, Pages, faults, faults::Call};

/// Makes one call that the system may refuse, by returning 0. Unless faults are injected, this is
/// the call alone.
#[inline(always)]
pub(super) fn ask(call: Call, make: impl FnOnce() -> BOOL) -> Result<(), OsError> {
    faults::pass(call)?;
    match make() {
        0 => Err(last_error()),
        _ => Ok(()),
    }
}

/// Why the last call was refused.
#[cold]
pub(super) fn last_error() -> OsError {
    // SAFETY: the thread's own error number, which always exists.
    OsError::Code(unsafe { GetLastError() } as i32)
}

pub(super) fn at(pages: Pages) -> *mut c_void {
    pages.start.as_ptr().cast()
}
