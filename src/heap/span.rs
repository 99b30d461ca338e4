//! Spans: runs of pages cut into objects of one class, and the header that says which of them are free.
//!
//! Headers lie in a side table, one entry a page, never in the memory that is handed out: an overrun cannot reach them, and a
//! page whose objects are all free can go back to the system. The entry of a span's first page is its header; the
//! others say how far back that is.
//!
//! Invariants, kept by the depot of the class, under whose lock alone headers are read and written:
//! - a bit of `free` is set exactly when the object is in neither a thread's cache, nor the depot's tray, nor the program's hands;
//! - `free_count` is the number of set bits; the span is in its depot's list exactly when that is neither 0 nor all.

use core::ptr::{self, NonNull};
#[cfg(feature = "hardened")]
use core::sync::atomic::{AtomicU64, Ordering};

use super::class::{Class, MOST_OBJECTS, SpanShape};

const WORDS: usize = MOST_OBJECTS / 64;

/// The side table's entry of one page. All zero is a valid entry, of a page in no span.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct SpanHeader {
    free: [u64; WORDS],
    pub(super) next: *mut SpanHeader,
    pub(super) previous: *mut SpanHeader,
    start: *mut u8,
    free_count: u16,
    /// How many entries before this one the span's header is.
    back: u8,
    _spare: [u8; 5],
    /// Which objects the program holds; changed without the lock.
    #[cfg(feature = "hardened")]
    held: [AtomicU64; WORDS],
}

impl SpanHeader {
    /// Makes the entries at `entry` the header of a new span at `start`, none of whose objects is free.
    ///
    /// # Safety
    /// The span's pages belong to the caller, and with them their entries in the table, which `entry` points to.
    pub(super) unsafe fn open(entry: NonNull<Self>, start: NonNull<u8>, pages: u8) {
        // SAFETY: the caller owns the entry.
        unsafe {
            entry.write(Self {
                free: [0; WORDS],
                next: ptr::null_mut(),
                previous: ptr::null_mut(),
                start: start.as_ptr(),
                free_count: 0,
                back: 0,
                _spare: [0; 5],
                #[cfg(feature = "hardened")]
                held: [const { AtomicU64::new(0) }; WORDS],
            });
        }
        for back in 1..pages {
            // SAFETY: the entries of the span's other pages follow (caller).
            unsafe { (*entry.as_ptr().add(usize::from(back))).back = back };
        }
    }

    /// Makes the entry that of a large block's first page.
    ///
    /// # Safety
    /// The block's pages belong to the caller, and with them their entries.
    pub(super) unsafe fn open_large(entry: NonNull<Self>, pages: usize) {
        // SAFETY: the caller owns the entry.
        unsafe { (*entry.as_ptr()).free[0] = pages as u64 };
    }

    /// How many pages a large block has.
    ///
    /// # Safety
    /// The entry was written by [`open_large`](Self::open_large), and nobody writes it meanwhile.
    pub(super) unsafe fn large_pages(entry: NonNull<Self>) -> usize {
        // SAFETY: initialised, and not written meanwhile (caller).
        unsafe { (*entry.as_ptr()).free[0] as usize }
    }

    /// The header of the span in which the page of this entry lies.
    ///
    /// # Safety
    /// The page lies in a span, and the caller holds the lock of its class.
    pub(super) unsafe fn of(entry: NonNull<Self>) -> NonNull<Self> {
        // SAFETY: `open` wrote this entry and all before it down to the header.
        unsafe { entry.sub(usize::from(entry.as_ref().back)) }
    }

