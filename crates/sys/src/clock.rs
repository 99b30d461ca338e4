//! Time that never runs backwards, read without allocating.

#![forbid(unsafe_code)]

use core::time::Duration;

use crate::os::{Os, System};

/// The time since some fixed moment, exact to a few milliseconds, for the price of a few
/// instructions.
#[inline]
#[must_use]
pub fn coarse() -> Duration {
    Os::monotonic_coarse()
}

/// The time since some fixed moment, to the nanosecond.
///
/// ```
/// let start = orionrt_sys::clock::precise();
/// assert!(orionrt_sys::clock::precise() >= start);
/// ```
#[inline]
#[must_use]
pub fn precise() -> Duration {
    Os::monotonic()
}
