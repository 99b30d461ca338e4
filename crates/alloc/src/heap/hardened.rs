//! The feature `hardened`: what is wrong is found where it happens, at a price.
//!
//! - Every small object has a bit in its span's header that says whether the program holds it. A second release, or the release of
//!   a pointer into the middle of an object, ends the process.
//! - Small objects are filled with junk when they are allocated and when they are released, so that the use of either shows.
//! - Behind every large block lies a page that cannot be touched, as long as there are not too many of them and the system's pages are as small as
//!   the heap's. Large blocks never grow in place.
//!
//! There are no free lists in blocks that an overrun could bend, with or without this feature: all links and
//! bitmaps lie in tables of their own.

use core::{ptr::NonNull, sync::atomic::Ordering};

use super::{Class, Foreign, Heap, die, pages::Run, span::SpanHeader};

/// Fills what is allocated; an odd address if taken for a pointer.
const ALLOCATED: u8 = 0xa5;
/// Fills what is released.
const RELEASED: u8 = 0xdf;

/// Each guard costs the kernel two of the 65,530 mappings that a process may have.
const MOST_GUARDS: usize = 16_384;

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

    /// Makes the last page of a large block untouchable, if [`MOST_GUARDS`] are not there yet and the system agrees.
    pub(super) fn guard(&self, run: &Run<'static>) {
        let (last, entry) = (run.pages.end - 1, run.ground.header(run.pages.start));
        let is_allowed = self.guards.fetch_add(1, Ordering::Relaxed) < MOST_GUARDS;
        // SAFETY: the page is the block's, and no part of what the program is given.
        let guarded = is_allowed && unsafe { run.ground.protect(last..last + 1, false) }.is_ok();
        if !guarded {
            self.guards.fetch_sub(1, Ordering::Relaxed);
        }
        // SAFETY: the block's own entry.
        unsafe { SpanHeader::set_guarded(entry, guarded) };
    }

    /// Makes it a page like any other again, and returns the block's pages; where the system refuses, that one is lost and not among them.
    pub(super) fn unguard(&self, mut run: Run<'static>) -> Run<'static> {
        let (last, entry) = (run.pages.end - 1, run.ground.header(run.pages.start));
        // SAFETY: the block's own entry, which `guard` has written.
        if !unsafe { SpanHeader::is_guarded(entry) } {
            return run;
        }
        // SAFETY: as above.
        let done = unsafe { run.ground.protect(last..last + 1, true) }.is_ok();
        if done {
            self.guards.fetch_sub(1, Ordering::Relaxed);
        } else {
            run.pages.end = last;
        }
        run
    }
}
