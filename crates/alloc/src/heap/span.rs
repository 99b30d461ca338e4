//! Spans: runs of pages cut into objects of one class, and the headers that say which are free.
//!
//! Headers lie in a side table, one entry per page, never in the memory that the program gets: an
//! overrun cannot reach them, and a page whose objects are all free can go back to the system. The
//! entry of a span's first page is the span's header; each entry behind it stores its distance from
//! the header.
//!
//! Invariants, kept by the depot of the class, under whose lock alone headers are read and written:
//! - a bit of `free_bits` is set exactly when the object is in neither a thread's cache, nor the
//!   transfer cache, nor the program's hands;
//! - `free_count` is the number of set bits, and the span is in its depot's list exactly when that
//!   is neither 0 nor all.

#[cfg(feature = "hardened")]
use core::sync::atomic::{AtomicU64, Ordering};
use core::{
    cell::Cell,
    ptr::{self, NonNull},
};

#[cfg(any(feature = "hardened", feature = "profile"))]
use super::class::Class;
use super::class::{MOST_OBJECTS, SpanShape};
use orionrt_sys::checker::hidden;

const WORDS: usize = MOST_OBJECTS / 64;

/// The side-table entry of one page. All zero is a valid entry, of a page in no span.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct SpanHeader {
    free_bits: [Cell<u64>; WORDS],
    pub(super) next: Cell<*mut SpanHeader>,
    previous: Cell<*mut SpanHeader>,
    /// [`hidden`].
    start: *mut u8,
    free_count: Cell<u16>,
    /// The distance from the header of the span, in entries.
    back: u8,
    _spare: u8,
    /// The id of the [`OwnedHeap`](super::owned::OwnedHeap) whose span or large block this is; of
    /// other large blocks and sampled objects, the number of their sample.
    owner: u32,
    /// Which objects the program holds. Changed without the lock, so nobody ever has a `&mut` to a
    /// header.
    #[cfg(feature = "hardened")]
    held: [AtomicU64; WORDS],
}

impl SpanHeader {
    /// Writes the entries of a new span at `start`: the header at `entry`, with no object free, and
    /// the entries behind it.
    ///
    /// # Safety
    /// The span's pages belong to the caller, and so do their entries, which start at `entry`.
    pub(super) unsafe fn open(entry: NonNull<Self>, start: NonNull<u8>, pages: u8) {
        // SAFETY: the caller owns the entry.
        unsafe {
            entry.write(Self {
                free_bits: [const { Cell::new(0) }; WORDS],
                next: Cell::new(ptr::null_mut()),
                previous: Cell::new(ptr::null_mut()),
                start: hidden(start.as_ptr()),
                free_count: Cell::new(0),
                back: 0,
                _spare: 0,
                owner: 0,
                #[cfg(feature = "hardened")]
                held: [const { AtomicU64::new(0) }; WORDS],
            });
        }
        for back in 1..pages {
            // SAFETY: the entries of the span's other pages follow, and are the caller's.
            unsafe { (*entry.as_ptr().add(usize::from(back))).back = back };
        }
    }

    /// Stores whose span or large block this is.
    ///
    /// # Safety
    /// [`open`](Self::open) wrote this entry, and nobody else refers to it yet.
    pub(super) unsafe fn set_owner(entry: NonNull<Self>, owner: u32) {
        // SAFETY: the caller's alone.
        unsafe { (*entry.as_ptr()).owner = owner };
    }

    /// The id that [`set_owner`](Self::set_owner) stored.
    pub(super) fn owner(&self) -> u32 {
        self.owner
    }

    /// Writes the entry of a large block's first page.
    ///
    /// # Safety
    /// The block's pages belong to the caller, and so do their entries.
    pub(super) unsafe fn open_large(entry: NonNull<Self>, pages: usize) {
        // SAFETY: the caller owns the entry.
        unsafe { entry.as_ref() }.free_bits[0].set(pages as u64);
    }

    /// Stores how many bytes after the start of its first page a large block begins.
    ///
    /// # Safety
    /// That of [`open_large`](Self::open_large).
    pub(super) unsafe fn set_colour(entry: NonNull<Self>, colour: usize) {
        // SAFETY: the caller owns the entry.
        unsafe { entry.as_ref() }.free_bits[2].set(colour as u64);
    }

    /// Stores whether a large block's last page is a guard page.
    ///
    /// # Safety
    /// That of [`open_large`](Self::open_large).
    #[cfg(feature = "hardened")]
    pub(super) unsafe fn set_guarded(entry: NonNull<Self>, guarded: bool) {
        // SAFETY: the caller owns the entry.
        unsafe { entry.as_ref() }.free_bits[1].set(u64::from(guarded));
    }