    /// Takes note of whether the program holds an object; `false` when it is none, or was noted so already.
    ///
    /// # Safety
    /// The entry is of a page in a span of this class, which stays one meanwhile.
    #[cfg(feature = "hardened")]
    pub(super) unsafe fn change_holder(
        entry: NonNull<Self>,
        class: Class,
        object: *mut u8,
        held: bool,
    ) -> bool {
        // SAFETY: as in `of`; `back` and `start` do not change while the span is one.
        let (start, words) = unsafe {
            let span = entry.sub(usize::from((*entry.as_ptr()).back)).as_ptr();
            ((*span).start, &(*span).held)
        };
        let offset = object.addr().wrapping_sub(start.addr());
        let number = class.span().object_at(offset);
        if number * class.size() != offset || number >= usize::from(class.span().objects) {
            return false;
        }
        let bit = 1 << (number % 64);
        let before = if held {
            words[number / 64].fetch_or(bit, Ordering::Relaxed)
        } else {
            words[number / 64].fetch_and(!bit, Ordering::Relaxed)
        };
        (before & bit == 0) == held
    }

    /// Where the span's first object lies.
    pub(super) fn start(&self) -> *mut u8 {
        self.start
    }

    /// How many objects are free.
    pub(super) fn free_count(&self) -> usize {
        usize::from(self.free_count)
    }

    /// Marks all objects free.
    pub(super) fn free_all(&mut self, shape: SpanShape) {
        for (word, free) in self.free.iter_mut().enumerate() {
            let left = usize::from(shape.objects).saturating_sub(word * 64).min(64);
            *free = if left == 0 {
                0
            } else {
                u64::MAX >> (64 - left)
            };
        }
        self.free_count = shape.objects;
    }

    /// Takes the lowest free objects, at most `want`, and passes each to `take`; returns how many.
    #[inline]
    pub(super) fn take(
        &mut self,
        class: Class,
        want: usize,
        mut take: impl FnMut(*mut u8),
    ) -> usize {
        let mut left = want.min(self.free_count());
        let taken = left;
        for (word, free) in self.free.iter_mut().enumerate() {
            while *free != 0 && left > 0 {
                let object = word * 64 + free.trailing_zeros() as usize;
                *free &= *free - 1;
                left -= 1;
                take(self.start.wrapping_add(object * class.size()));
            }
        }
        self.free_count -= taken as u16;
        taken
    }

    /// Marks an object free; `false` when it is no object of this span, or free already.
    #[inline]
    pub(super) fn give(&mut self, class: Class, object: *mut u8) -> bool {
        let (shape, offset) = (class.span(), object.addr().wrapping_sub(self.start.addr()));
        let number = shape.object_at(offset);
        let bit = 1u64 << (number % 64);
        let valid = number * class.size() == offset && number < usize::from(shape.objects);
        if !valid || self.free[number / 64] & bit != 0 {
            return false;
        }
        self.free[number / 64] |= bit;
        self.free_count += 1;
        true
    }
}

/// Spans that have something free, linked through their headers.
///
/// Invariant: linked headers are in this list only, and stay valid while they are.
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

    /// Puts a span in front.
    ///
    /// # Safety
    /// The header is valid, in no list, and the caller alone uses it and this list's.
    pub(super) unsafe fn push(&mut self, span: NonNull<SpanHeader>) {
        // SAFETY: valid and the caller's; so is the first one, by the invariant.
        unsafe {
            (*span.as_ptr()).next = self.first;
            (*span.as_ptr()).previous = ptr::null_mut();
            if let Some(first) = self.first.as_mut() {
                first.previous = span.as_ptr();
            }
        }
        self.first = span.as_ptr();
    }

    /// Takes a span out.
    ///
    /// # Safety
    /// It is in this list, and the caller alone uses its headers.
    pub(super) unsafe fn remove(&mut self, span: NonNull<SpanHeader>) {
        // SAFETY: a linked header and its neighbours are valid, by the invariant.
        unsafe {
            let (next, previous) = ((*span.as_ptr()).next, (*span.as_ptr()).previous);
            if let Some(next) = next.as_mut() {
                next.previous = previous;
            }
            match previous.as_mut() {
                Some(previous) => previous.next = next,
                None => self.first = next,
            }
        }
    }
}
