//! The resident memory of the process, now and at its peak, and of a range of addresses.
//!
//! Stands on `/proc/self` of Linux. Invariant: on other systems, and where `/proc` does not say,
//! there is no answer, never a wrong one.

#![forbid(unsafe_code)]

use std::{
    fs::{self, File},
    io::{Read, Seek, SeekFrom},
};

/// `man proc_pid_pagemap`: an entry of 8 bytes for each page, whose highest bit says that the page
/// is in memory.
const ENTRY: usize = 8;
const IN_MEMORY: u64 = 1 << 63;

/// `man getauxval`: the key of the bytes in a page.
const AT_PAGESZ: usize = 6;

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

/// The bytes of those pages that are resident, of the pages that have any of `bytes` bytes from
/// this address on.
pub(crate) fn of_range(address: usize, bytes: usize) -> Option<u64> {
    let page = page_size()?;
    let (first, end) = (address / page, address.checked_add(bytes)?.div_ceil(page));
    let mut entries = vec![0; (end - first).checked_mul(ENTRY)?];
    let mut pages = File::open("/proc/self/pagemap").ok()?;
    let start = SeekFrom::Start((first as u64).checked_mul(ENTRY as u64)?);
    pages.seek(start).ok()?;
    pages.read_exact(&mut entries).ok()?;
    let (entries, _) = entries.as_chunks::<ENTRY>();
    let in_memory = |entry: &&[u8; ENTRY]| u64::from_ne_bytes(**entry) & IN_MEMORY != 0;
    Some((entries.iter().filter(in_memory).count() * page) as u64)
}

fn page_size() -> Option<usize> {
    const WORD: usize = size_of::<usize>();
    let auxiliary = fs::read("/proc/self/auxv").ok()?;
    let (words, _) = auxiliary.as_chunks::<WORD>();
    let words: Vec<usize> = words
        .iter()
        .map(|&word| usize::from_ne_bytes(word))
        .collect();
    let mut pairs = words.chunks_exact(2);
    let size = pairs.find(|pair| pair[0] == AT_PAGESZ)?[1];
    size.is_power_of_two().then_some(size)
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

    #[test]
    fn pages_of_an_arena_are_resident_once_they_are_written() {
        let arena = orionrt::Arena::builder().capacity(1 << 20).build().unwrap();
        let resident = || of_range(arena.base().addr().get(), arena.capacity());
        assert_eq!(resident(), Some(0));
        let mut bytes: allocator_api2::vec::Vec<u8, _> = allocator_api2::vec::Vec::new_in(&arena);
        bytes.try_reserve_exact(300_000).unwrap();
        assert_eq!(resident(), Some(0));
        bytes.resize(300_000, 1);
        let resident = resident().unwrap();
        assert!((300_000..400_000).contains(&resident), "{resident}");
    }
}
