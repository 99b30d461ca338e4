//! The map of a zone: its reserved addresses, and side tables with an entry per page.
//!
//! Anyone may look up any address at any time without a lock: this is the heap's page map, as
//! tcmalloc and snmalloc call it. The tables lie outside of the memory that the program gets.
//!
//! ```text
//! data      │ page 0 │ page 1 │ page 2 │ page 3 │ …            spans and large blocks
//! kinds     │ c17    │ c17    │ large  │ none   │ …   1 byte   what a page's objects are
//! headers   │ header │ back 1 │ pages  │ -      │ …  64 bytes  of spans and large blocks
//! ```
//!
//! Invariant: a kind other than [`KIND_NONE`] belongs to a page that is in use; it changes only
//! before the page's first object is handed out and after its last has come back, so whoever holds
//! an object reads the kind of its page unchanged.

use core::{
    ops::Range,
    ptr::NonNull,
    sync::atomic::{AtomicU8, Ordering},
};

use super::{
    class::{CLASSES, PAGE},
    span::SpanHeader,
};
use crate::arena::HugePages;
use orionrt_sys::mapping::{self, MapError, Mapping, MoveError};

/// The kind of a page that is neither in a span nor the first one of a large block. (The kind of a
/// page in a span is that of its class, [`Class::kind`](super::class::Class::kind).)
pub(super) const KIND_NONE: u8 = 0;
/// The kind of a large block's first page.
pub(super) const KIND_LARGE: u8 = u8::MAX;
/// The kind of a page that is lost: it may not even be mapped, and must never be touched again.
pub(super) const KIND_LOST: u8 = KIND_LARGE - 1;
/// The bit that the kinds of an [`OwnedHeap`](super::owned::OwnedHeap)'s pages have besides.
pub(super) const KIND_OWNED: u8 = 0x80;
/// The kind of the first page of an owned heap's large block.
pub(super) const KIND_OWNED_LARGE: u8 = KIND_LOST - 1;
/// The kind of the first page of a small object that a profile has sampled.
pub(super) const KIND_SAMPLED: u8 = KIND_OWNED_LARGE - 1;
/// The kind of the first page of a small object of an owned heap that a profile has sampled.
pub(super) const KIND_OWNED_SAMPLED: u8 = KIND_SAMPLED - 1;
const _: () = assert!(CLASSES < (KIND_OWNED_SAMPLED & !KIND_OWNED) as usize);

/// The addresses of a zone, and the side tables of its pages.
#[derive(Debug)]
pub(crate) struct ZoneMap {
    base: NonNull<u8>,
    pages: usize,
    kinds: NonNull<AtomicU8>,
    headers: NonNull<SpanHeader>,
    data: Mapping,
    header_memory: Mapping,
    kind_memory: Mapping,
    huge_pages: HugePages,
}

// SAFETY: the pointers lead into mappings that the map owns; those belong to the process, not to a
// thread.
unsafe impl Send for ZoneMap {}
// SAFETY: kinds are atomic; headers are raw pointers to everyone but the holder of their class's
// lock; the mappings are used for system calls only, which the kernel serialises.
unsafe impl Sync for ZoneMap {}

impl ZoneMap {
    /// Reserves `bytes`, a power of two, at an address that is a multiple of `bytes` and of
    /// `align`, another power of two.
    pub(super) fn reserve(
        bytes: usize,
        align: usize,
        huge_pages: HugePages,
    ) -> Result<Self, MapError> {
        let pages = bytes / PAGE;
        let data = Mapping::reserve(bytes, bytes.max(align))?;
        let header_memory = Mapping::reserve(pages * size_of::<SpanHeader>(), 1)?;
        let kind_memory = Mapping::reserve(pages, 1)?;
        // The kind of any page may be read, even of one that was never used.
        // SAFETY: reserved just now, so nothing is committed.
        unsafe { kind_memory.commit_read_only(0..pages)? };
        Ok(Self {
            base: data.base(),
            pages,
            kinds: kind_memory.base().cast(),
            headers: header_memory.base().cast(),
            data,
            header_memory,
            kind_memory,
            huge_pages,
        })
    }

