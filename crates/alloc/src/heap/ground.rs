//! The ground of a zone: its reserved addresses and side tables, readable by anyone at any time without a lock.
//!
//! ```text
//! data      │ page 0 │ page 1 │ page 2 │ page 3 │ …           spans and large blocks
//! kinds     │ c17    │ c17    │ large  │ -      │ …  1 byte   what a page's objects are
//! headers   │ header │ back 1 │ pages  │ -      │ … 64 bytes  of spans and large blocks
//! ```
//!
//! [`Territory`] is the list of all grounds of a heap: it only grows, so it is read without a lock too.
//!
//! Invariants:
//! - a ground is never unmapped once it is in a territory;
//! - a kind other than [`FREE`] belongs to a page that is taken; it changes only before its first object is handed
//!   out and after the last has come back, so whoever holds an object reads the kind of its page unchanged.

use core::{
    cell::UnsafeCell,
    mem::MaybeUninit,
    ops::Range,
    ptr::NonNull,
    sync::atomic::{AtomicU8, AtomicUsize, Ordering},
};

use super::{
    class::{CLASSES, Class, PAGE},
    span::SpanHeader,
};
use crate::arena::HugePages;
use orionrt_sys::mapping::{self, MapError, Mapping};

/// The kind of a page in no span and at no large block's start.
pub(super) const FREE: u8 = 0;
/// The kind of a large block's first page.
pub(super) const LARGE: u8 = u8::MAX;
const _: () = assert!(CLASSES < LARGE as usize);

/// The kind of a page in a span of this class.
#[inline(always)]
pub(super) fn kind_of(class: Class) -> u8 {
    class.kind()
}

/// Where a zone lies, and the tables of its pages.
#[derive(Debug)]
pub(crate) struct Ground {
    base: NonNull<u8>,
    pages: usize,
    kinds: NonNull<AtomicU8>,
    headers: NonNull<SpanHeader>,
    data: Mapping,
    header_memory: Mapping,
    kind_memory: Mapping,
    huge_pages: HugePages,
}

// SAFETY: the pointers lead into mappings that the ground owns; those belong to the process, not to a thread.
unsafe impl Send for Ground {}
// SAFETY: kinds are atomic; headers are raw pointers to everyone but the holder of their class's lock; the mappings are
// asked for system calls alone, which the kernel serialises.
unsafe impl Sync for Ground {}

impl Ground {
    /// Reserves `bytes`, a power of two, at a multiple of their number: what is aligned in it is aligned.
    pub(super) fn reserve(bytes: usize, huge_pages: HugePages) -> Result<Self, MapError> {
        let pages = bytes / PAGE;
        let data = Mapping::reserve(bytes, bytes)?;
        let header_memory = Mapping::reserve(pages * size_of::<SpanHeader>(), 1)?;
        let kind_memory = Mapping::reserve(pages, 1)?;
        // Any page's kind may be read, that of one never used too.
        kind_memory.commit_read_only(0..pages)?;
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

    /// How many pages there are.
    pub(super) fn pages(&self) -> usize {
        self.pages
    }

    /// The lowest address.
    pub(super) fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// The kinds of all pages, one after another.
    pub(super) fn kinds(&self) -> NonNull<AtomicU8> {
        self.kinds
    }

    /// The page in which an address lies, if it lies here.
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
        // SAFETY: one kind for each page, readable and owned by the ground. Only those of committed pages are ever written.
        unsafe { self.kinds.add(page).as_ref() }
    }

    /// Changes the kind of a committed page from one to another; `false` when it is not the one.
    pub(super) fn replace_kind(&self, page: usize, from: u8, to: u8) -> bool {
        let cell = self.kind_cell(page);
        cell.compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }

    /// Gives pages that the caller has taken one kind.
    pub(super) fn mark(&self, pages: Range<usize>, kind: u8) {
        for page in pages {
            self.kind_cell(page).store(kind, Ordering::Relaxed);
        }
    }

    /// The header entry of a page.
    #[inline]
    pub(super) fn header(&self, page: usize) -> NonNull<SpanHeader> {
        debug_assert!(page < self.pages);
        // SAFETY: one entry for each page.
        unsafe { self.headers.add(page) }
    }

    /// Where a page starts.
    #[inline]
    pub(super) fn start(&self, page: usize) -> NonNull<u8> {
        debug_assert!(page < self.pages);
        // SAFETY: inside the mapping.
        unsafe { self.base.add(page * PAGE) }
    }

    /// Makes pages, their kinds and their header entries usable.
    pub(super) fn commit(&self, pages: Range<usize>) -> bool {
        let entry = size_of::<SpanHeader>();
        let entries = pages.start * entry..pages.end * entry;
        let done = self.kind_memory.commit(pages.clone()).is_ok()
            && self.header_memory.commit(entries).is_ok()
            && self.data.commit(bytes(pages.clone())).is_ok();
        // Advice: a kernel without huge pages refuses it, and all works without.
        let _ = match self.huge_pages {
            HugePages::Always => self.data.advise_huge(bytes(pages)),
            HugePages::Off => self.data.advise_nohuge(bytes(pages)),
            HugePages::OnRequest => Ok(()),
        };
        done
    }

