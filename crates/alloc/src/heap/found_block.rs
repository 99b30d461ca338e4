//! Blocks found by their address alone, for owners that do not remember layouts, as in C.
//!
//! Rust hands a block's layout back with it. C's `free` and `realloc` do not: there the side tables
//! say what lies at an address. The kind of its page is that of a class or of large blocks, and the
//! entry of a large block has the number of its pages.
//!
//! Invariant: a block that was allocated with any layout may be given back with the
//! [`usable`](FoundBlock::usable) size that is found for it, because its class, or its number of
//! pages, follow from that size, too.

use core::{alloc::Layout, ptr::NonNull};

use super::{
    cache::Cache,
    class::{Class, LARGEST, PAGE},
    colour::colour_at,
    heap::Heap,
    invalid_free::InvalidFree,
    large::GUARD_PAGES,
    span::SpanHeader,
    zone_map::KIND_LARGE,
};

/// A live block that starts at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FoundBlock {
    /// An object of this class, unless the address is in the middle of one: that is not looked at.
    Small(Class),
    /// A large block with so many bytes.
    Large(usize),
}

impl FoundBlock {
    /// The bytes that the program may use.
    pub(crate) fn usable(self) -> usize {
        match self {
            Self::Small(class) => class.size(),
            Self::Large(bytes) => bytes,
        }
    }

    /// Whether the block may stay as it is when its owner wants so many bytes: as a small one, if
    /// half of it stays in use; as a large one, if it keeps its pages.
    pub(crate) fn keeps(self, bytes: usize) -> bool {
        let least = match self {
            Self::Small(class) => class.size() / 2 + 1,
            Self::Large(usable) => (usable + 1).saturating_sub(PAGE).max(LARGEST + 1),
        };
        (least..=self.usable()).contains(&bytes)
    }

    /// The layout with which it can be resized and given back.
    pub(crate) fn layout(self) -> Layout {
        // SAFETY: the size of memory that there is, and an alignment that does not round it up.
        unsafe { Layout::from_size_align_unchecked(self.usable(), 1) }
    }
}

impl Heap {
    /// The block of this heap, but not of its owned heaps, that starts at an address.
    pub(crate) fn find_block(&'static self, start: *mut u8) -> Result<FoundBlock, InvalidFree> {
        let invalid = InvalidFree::at(start);
        let (map, page) = self.registry.find(start).ok_or(invalid)?;
        let kind = map.kind(page);
        if let Some(class) = Class::of_kind(kind) {
            return Ok(FoundBlock::Small(class));
        }
        #[cfg(feature = "profile")]
        if let Some(class) = Self::sampled_class_in((map, page), start) {
            return Ok(FoundBlock::Small(class));
        }
        if kind != KIND_LARGE {
            return Err(invalid);
        }
        let (entry, colour) = (map.header(page), colour_at(start));
        // SAFETY: the entry of a page of this kind holds its block's number of pages and its
        // colour, and is not written before the block is given up (invariant of `large.rs`).
        let (pages, is_start) = unsafe {
            (
                SpanHeader::large_pages(entry),
                SpanHeader::colour(entry) == colour,
            )
        };
        is_start
            .then_some(FoundBlock::Large((pages - GUARD_PAGES) * PAGE - colour))
            .ok_or(invalid)
    }
}

impl Cache {
    /// Allocates an object, if there is one; what was asked for is not counted.
    #[inline(always)]
    pub(crate) fn pop_uncounted(&self, class: Class) -> Option<NonNull<u8>> {
        self.bin(class).pop()
    }

    /// Frees an object whose class is that of its page; `false` if the bin is full, or if the page
    /// is not one of a span in the heap's first zone.
    #[inline(always)]
    pub(crate) fn push_found(&self, object: *mut u8) -> bool {
        self.class_at(object)
            .is_some_and(|class| self.bin(class).push(object))
    }
}
