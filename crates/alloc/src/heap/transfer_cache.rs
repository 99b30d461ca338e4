//! The transfer cache of a size class: free objects on their way from one thread to another.
//!
//! A plain array, last in, first out. Objects that one thread frees and another needs pass through
//! it without their spans being looked at (as in tcmalloc's transfer cache).
//!
//! Invariant: the first `len` entries are objects of one class, and in no other place.

#![forbid(unsafe_code)]

use core::ptr;

use super::class::Class;
use orionrt_sys::checker::hidden;

/// The most objects in transit ...
const MOST_OBJECTS: usize = 96;
/// ... and the most bytes.
const MOST_BYTES: usize = 128 << 10;

/// Free objects of one class.
#[derive(Debug)]
pub(super) struct TransferCache {
    objects: [*mut u8; MOST_OBJECTS],
    len: usize,
}

impl TransferCache {
    pub(super) const fn new() -> Self {
        Self {
            objects: [ptr::null_mut(); MOST_OBJECTS],
            len: 0,
        }
    }

    /// How many objects are in transit.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// How many more objects of this class it takes.
    #[inline]
    pub(super) fn room(&self, class: Class) -> usize {
        MOST_OBJECTS.min(MOST_BYTES / class.size()) - self.len
    }

    /// Adds objects; there is [`room`](Self::room) for them.
    #[inline]
    pub(super) fn push_all(&mut self, objects: &[*mut u8]) {
        let cells = &mut self.objects[self.len..][..objects.len()];
        cells.copy_from_slice(objects);
        for object in cells {
            *object = hidden(*object);
        }
        self.len += objects.len();
    }

    /// Takes the object that came last.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<*mut u8> {
        self.len = self.len.checked_sub(1)?;
        Some(hidden(self.objects[self.len]))
    }
}
