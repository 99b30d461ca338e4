//! Calls of the kernel that it may refuse.
//!
//! Invariant: unless faults are injected, [`ask`] is the call alone.

use rustix::{io::Errno, mm::MapFlags};

use crate::os::{OsError, faults, faults::Call};

/// How address space is mapped that has no memory yet.
pub(super) const UNCOMMITTED: MapFlags = MapFlags::PRIVATE.union(MapFlags::NORESERVE);

/// Makes one call that the kernel may refuse. Unless faults are injected, this is the call alone.
#[inline(always)]
pub(super) fn ask<T>(
    call: Call,
    make: impl FnOnce() -> rustix::io::Result<T>,
) -> Result<T, OsError> {
    faults::pass(call)?;
    make().map_err(|errno| OsError::Code(errno.raw_os_error()))
}

/// Why the last call through `libc` was refused.
pub(super) fn last_error() -> Errno {
    // SAFETY: the thread's own error number, which always exists.
    Errno::from_raw_os_error(unsafe { *libc::__errno_location() })
}
