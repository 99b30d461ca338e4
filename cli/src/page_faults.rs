//! Page faults of the calling thread or of the process, as the operating system counts them.
//!
//! Stands on `nix` for the system call. Invariant: the count of a thread holds only that thread's
//! faults, so other threads do not disturb a measurement. Systems that do not count faults per
//! thread give no answer.

#![forbid(unsafe_code)]

use std::ops::Sub;

/// Faults since the thread or process began, or between two moments: `later - earlier`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PageFaults {
    /// Served from memory, typically on the first touch of a page.
    pub minor: u64,
    /// Served from a disk.
    pub major: u64,
}

impl PageFaults {
    /// The faults of this thread until now, if the system counts them.
    #[cfg(target_os = "linux")]
    pub fn of_this_thread() -> Option<Self> {
        Self::of(nix::sys::resource::UsageWho::RUSAGE_THREAD)
    }

    /// The faults of all threads of this process until now, if the system counts them.
    #[cfg(all(feature = "engine", target_os = "linux"))]
    pub fn of_this_process() -> Option<Self> {
        Self::of(nix::sys::resource::UsageWho::RUSAGE_SELF)
    }

    #[cfg(target_os = "linux")]
    fn of(who: nix::sys::resource::UsageWho) -> Option<Self> {
        let usage = nix::sys::resource::getrusage(who).ok()?;
        Some(Self {
            minor: usage.minor_page_faults().try_into().ok()?,
            major: usage.major_page_faults().try_into().ok()?,
        })
    }

    /// The faults of this thread until now, if the system counts them.
    #[cfg(not(target_os = "linux"))]
    pub fn of_this_thread() -> Option<Self> {
        None
    }

    /// Minor and major faults together.
    pub fn total(self) -> u64 {
        self.minor + self.major
    }
}

impl Sub for PageFaults {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            minor: self.minor.saturating_sub(earlier.minor),
            major: self.major.saturating_sub(earlier.major),
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// Many pages of any size.
    const BYTES: usize = 64 << 20;

    #[test]
    fn touching_fresh_memory_faults_more_than_touching_it_again() {
        let faults = || PageFaults::of_this_thread().unwrap();
        let mut memory: Vec<u8> = Vec::with_capacity(BYTES);
        let start = faults();
        memory.resize(BYTES, 1);
        let first = faults() - start;
        let again = faults();
        memory.fill(2);
        let second = faults() - again;
        assert!(first.minor > second.minor, "{first:?} {second:?}");
        assert_eq!(std::hint::black_box(&memory)[BYTES - 1], 2);
    }
}