    /// Whether a large block's last page is a guard page.
    ///
    /// # Safety
    /// That of [`large_pages`](Self::large_pages), and `set_guarded` has been called.
    #[cfg(feature = "hardened")]
    pub(super) unsafe fn is_guarded(entry: NonNull<Self>) -> bool {
        // SAFETY: the caller's duty, passed on.
        unsafe { entry.as_ref() }.free_bits[1].get() != 0
    }

    /// The number of pages in a large block.
    ///
    /// # Safety
    /// [`open_large`](Self::open_large) wrote the entry, and nobody writes it meanwhile.
    pub(super) unsafe fn large_pages(entry: NonNull<Self>) -> usize {
        // SAFETY: initialised, and not written meanwhile (caller).
        unsafe { entry.as_ref() }.free_bits[0].get() as usize
    }

    /// Writes the entry of a sampled object's first page.
    ///
    /// # Safety
    /// The object's pages belong to the caller, and so do their entries.
    #[cfg(feature = "profile")]
    pub(super) unsafe fn open_sampled(entry: NonNull<Self>, class: Class, sample: u32) {
        // SAFETY: the caller owns the entry.
        unsafe {
            entry.as_ref().free_bits[0].set(class.kind().into());
            Self::set_sample(entry, sample);
        }
    }

    /// The class of a sampled object; `None` if nobody wrote it.
    ///
    /// # Safety
    /// [`open_sampled`](Self::open_sampled) wrote the entry, and nobody writes it meanwhile.
    #[cfg(feature = "profile")]
    pub(super) unsafe fn sampled_class(entry: NonNull<Self>) -> Option<Class> {
        // SAFETY: initialised, and not written meanwhile (caller).
        let kind = unsafe { entry.as_ref() }.free_bits[0].get();
        Class::of_kind(kind.try_into().ok()?)
    }

    /// Stores the number of a block's sample; 0 is none.
    ///
    /// # Safety
    /// The block belongs to the caller, and so does its entry.
    #[cfg(feature = "profile")]
    pub(super) unsafe fn set_sample(entry: NonNull<Self>, sample: u32) {
        // SAFETY: the caller's alone.
        unsafe { (*entry.as_ptr()).owner = sample };
    }

    /// The number of a block's sample; 0 is none.
    ///
    /// # Safety
    /// [`set_sample`](Self::set_sample) wrote the entry, and nobody writes it meanwhile.
    #[cfg(feature = "profile")]
    pub(super) unsafe fn sample(entry: NonNull<Self>) -> u32 {
        // SAFETY: initialised, and not written meanwhile (caller).
        unsafe { (*entry.as_ptr()).owner }
    }

    /// Stores the number of the sample of a sampled object or large block of an owned heap; 0 is
    /// none, as [`open`](Self::open) has it.
    ///
    /// # Safety
    /// The block belongs to the caller, and so does its entry.
    #[cfg(feature = "profile")]
    pub(super) unsafe fn set_owned_sample(entry: NonNull<Self>, sample: u32) {
        // SAFETY: the caller owns the entry.
        unsafe { entry.as_ref() }.free_bits[3].set(sample.into());
    }

    /// The number of the sample of a sampled object or large block of an owned heap; 0 is none.
    ///
    /// # Safety
    /// [`open`](Self::open) wrote the entry, and nobody writes it meanwhile.
    #[cfg(feature = "profile")]
    pub(super) unsafe fn owned_sample(entry: NonNull<Self>) -> u32 {
        // SAFETY: initialised, and not written meanwhile (caller).
        unsafe { entry.as_ref() }.free_bits[3].get() as u32
    }

    /// How many bytes after the start of its first page a large block begins.
    ///
    /// # Safety
    /// That of [`large_pages`](Self::large_pages), and `set_colour` has been called.
    pub(super) unsafe fn colour(entry: NonNull<Self>) -> usize {
        // SAFETY: the caller's duty, passed on.
        unsafe { entry.as_ref() }.free_bits[2].get() as usize
    }

    /// The header of the span that contains the page of this entry.
    ///
    /// # Safety
    /// The page lies in a span, which stays one while the caller uses the header.
    pub(super) unsafe fn of(entry: NonNull<Self>) -> NonNull<Self> {
        // SAFETY: `open` wrote this entry and all before it down to the header.
        unsafe { entry.sub(usize::from(entry.as_ref().back)) }
    }

    /// Stores whether the program holds an object; `false` if the address is not an object's, or if
    /// that was stored already.
    ///
    /// # Safety
    /// The entry is that of a page in a span of this class, which stays one meanwhile.
    #[cfg(feature = "hardened")]
    pub(super) unsafe fn set_held(
        entry: NonNull<Self>,
        class: Class,
        object: *mut u8,
        held: bool,
    ) -> bool {
        // SAFETY: as in `of`. Others may change cells and atomics meanwhile; only atomics are used
        // here.
        let span = unsafe { Self::of(entry).as_ref() };
        let offset = object.addr().wrapping_sub(span.start().addr());
        let Some(index) = class.span().object_at(offset) else {
            return false;
        };
        let bit = 1 << (index % 64);
        let before = if held {
            span.held[index / 64].fetch_or(bit, Ordering::Relaxed)
        } else {
            span.held[index / 64].fetch_and(!bit, Ordering::Relaxed)
        };
        (before & bit == 0) == held
    }

