//! The transfer cache of a size class: free objects on their way from one thread to another.
//!
//! A plain array, last in, first out. Objects that one thread frees and another needs pass through
//! it without their spans being looked at (as in tcmalloc's transfer cache).
//!
//! Invariant: the first `len` entries are objects of one class, in the form in which bins have them
//! ([`hidden`]), and in no other place.

#![forbid(unsafe_code)]

use core::{cell::Cell, ptr};

use super::class::Class;
use orionrt_sys::checker::hidden;

// What is in transit: `MOST_OBJECTS` that have at most `MOST_BYTES` together, or, if those are
// more, `MOST_LARGE_OBJECTS` that have at most `MOST_LARGE_BYTES`.
const MOST_OBJECTS: usize = 256;
const MOST_BYTES: usize = 32 << 10;
const MOST_LARGE_OBJECTS: usize = 96;
const MOST_LARGE_BYTES: usize = 128 << 10;

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
        let small = MOST_OBJECTS.min(MOST_BYTES / class.size());
        let large = MOST_LARGE_OBJECTS.min(MOST_LARGE_BYTES / class.size());
        small.max(large) - self.len
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

    /// Moves objects to the first of these cells, what came last first; returns how many.
    #[inline]
    pub(super) fn pop_into(&mut self, cells: &[Cell<*mut u8>]) -> usize {
        let newest_first = self.objects[..self.len].iter().rev();
        for (cell, &object) in cells.iter().zip(newest_first) {
            cell.set(object);
        }
        let taken = cells.len().min(self.len);
        self.len -= taken;
        taken
    }

    /// Takes the object that came last.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<*mut u8> {
        self.len = self.len.checked_sub(1)?;
        Some(hidden(self.objects[self.len]))
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn the_newest_objects_leave_first_and_no_more_than_there_are_cells() {
        let class = Class::all().next().expect("there are classes");
        let objects: Vec<*mut u8> = (1..=5)
            .map(|n| ptr::without_provenance_mut(16 * n))
            .collect();
        let mut transfer = TransferCache::new();
        let room = transfer.room(class);
        transfer.push_all(&objects);
        assert_eq!((transfer.len(), transfer.room(class)), (5, room - 5));
        let cells = [const { Cell::new(ptr::null_mut()) }; 3];
        assert_eq!(transfer.pop_into(&cells), 3);
        assert_eq!(
            cells.each_ref().map(Cell::get).map(hidden),
            [objects[4], objects[3], objects[2]]
        );
        assert_eq!(transfer.pop_into(&cells), 2);
        assert_eq!(
            cells.each_ref().map(Cell::get).map(hidden),
            [objects[1], objects[0], objects[2]]
        );
        assert_eq!((transfer.pop(), transfer.len()), (None, 0));
    }
}
