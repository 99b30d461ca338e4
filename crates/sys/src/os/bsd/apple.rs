//! macOS, iOS and their kin: giving memory back, their clocks, and what `sysctl` tells.

use std::string::String;

use rustix::mm::ProtFlags;

#[cfg(not(loom))]
pub(super) use super::apple_wait::{wait_while, wake_one};
use super::sysctl::number_of_kernel;
use crate::os::{OsError, Pages, faults::Call, posix};

pub(super) const CLOCK: libc::clockid_t = libc::CLOCK_UPTIME_RAW;
pub(super) const COARSE_CLOCK: libc::clockid_t = libc::CLOCK_UPTIME_RAW_APPROX;

/// # Safety
/// That of [`System::discard`](crate::os::System::discard).
pub(super) unsafe fn discard(pages: Pages) -> Result<(), OsError> {
    let access = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: the caller's duty: nobody relies on the contents.
    unsafe { posix::replace(Call::Discard, pages, access) }
}

/// Swap space grows as it is needed: it is not counted.
pub(super) fn memory_and_swap() -> Option<u64> {
    number_of_kernel(c"hw.memsize")
}

/// Apple has built no machine with several nodes that these systems run on.
pub(super) fn online_nodes() -> Option<String> {
    Some(String::from("0"))
}
