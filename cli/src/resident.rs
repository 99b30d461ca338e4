//! The memory that the process has resident, now and at most, as the operating system tells it.
//!
//! Stands on `/proc/self` of Linux. Invariant: where the system does not tell, there is no answer, never a wrong one.

#![forbid(unsafe_code)]

use std::fs;

/// What two numbers may differ by though nothing happened: the system counts pages in batches for each processor.
#[cfg(target_os = "linux")]
const SLACK: u64 = 1 << 20;

/// Bytes that are resident now.
#[cfg(target_os = "linux")]
pub(crate) fn now() -> Option<u64> {
    line("VmRSS:")
}

/// The most that was resident at any time, or since `restart`.
pub(crate) fn most() -> Option<u64> {
    line("VmHWM:")
}

/// Has [`most`] count from now on; returns what is resident now, if that worked.
#[cfg(target_os = "linux")]
pub(crate) fn restart() -> Option<u64> {
    // `man proc_pid_clear_refs`: 5 takes the high-water mark down to what is resident.
    fs::write("/proc/self/clear_refs", "5").ok()?;
    let (now, most) = (now()?, most()?);
    (most <= now + SLACK).then_some(now)
}

/// A line such as `VmHWM:    1234 kB`.
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
    fn the_peak_of_resident_memory_covers_what_was_touched() {
        let before = most().unwrap();
        let touched = vec![1u8; 64 << 20];
        assert!(std::hint::black_box(&touched).iter().all(|&b| b == 1));
        assert!(now().unwrap() >= 64 << 20);
        assert!(most().unwrap() >= before.max(64 << 20));
    }
}
