//! Page sizes, and rounding to them.

#![forbid(unsafe_code)]

use core::ops::Range;

/// A multiple of every page size that the target can run with. It is a constant because asking the
/// system may allocate, and the global allocator needs it.
///
/// 4 KiB on x86, and on Windows everywhere; 16 KiB on Apple's processors. Of other processors some
/// have pages of 4, 16 or 64 KiB, as the kernel was built: there it is 64 KiB.
pub const PAGE: usize = if cfg!(any(target_arch = "x86_64", target_arch = "x86", windows)) {
    4096
} else if cfg!(target_vendor = "apple") {
    16384
} else {
    65536
};

/// The size of a huge page in bytes, where the processor has pages of 4 KiB.
pub const HUGE_PAGE: usize = 2 << 20;

/// `bytes` rounded up to whole pages; `None` when that exceeds `usize`.
#[must_use]
pub fn round_up(bytes: usize) -> Option<usize> {
    bytes.checked_next_multiple_of(PAGE)
}

/// The whole pages of `page` bytes inside a range.
pub(crate) fn inner_pages(range: Range<usize>, page: usize) -> Range<usize> {
    let start = range.start.next_multiple_of(page);
    start..(range.end & !(page - 1)).max(start)
}