    /// The bytes of address space that so many pages take with their entries.
    pub(super) fn reserved_bytes(pages: usize) -> usize {
        let tables = [pages.saturating_mul(size_of::<SpanHeader>()), pages];
        tables
            .iter()
            .filter_map(|bytes| bytes.checked_next_multiple_of(mapping::PAGE))
            .fold(pages.saturating_mul(PAGE), usize::saturating_add)
    }

    /// The number of pages.
    pub(super) fn pages(&self) -> usize {
        self.pages
    }

    /// Whether offsets in this zone that are multiples of `align`, a power of two, are such
    /// addresses too. (A zone's size divides its lowest address, so where they are not, no address
    /// in the zone has this alignment.)
    #[inline]
    pub(super) fn is_aligned_to(&self, align: usize) -> bool {
        self.base.addr().get() & (align - 1) == 0
    }

    /// The lowest address.
    pub(super) fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// The kinds of all pages, one after another.
    pub(super) fn kinds(&self) -> NonNull<AtomicU8> {
        self.kinds
    }

    /// The page that contains an address, if it lies in this zone.
    #[inline]
    pub(super) fn page_of(&self, address: *const u8) -> Option<usize> {
        let page = address.addr().wrapping_sub(self.base.addr().get()) / PAGE;
        (page < self.pages).then_some(page)
    }

    /// The kind of a page.
    #[inline]
    pub(super) fn kind(&self, page: usize) -> u8 {
        self.kind_cell(page).load(Ordering::Relaxed)
    }

    fn kind_cell(&self, page: usize) -> &AtomicU8 {
        debug_assert!(page < self.pages);
        // SAFETY: one kind for each page, readable and owned by the map. Only those of committed
        // pages are ever written.
        unsafe { self.kinds.add(page).as_ref() }
    }

    /// Changes the kind of a committed page from `from` to `to`; `false` if it is not `from`.
    pub(super) fn replace_kind(&self, page: usize, from: u8, to: u8) -> bool {
        let cell = self.kind_cell(page);
        cell.compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }

    /// Sets the kind of pages that the caller owns.
    pub(super) fn set_kind(&self, pages: Range<usize>, kind: u8) {
        for page in pages {
            self.kind_cell(page).store(kind, Ordering::Relaxed);
        }
    }

    /// The header-table entry of a page.
    #[inline]
    pub(super) fn header(&self, page: usize) -> NonNull<SpanHeader> {
        debug_assert!(page < self.pages);
        // SAFETY: one entry for each page.
        unsafe { self.headers.add(page) }
    }

    /// The address of a page.
    #[inline]
    pub(super) fn start(&self, page: usize) -> NonNull<u8> {
        debug_assert!(page < self.pages);
        // SAFETY: inside the mapping.
        unsafe { self.base.add(page * PAGE) }
    }

    /// Makes pages and their entries in the side tables usable; `false` if the system refuses.
    pub(super) fn commit(&self, pages: Range<usize>) -> bool {
        let entry = size_of::<SpanHeader>();
        let entries = pages.start * entry..pages.end * entry;
        let done = self.kind_memory.commit(pages.clone()).is_ok()
            && self.header_memory.commit(entries).is_ok()
            && self.data.commit(bytes(pages.clone())).is_ok();
        // This is only advice; a kernel without huge pages refuses it.
        let _ = match self.huge_pages {
            HugePages::Always => self.data.advise_huge(bytes(pages)),
            HugePages::Off => self.data.advise_nohuge(bytes(pages)),
            HugePages::OnRequest => Ok(()),
        };
        done
    }

    /// Makes pages inaccessible, or usable again.
    ///
    /// # Safety
    /// The pages belong to the caller, and nobody touches them meanwhile.
    #[cfg(feature = "hardened")]
    pub(super) unsafe fn protect(&self, pages: Range<usize>, usable: bool) -> Result<(), MapError> {
        // SAFETY: the caller's duty, passed on.
        unsafe { self.data.protect(bytes(pages), usable) }
    }

