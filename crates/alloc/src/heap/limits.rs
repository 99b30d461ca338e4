//! The limits of a heap, and why it refuses a request.

#![forbid(unsafe_code)]

use orionrt_sys::machine;

use super::class::{MOST_SPAN_PAGES, PAGE};

/// No span of small objects is larger.
const LARGEST_SPAN: usize = MOST_SPAN_PAGES * PAGE;

/// The first zone has no more than this unless the program says so, in bytes.
const MOST_FIRST_ZONE: usize = if usize::BITS >= 64 {
    64 << 30
} else {
    256 << 20
};

/// No zone has less.
pub(crate) const LEAST_ZONE: usize = 1 << 20;

/// What a new block is rounded up by at most: to whole pages, and by a guard page. One that grows,
/// and whose colour takes a page more, is moved at the limit instead of extended.
const ROUNDING: usize = if cfg!(feature = "hardened") {
    2 * PAGE - 1
} else {
    PAGE - 1
};

/// How much a heap may have, in bytes; `usize::MAX` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Of memory that may be resident.
    pub(crate) resident: usize,
    /// Of address space.
    pub(crate) reserved: usize,
    /// In a single block.
    pub(crate) block: usize,
}

impl Limits {
    pub(crate) const NONE: Self = Self {
        resident: usize::MAX,
        reserved: usize::MAX,
        block: usize::MAX,
    };

    /// The largest block that is served where the program has not said: as much as there is memory
    /// and swap space in this machine.
    pub(crate) fn block_of_this_machine() -> usize {
        let bytes = machine::memory_and_swap().unwrap_or(u64::MAX);
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    /// The address space of a zone where the program has not said, in bytes: sized to the machine,
    /// and to what the process may have.
    pub(crate) fn zone_of_this_machine() -> usize {
        machine::reservation(MOST_FIRST_ZONE).max(LEAST_ZONE)
    }

    /// Whether a block of `bytes`, with what it is rounded up by, is too large. Spans of small
    /// objects never are.
    pub(super) fn is_too_large(&self, bytes: usize) -> bool {
        bytes > self.block.max(LARGEST_SPAN).saturating_add(ROUNDING)
    }
}

/// Why a request for pages is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// The system gives no memory.
    NoMemory,
    /// A block larger than a single one may be.
    TooLarge,
    /// So many pages more would be resident than may be.
    OverLimit { pages: usize },
    /// More address space would be reserved than may be.
    OverReserved,
}
