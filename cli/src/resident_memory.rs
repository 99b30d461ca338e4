//! The resident memory of the process, now and at its peak.
//!
//! Stands on `/proc/self` of Linux. Invariant: on other systems, and where `/proc` does not say,
//! there is no answer, never a wrong one.

#![forbid(unsafe_code)]

use std::fs;

/// How far current and peak may differ although nothing happened: the system counts pages in
/// batches per processor.
#[cfg(all(feature = "engine", target_os = "linux"))]
const SLACK: u64 = 1 << 20;

/// Bytes that are resident now.
#[cfg(all(any(feature = "engine", test), target_os = "linux"))]
pub(crate) fn current() -> Option<u64> {
    line("VmRSS:")
}

/// The most bytes that were ever resident, or since [`reset_peak`].
pub(crate) fn peak() -> Option<u64> {
    line("VmHWM:")
}

/// Makes [`peak`] count from now on; returns what is resident now, if that worked.
#[cfg(all(feature = "engine", target_os = "linux"))]
pub(crate) fn reset_peak() -> Option<u64> {
    // `man proc_pid_clear_refs`: 5 resets the high-water mark to what is resident.
    fs::write("/proc/self/clear_refs", "5").ok()?;
    let (current, peak) = (current()?, peak()?);
    (peak <= current + SLACK).then_some(current)
}

/// The number in a line such as `VmHWM:    1234 kB`, in bytes.
fn line(name: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_peak_covers_memory_that_was_touched() {
        let before = peak().unwrap();
        let touched = vec![1u8; 64 << 20];
        assert!(std::hint::black_box(&touched).iter().all(|&b| b == 1));
        assert!(current().unwrap() >= 64 << 20);
        assert!(peak().unwrap() >= before.max(64 << 20));
    }
}
