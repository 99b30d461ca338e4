//! The feature `hardened`: misuse is found where it happens, at a price.
//!
//! - Every small object has a bit in its span's header that says whether the program holds it.
//!   Freeing an object twice, or a pointer into its middle, ends the process.
//! - Small objects are filled with junk when they are allocated and when they are freed, so that
//!   reading them before they are written, or after they are freed, shows.
//! - Behind every large block lies a guard page that cannot be touched, as long as there are not
//!   too many of them and the system's pages are as small as the heap's. Large blocks never grow in
//!   place.
//!
//! With or without this feature, an overrun cannot bend free lists in blocks, because there are
//! none: all links and bitmaps lie in tables of their own.

use core::{ptr::NonNull, sync::atomic::Ordering};

use super::{
    class::Class,
    heap::Heap,
    invalid_free::{InvalidFree, abort_invalid_free},
    page_run::PageRun,
    span::SpanHeader,
};
use orionrt_sys::checker;

/// Fills allocated objects; taken for a pointer, it is an odd address.
pub(super) const ALLOCATED: u8 = 0xa5;
/// Fills freed objects.
pub(super) const FREED: u8 = 0xdf;

/// The most guard pages. Each costs the kernel two of the 65,530 mappings that a process may have.
const MOST_GUARDS: usize = 16_384;

/// Fills an object, unless a memory checker is told of it, which finds more.
///
/// # Safety
/// It is an object of this class, of which nobody uses a byte.
pub(super) unsafe fn fill(object: NonNull<u8>, class: Class, junk: u8) {
    if !checker::IS_ON {
        // SAFETY: the object's bytes, which nobody uses (caller).
        unsafe { object.write_bytes(junk, class.size()) };
    }
}

impl Heap {
    /// Stores that the program holds an object now, and fills it.
    ///
    /// # Safety
    /// It has just been allocated, with this class.
    pub(crate) unsafe fn mark_allocated(&'static self, class: Class, object: NonNull<u8>) {
        if !self.set_held(class, object.as_ptr(), true) {
            abort_invalid_free(InvalidFree::at(object.as_ptr()))
        }
        // SAFETY: allocated, and not yet in use (caller).
        unsafe { fill(object, class, ALLOCATED) };
    }

    /// Stores that the program does not hold an object any more, and fills it; ends the process if
    /// the program did not hold it.
    ///
    /// # Safety
    /// The program gives up the block at this address, if there is one.
    pub(crate) unsafe fn mark_freed(&'static self, class: Class, object: *mut u8) {
        if !self.set_held(class, object, false) {
            abort_invalid_free(InvalidFree::at(object))
        }
        if let Some(object) = NonNull::new(object) {
            // SAFETY: an object of this class, which the program held until now.
            unsafe { fill(object, class, FREED) };
        }
    }

    fn set_held(&'static self, class: Class, object: *mut u8, held: bool) -> bool {
        // A sampled object has its pages for itself: freed twice, they are found to be nobody's.
        #[cfg(feature = "profile")]
        if self.sampled_class(object) == Some(class) {
            return true;
        }
        self.header_of(class, object).is_some_and(|entry| {
            // SAFETY: the page is in a span of this class, which stays one while an object of it is
            // neither free nor in a cache.
            unsafe { SpanHeader::set_held(entry, class, object, held) }
        })
    }

    /// Makes the last page of a large block inaccessible, if there are fewer than [`MOST_GUARDS`]
    /// and the system agrees.
    pub(super) fn guard(&self, run: &PageRun<'static>) {
        let (last, entry) = (run.pages.end - 1, run.map.header(run.pages.start));
        let is_allowed = self.guards.fetch_add(1, Ordering::Relaxed) < MOST_GUARDS;
        // SAFETY: the page is the block's, and not part of what the program gets.
        let guarded = is_allowed && unsafe { run.map.protect(last..last + 1, false) }.is_ok();
        if !guarded {
            self.guards.fetch_sub(1, Ordering::Relaxed);
        }
        // SAFETY: the block's own entry.
        unsafe { SpanHeader::set_guarded(entry, guarded) };
    }

    /// Makes the guard page of a large block, if it has one, usable again; returns the block's
    /// pages. If the system refuses, the guard page is lost for ever, and not among them.
    pub(super) fn unguard(&self, mut run: PageRun<'static>) -> PageRun<'static> {
        let (last, entry) = (run.pages.end - 1, run.map.header(run.pages.start));
        // SAFETY: the block's own entry, which `guard` has written.
        if !unsafe { SpanHeader::is_guarded(entry) } {
            return run;
        }
        // SAFETY: as above.
        let done = unsafe { run.map.protect(last..last + 1, true) }.is_ok();
        if done {
            self.guards.fetch_sub(1, Ordering::Relaxed);
        } else {
            run.pages.end = last;
            self.pages.with(|pages| pages.lose(run.map, last..last + 1));
        }
        run
    }
}
