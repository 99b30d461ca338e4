//! macOS, iOS and their kin: their clocks, and what `sysctl` tells.

use std::string::String;

#[cfg(not(loom))]
pub(super) use super::apple_wait::{wait_while, wake_one};
use super::sysctl::number_of_kernel;

pub(super) const CLOCK: libc::clockid_t = libc::CLOCK_UPTIME_RAW;
pub(super) const COARSE_CLOCK: libc::clockid_t = libc::CLOCK_UPTIME_RAW_APPROX;

/// Swap space grows as it is needed: it is not counted.
pub(super) fn memory_and_swap() -> Option<u64> {
    number_of_kernel(c"hw.memsize")
}

/// Apple has built no machine with several nodes that these systems run on.
pub(super) fn online_nodes() -> Option<String> {
    Some(String::from("0"))
}