    /// The address of the span's first object.
    pub(super) fn start(&self) -> *mut u8 {
        hidden(self.start)
    }

    /// The number of free objects.
    pub(super) fn free_count(&self) -> usize {
        usize::from(self.free_count.get())
    }

    /// Marks all objects free.
    pub(super) fn free_all(&self, shape: SpanShape) {
        for (word, free) in self.free_bits.iter().enumerate() {
            let left = usize::from(shape.objects).saturating_sub(word * 64).min(64);
            free.set(if left == 0 {
                0
            } else {
                u64::MAX >> (64 - left)
            });
        }
        self.free_count.set(shape.objects);
    }

    /// Allocates the lowest free objects, at most `want`, and passes each to `take`; returns how
    /// many.
    #[inline]
    pub(super) fn allocate(
        &self,
        shape: SpanShape,
        want: usize,
        mut take: impl FnMut(*mut u8),
    ) -> usize {
        let mut left = want.min(self.free_count());
        let taken = left;
        for (word, cell) in self.free_bits.iter().enumerate() {
            let mut free = cell.get();
            while free != 0 && left > 0 {
                let object = word * 64 + free.trailing_zeros() as usize;
                free &= free - 1;
                left -= 1;
                take(self.start().wrapping_add(shape.offset_of(object)));
            }
            cell.set(free);
        }
        self.free_count.set(self.free_count.get() - taken as u16);
        taken
    }

    /// Whether an address lies in the pages of this span, which has this shape.
    #[inline]
    pub(super) fn contains(&self, shape: SpanShape, address: *mut u8) -> bool {
        address.addr().wrapping_sub(self.start().addr()) < shape.bytes()
    }

    /// Marks an object free; `false` if it is not an object of this span, or is free already.
    #[inline]
    pub(super) fn free(&self, shape: SpanShape, object: *mut u8) -> bool {
        let offset = object.addr().wrapping_sub(self.start().addr());
        let Some(index) = shape.object_at(offset) else {
            return false;
        };
        let (word, bit) = (&self.free_bits[index / 64], 1u64 << (index % 64));
        let is_new = word.get() & bit == 0;
        if is_new {
            word.set(word.get() | bit);
            self.free_count.set(self.free_count.get() + 1);
        }
        is_new
    }
}

/// A list of spans that have a free object, linked through their headers.
///
/// Invariant: a linked header is in this list only, and stays valid while it is.
#[derive(Debug)]
pub(super) struct SpanList {
    first: *mut SpanHeader,
}

impl SpanList {
    pub(super) const fn new() -> Self {
        Self {
            first: ptr::null_mut(),
        }
    }

    pub(super) fn first(&self) -> Option<NonNull<SpanHeader>> {
        NonNull::new(self.first)
    }

    /// Whether this span, which is in the list, is alone in it.
    pub(super) fn is_only(&self, span: NonNull<SpanHeader>) -> bool {
        // SAFETY: a linked header is valid, by the invariant.
        self.first == span.as_ptr() && unsafe { span.as_ref() }.next.get().is_null()
    }

    /// Removes the first span.
    pub(super) fn pop(&mut self) -> Option<NonNull<SpanHeader>> {
        let first = self.first()?;
        // SAFETY: it is in this list, whose headers are valid and the caller's (`&mut self`).
        unsafe { self.remove(first) };
        Some(first)
    }

    /// Adds a span at the front.
    ///
    /// # Safety
    /// The header is valid and in no list, and the caller alone uses it and the list's headers.
    pub(super) unsafe fn push(&mut self, span: NonNull<SpanHeader>) {
        // SAFETY: valid and the caller's; so is the first one, by the invariant.
        let (header, first) = unsafe { (span.as_ref(), self.first.as_ref()) };
        header.next.set(self.first);
        header.previous.set(ptr::null_mut());
        if let Some(first) = first {
            first.previous.set(span.as_ptr());
        }
        self.first = span.as_ptr();
    }

    /// Removes a span.
    ///
    /// # Safety
    /// It is in this list, and the caller alone uses the list's headers.
    pub(super) unsafe fn remove(&mut self, span: NonNull<SpanHeader>) {
        // SAFETY: a linked header is valid, by the invariant.
        let header = unsafe { span.as_ref() };
        let (next, previous) = (header.next.get(), header.previous.get());
        // SAFETY: so are its neighbours.
        let neighbours = unsafe { (previous.as_ref(), next.as_ref()) };
        if let Some(after) = neighbours.1 {
            after.previous.set(previous);
        }
        match neighbours.0 {
            Some(before) => before.next.set(next),
            None => self.first = next,
        }
    }
}
