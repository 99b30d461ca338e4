//! What C's interface lacks, for programs that know this heap: statistics, giving memory back,
//! limits, heap profiles, and whose a block is. `include/orionrt/malloc.h` is made of this file by
//! cbindgen.
//!
//! It runs outside of the allocation functions. A field is only ever added at the end of a struct,
//! which says how large the caller knows it.

use core::{
    ffi::{CStr, c_char, c_void},
    ptr,
};

use crate::{environment::set_errno, heap::HEAP, profile::write_to};

/// "None" where a limit is told, and "no limit" where one is set: `SIZE_MAX`.
const NONE: usize = usize::MAX;

/// Counts and bytes of the heap at one moment. While other threads allocate, they may disagree with
/// each other by what those do meanwhile.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types, reason = "it is C's name")]
pub struct orionrt_heap_stats {
    /// The size of this struct in bytes, which you set: fields beyond it are left alone.
    pub size: usize,
    /// Allocations served since the start.
    pub allocations: u64,
    /// Allocations given back since the start.
    pub deallocations: u64,
    /// Allocations refused since the start.
    pub failures: u64,
    /// Bytes granted to live blocks.
    pub live_bytes: usize,
    /// Bytes granted to live blocks of more than 32 KiB; a part of `live_bytes`.
    pub large_bytes: usize,
    /// Bytes of free blocks in threads' caches and in transit between threads.
    pub cached_bytes: usize,
    /// Bytes of pages in use.
    pub used_bytes: usize,
    /// The most that `used_bytes` has been.
    pub peak_bytes: usize,
    /// Bytes that may be resident: pages in use, free ones that have not gone back to the system
    /// yet, and `metadata_bytes`.
    pub resident_bytes: usize,
    /// Bytes of the heap's own tables that may be resident.
    pub metadata_bytes: usize,
    /// Bytes that the system has made usable so far.
    pub committed_bytes: usize,
    /// Bytes of reserved address space.
    pub reserved_bytes: usize,
    /// The limit of `resident_bytes`; `SIZE_MAX` if there is none.
    pub limit_bytes: usize,
    /// The largest block that is served; `SIZE_MAX` if that is not limited.
    pub largest_block_bytes: usize,
    /// The most threads that used the heap at one time.
    pub thread_caches: usize,
}

/// Reads the statistics into `stats`, whose `size` is set. Returns whether that is large enough to
/// hold `size` itself.
///
/// # Safety
/// `stats` has as many bytes as its `size` says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_heap_read_stats(stats: *mut orionrt_heap_stats) -> bool {
    // SAFETY: the caller's duty.
    let size = unsafe { (*stats).size };
    if size < size_of::<usize>() {
        return false;
    }
    let read = read_stats(size);
    let known = size.min(size_of::<orionrt_heap_stats>());
    // SAFETY: the caller's struct has so many bytes, and so has this one.
    unsafe { ptr::copy_nonoverlapping((&raw const read).cast::<u8>(), stats.cast(), known) };
    true
}

fn read_stats(size: usize) -> orionrt_heap_stats {
    let stats = HEAP.stats();
    orionrt_heap_stats {
        size,
        allocations: stats.allocations,
        deallocations: stats.deallocations,
        failures: stats.failures,
        live_bytes: stats.live_bytes,
        large_bytes: stats.large_bytes,
        cached_bytes: stats.cached_bytes,
        used_bytes: stats.used_bytes,
        peak_bytes: stats.peak_bytes,
        resident_bytes: stats.resident_bytes,
        metadata_bytes: stats.metadata_bytes,
        committed_bytes: stats.committed_bytes,
        reserved_bytes: stats.reserved_bytes,
        limit_bytes: stats.limit_bytes.unwrap_or(NONE),
        largest_block_bytes: stats.largest_block_bytes.unwrap_or(NONE),
        thread_caches: stats.caches,
    }
}

/// Gives all free memory back to the system, and returns how many bytes that were. Other threads
/// give back what they have cached when they next need more.
#[unsafe(no_mangle)]
pub extern "C" fn orionrt_heap_purge() -> usize {
    HEAP.purge()
}

/// Limits the memory that may be resident, in bytes; `SIZE_MAX` lifts the limit. What is beyond it
/// is refused: `malloc` returns null. Free memory beyond it goes back to the system now, and what
/// is in use stays. Returns `false`, and changes nothing, if there is no memory for the heap.
#[unsafe(no_mangle)]
pub extern "C" fn orionrt_heap_set_limit(bytes: usize) -> bool {
    HEAP.set_limit(bytes)
}

/// Limits the size of a block, in bytes: at first it is the memory of the machine with its swap
/// space, and `SIZE_MAX` lifts it altogether. Blocks of up to 64 KiB are always served. Returns
/// `false`, and changes nothing, if there is no memory for the heap.
#[unsafe(no_mangle)]
pub extern "C" fn orionrt_heap_set_largest_block(bytes: usize) -> bool {
    HEAP.set_largest_block(bytes)
}

/// Whether an address lies in the memory of this heap. It is read, not dereferenced.
#[unsafe(no_mangle)]
pub extern "C" fn orionrt_heap_contains(address: *const c_void) -> bool {
    HEAP.contains(address.cast())
}

/// Writes a heap profile to a file, in pprof's format: what is live now, and all that has been
/// allocated, of the samples that `ORIONRT_PROFILE` has had taken since the program started. The
/// file is for its owner alone, and `path` is used as it is; a symbolic link is refused. Returns
/// whether that went well; if not, `errno` says why.
///
/// # Safety
/// `path` is null, which is refused, or a string that ends with a zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_heap_profile_write(path: *const c_char) -> bool {
    if path.is_null() {
        set_errno(libc::EINVAL);
        return false;
    }
    HEAP.prepare_profile();
    // SAFETY: the caller's duty.
    write_to(unsafe { CStr::from_ptr(path) })
}
