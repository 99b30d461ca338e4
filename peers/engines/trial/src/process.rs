//! CPU time, page faults and resident memory of this process.
//!
//! Stands on `/proc/self` and `libc`. Invariant: a figure covers all threads.

use std::{fs, io, mem::MaybeUninit};

/// Nanoseconds of CPU time that all threads have used.
pub(crate) fn cpu_ns() -> u64 {
    let mut time = MaybeUninit::uninit();
    // SAFETY: `time` is valid for writes.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, time.as_mut_ptr()) };
    assert_eq!(status, 0, "Linux has the clock");
    // SAFETY: written by the call.
    let time = unsafe { time.assume_init() };
    (time.tv_sec as u64) * 1_000_000_000 + time.tv_nsec as u64
}

/// Page faults of all threads so far.
pub(crate) fn faults() -> u64 {
    let mut usage = MaybeUninit::uninit();
    // SAFETY: `usage` is valid for writes.
    let status = unsafe { libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()) };
    assert_eq!(status, 0, "no argument is wrong");
    // SAFETY: written by the call.
    let usage = unsafe { usage.assume_init() };
    (usage.ru_minflt + usage.ru_majflt) as u64
}

/// Resident bytes now.
pub(crate) fn resident() -> io::Result<u64> {
    status("VmRSS:")
}

/// The most bytes that were resident since [`reset_peak`].
pub(crate) fn peak() -> io::Result<u64> {
    status("VmHWM:")
}

/// Makes [`peak`] count from now on.
pub(crate) fn reset_peak() -> io::Result<()> {
    // `man proc_pid_clear_refs`: 5 resets the high-water mark to what is resident.
    fs::write("/proc/self/clear_refs", "5")
}

/// Makes the program's code and constants resident, so that no later figure depends on which of
/// them the first call happens to touch.
pub(crate) fn populate_code() -> io::Result<()> {
    for line in fs::read_to_string("/proc/self/maps")?.lines() {
        let mut fields = line.split_whitespace();
        let (range, rights) = (fields.next(), fields.next());
        let is_file = fields.nth(3).is_some_and(|path| path.starts_with('/'));
        let bounds = range.and_then(|range| range.split_once('-'));
        let (Some((start, end)), Some("r-xp" | "r--p"), true) = (bounds, rights, is_file) else {
            continue;
        };
        let parse = |text| usize::from_str_radix(text, 16).map_err(io::Error::other);
        let (start, end) = (parse(start)?, parse(end)?);
        // SAFETY: it only reads pages that are mapped already, and fails where they are not.
        unsafe {
            libc::madvise(
                std::ptr::without_provenance_mut(start),
                end - start,
                libc::MADV_POPULATE_READ,
            )
        };
    }
    Ok(())
}

/// A line such as `VmHWM:    1234 kB` in bytes.
fn status(name: &str) -> io::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kib.map(|kib| kib * 1024)
        .ok_or_else(|| io::Error::other(format!("/proc/self/status has no {name}")))
}
