//! Calls of the kernel that it may refuse, and how address space is mapped that has no memory yet.
//!
//! Invariant: unless faults are injected, [`ask`] is the call alone.

use rustix::mm::MapFlags;

use crate::os::{OsError, faults, faults::Call};

/// How address space is mapped that has no memory yet.
#[cfg(not(target_os = "freebsd"))]
pub(crate) const UNCOMMITTED: MapFlags = MapFlags::PRIVATE.union(MapFlags::NORESERVE);
/// How address space is mapped that has no memory yet. The system reserves no swap space for it.
#[cfg(target_os = "freebsd")]
pub(crate) const UNCOMMITTED: MapFlags = MapFlags::PRIVATE;

/// Asks for exactly the address given, where nothing is mapped. Kernels of Linux before 4.17 take
/// the address for a hint, so the caller looks at what it got.
#[cfg(target_os = "linux")]
pub(crate) const FIXED_NOREPLACE: MapFlags = MapFlags::FIXED_NOREPLACE;
/// Asks for exactly the address given, where nothing is mapped.
#[cfg(target_os = "freebsd")]
pub(crate) const FIXED_NOREPLACE: MapFlags =
    MapFlags::from_bits_retain((libc::MAP_FIXED | libc::MAP_EXCL) as u32);
/// Apple's systems take the address for a hint, which they follow where nothing is mapped; the
/// caller looks at what it got.
#[cfg(target_vendor = "apple")]
pub(crate) const FIXED_NOREPLACE: MapFlags = MapFlags::empty();

/// Makes one call that the kernel may refuse. Unless faults are injected, this is the call alone.
#[inline(always)]
pub(crate) fn ask<T>(
    call: Call,
    make: impl FnOnce() -> rustix::io::Result<T>,
) -> Result<T, OsError> {
    faults::pass(call)?;
    make().map_err(|errno| OsError::Code(errno.raw_os_error()))
}