    /// Makes pages untouchable, or usable again.
    ///
    /// # Safety
    /// They belong to the caller, and nobody touches them meanwhile.
    #[cfg(feature = "hardened")]
    pub(super) unsafe fn protect(&self, pages: Range<usize>, usable: bool) -> Result<(), MapError> {
        // SAFETY: the caller's duty, passed on.
        unsafe { self.data.protect(bytes(pages), usable) }
    }

    /// Gives the memory of `pages` back to the system, and that of the header entries of `held`, as far as they fill the system's
    /// pages; all of it reads as zeros then.
    ///
    /// # Safety
    /// All of these pages are out of circulation: neither free in the buddy allocator nor in anyone's hands.
    pub(super) unsafe fn discard(
        &self,
        pages: Range<usize>,
        held: Range<usize>,
    ) -> Result<(), MapError> {
        let entry = size_of::<SpanHeader>();
        let entries = held.start * entry..held.end * entry;
        // SAFETY: the entries of pages in no span are nobody's; `discard` rounds inwards, to entries of these pages alone.
        unsafe { self.header_memory.discard(entries)? };
        // SAFETY: the caller's duty, passed on.
        unsafe { self.zero(pages) }
    }

    /// Gives the memory of `pages` back to the system; they read as zeros then.
    ///
    /// # Safety
    /// They are committed and the caller's, who does not rely on their contents.
    pub(super) unsafe fn zero(&self, pages: Range<usize>) -> Result<(), MapError> {
        // SAFETY: the caller's duty, passed on.
        unsafe { self.data.discard(bytes(pages.clone())) }?;
        if mapping::PAGE > PAGE {
            // SAFETY: as above.
            unsafe { self.clear_edges(bytes(pages)) };
        }
        Ok(())
    }

    /// Zeroes what a discard has left out, where the system's pages may be larger than the heap's.
    ///
    /// # Safety
    /// The bytes are committed and the caller's.
    unsafe fn clear_edges(&self, range: Range<usize>) {
        let head_end = range.start.next_multiple_of(mapping::PAGE).min(range.end);
        let tail_start = (range.end & !(mapping::PAGE - 1)).max(head_end);
        for edge in [range.start..head_end, tail_start..range.end] {
            // SAFETY: within the caller's range.
            unsafe { self.base.add(edge.start).write_bytes(0, edge.len()) };
        }
    }

    /// Moves the memory of `from` to the pages from `to` on, without copying. `from` reads as zeros then.
    ///
    /// # Safety
    /// Both runs belong to the caller, are committed and do not overlap.
    pub(super) unsafe fn remap(&self, from: Range<usize>, to: usize) -> Result<(), MapError> {
        // SAFETY: the caller's duty, passed on.
        unsafe { self.data.remap(bytes(from), to * PAGE) }
    }
}

fn bytes(pages: Range<usize>) -> Range<usize> {
    pages.start * PAGE..pages.end * PAGE
}

/// Each zone is at least as large as the one before: these exceed any address space.
pub(super) const MOST_ZONES: usize = 48;

/// All grounds of a heap, in the order in which they came.
///
/// Invariant: slots below `len` are initialised and never written again.
pub(super) struct Territory {
    grounds: [UnsafeCell<MaybeUninit<Ground>>; MOST_ZONES],
    len: AtomicUsize,
}

// SAFETY: a slot is written once, by the one caller of `add`, before `len` (Release) lets anyone read it (Acquire).
unsafe impl Sync for Territory {}

impl Territory {
    pub(super) const fn new() -> Self {
        Self {
            grounds: [const { UnsafeCell::new(MaybeUninit::uninit()) }; MOST_ZONES],
            len: AtomicUsize::new(0),
        }
    }

    /// Adds a ground; `None` when there are [`MOST_ZONES`] already.
    ///
    /// # Safety
    /// No other call is under way: the caller holds the lock of the pages.
    pub(super) unsafe fn add(&self, ground: Ground) -> Option<&Ground> {
        let len = self.len.load(Ordering::Relaxed);
        let slot = self.grounds.get(len)?;
        // SAFETY: nobody reads a slot at or above `len`, and the caller is the only writer.
        let ground = unsafe { (*slot.get()).write(ground) };
        self.len.store(len + 1, Ordering::Release);
        Some(ground)
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Ground> {
        let len = self.len.load(Ordering::Acquire);
        // SAFETY: below `len` slots are initialised and only read.
        self.grounds[..len]
            .iter()
            .map(|slot| unsafe { (*slot.get()).assume_init_ref() })
    }

    /// Where an address lies: the ground and its page there.
    #[inline]
    pub(super) fn find(&self, address: *const u8) -> Option<(&Ground, usize)> {
        self.iter()
            .find_map(|ground| Some((ground, ground.page_of(address)?)))
    }
}
