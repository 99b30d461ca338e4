//! The feature `hardened`: what is wrong is found where it happens, at a price.
//!
//! - Every small object has a bit in its span's header that says whether the program holds it. A second release, or the release of
//!   a pointer into the middle of an object, ends the process.
//! - What is allocated and what is released is filled with junk, so that the use of either shows.
//! - Behind every large block lies a page that cannot be touched. Such blocks never grow in place.
//!
//! There are no free lists in blocks that an overrun could bend, with or without this feature: all links and
//! bitmaps lie in tables of their own.

use core::ptr::NonNull;

use super::{Class, Foreign, Heap, die, pages::Run, span::SpanHeader};

/// Fills what is allocated; an odd address if taken for a pointer.
const ALLOCATED: u8 = 0xa5;
/// Fills what is released.
const RELEASED: u8 = 0xdf;

impl Heap {
    /// Takes note that the program now holds an object.
    ///
    /// # Safety
    /// It has just been allocated, with this class.
    pub(crate) unsafe fn hand_out(&self, class: Class, object: NonNull<u8>) {
        if !self.change_holder(class, object.as_ptr(), true) {
            die(Foreign)
        }
        // SAFETY: allocated, and not yet in use (caller).
        unsafe { object.write_bytes(ALLOCATED, class.size()) };
    }

    /// Takes note that it no longer does; ends the process if it did not.
    ///
    /// # Safety
    /// The program uses it no more.
    pub(crate) unsafe fn take_back(&self, class: Class, object: *mut u8) {
        if !self.change_holder(class, object, false) {
            die(Foreign)
        }
        // SAFETY: an object of this class, which the program held until now.
        unsafe { object.write_bytes(RELEASED, class.size()) };
    }

    fn change_holder(&self, class: Class, object: *mut u8, held: bool) -> bool {
        self.header_of(class, object).is_some_and(|entry| {
            // SAFETY: the page is in a span of this class, which stays one while an object of it is neither free nor in a cache.
            unsafe { SpanHeader::change_holder(entry, class, object, held) }
        })
    }

    /// Makes the last page of a large block untouchable. Where the system refuses (too many mappings), it stays as it is.
    pub(super) fn guard(&self, run: &Run<'static>) {
        let last = run.pages.end - 1..run.pages.end;
        // SAFETY: the page is the block's, and no part of what the program is given.
        let _ = unsafe { run.ground.protect(last, false) };
    }

    /// Makes it a page like any other again; `false` where the system refuses, and it cannot be used again.
    pub(super) fn unguard(&self, run: &Run<'static>) -> bool {
        let last = run.pages.end - 1..run.pages.end;
        // SAFETY: as above.
        unsafe { run.ground.protect(last, true) }.is_ok()
    }
}
