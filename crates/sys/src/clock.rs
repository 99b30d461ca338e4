//! Time that only grows, read without allocating.
//!
//! Not rustix: it looks for the kernel's fast path on first use, and may allocate for that.

use core::time::Duration;

/// Coarse, a few milliseconds, and cheap.
pub fn coarse() -> Duration {
    read(libc::CLOCK_MONOTONIC_COARSE)
}

/// To the nanosecond.
pub fn precise() -> Duration {
    read(libc::CLOCK_MONOTONIC)
}

fn read(clock: libc::clockid_t) -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the call writes to `time` alone. Refused, it leaves the clock at zero.
    let _ = unsafe { libc::clock_gettime(clock, &raw mut time) };
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}