    /// Gives the memory of `pages` back to the system, and that of the header entries of `held`
    /// where these fill whole pages of the system. All of it reads as zeros afterwards.
    ///
    /// # Safety
    /// All of these pages are out of circulation: neither free in the buddy allocator nor in
    /// anyone's hands.
    pub(super) unsafe fn discard(
        &self,
        pages: Range<usize>,
        held: Range<usize>,
    ) -> Result<(), MapError> {
        // SAFETY: the entries of pages in no span are nobody's; `discard` rounds inwards, so it
        // reaches entries of these pages only.
        unsafe { self.header_memory.discard(self.header_bytes(held))? };
        // SAFETY: the caller's duty, passed on.
        unsafe { self.zero(pages) }
    }

    /// The bytes of the header table that hold the entries of `pages`, and where these are the last
    /// ones of the zone, the rest of the table: its last page may have room for more.
    fn header_bytes(&self, pages: Range<usize>) -> Range<usize> {
        let entry = size_of::<SpanHeader>();
        let end = if pages.end == self.pages {
            self.header_memory.len()
        } else {
            pages.end * entry
        };
        pages.start * entry..end
    }

    /// Gives the memory of the header entries of `pages` back to the system, and that of their
    /// kinds too if `kinds` says so, where they fill whole pages of the system; `false` if it
    /// refuses. All of them read as zeros afterwards, as they did before.
    ///
    /// # Safety
    /// All of these pages are out of circulation. Kinds are not discarded where discarding writes.
    pub(super) unsafe fn discard_entries(&self, pages: Range<usize>, kinds: bool) -> bool {
        let entries = self.header_bytes(pages.clone());
        // The last page of kinds may have room for more pages than there are.
        let kinds_end = if pages.end == self.pages {
            self.kind_memory.len()
        } else {
            pages.end
        };
        // SAFETY: the entries of pages in no span are nobody's, and their kinds are zero, which a
        // discarded one is too; `discard` rounds inwards, so it reaches entries of these pages
        // only.
        unsafe {
            self.header_memory.discard(entries).is_ok()
                && (!kinds || self.kind_memory.discard(pages.start..kinds_end).is_ok())
        }
    }

    /// Gives the memory of `pages` back to the system. They read as zeros afterwards.
    ///
    /// # Safety
    /// The pages are committed and the caller's, who gives up their contents. Where discarding
    /// writes, they are accessible.
    pub(super) unsafe fn zero(&self, pages: Range<usize>) -> Result<(), MapError> {
        // SAFETY: the caller's duty, passed on.
        unsafe { self.data.discard(bytes(pages.clone())) }?;
        let page = mapping::page_size();
        if page > PAGE {
            // SAFETY: as above.
            unsafe { self.clear_edges(bytes(pages), page) };
        }
        Ok(())
    }

    /// Zeroes the ends of a range that a discard leaves out where the system's pages, of `page`
    /// bytes, are larger than the heap's.
    ///
    /// # Safety
    /// The bytes are committed and the caller's.
    unsafe fn clear_edges(&self, range: Range<usize>, page: usize) {
        let head_end = range.start.next_multiple_of(page).min(range.end);
        let tail_start = (range.end & !(page - 1)).max(head_end);
        for edge in [range.start..head_end, tail_start..range.end] {
            // SAFETY: within the caller's range.
            unsafe { self.base.add(edge.start).write_bytes(0, edge.len()) };
        }
    }

    /// Moves the memory of `from` to the pages from `to` on, without copying. `from` reads as zeros
    /// afterwards.
    ///
    /// # Safety
    /// Both runs belong to the caller, are committed and do not overlap.
    pub(super) unsafe fn remap(&self, from: Range<usize>, to: usize) -> Result<(), MoveError> {
        // SAFETY: the caller's duty, passed on.
        unsafe { self.data.remap(bytes(from), to * PAGE) }
    }
}

fn bytes(pages: Range<usize>) -> Range<usize> {
    pages.start * PAGE..pages.end * PAGE
}
