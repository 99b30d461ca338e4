//! [`OwnedHeap`]: an owned heap's lock, with its spans behind it, and its place in the list of all.
//!
//! It lies in a small block of the allocator that it belongs to.
//!
//! Invariant: the links are read and written under the lock of the list alone.

use core::{
    cell::Cell,
    ptr::{self, NonNull},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

use super::owned_spans::OwnedSpans;
use orionrt_sys::locked::Locked;

/// The id of the next heap. Ids repeat after 2³² heaps; two heaps of one id would not notice that
/// a block was freed to the wrong one of them, and nothing else would go wrong.
static NEXT_ID: AtomicU32 = AtomicU32::new(0);

/// The state of an [`OrionHeap`](crate::OrionHeap).
#[derive(Debug)]
pub(crate) struct OwnedHeap {
    pub(crate) spans: Locked<OwnedSpans>,
    id: u32,
    pub(super) next: Cell<*const Self>,
    pub(super) previous: Cell<*const Self>,
}

// SAFETY: the spans are behind a lock, and the links are used under that of the list (module
// invariant).
unsafe impl Sync for OwnedHeap {}
// SAFETY: as above; nothing in it belongs to a thread.
unsafe impl Send for OwnedHeap {}

impl OwnedHeap {
    /// A heap that has nothing, and is in no list.
    pub(crate) fn new() -> Self {
        Self {
            spans: Locked::new(OwnedSpans::new()),
            id: NEXT_ID.fetch_add(1, Relaxed),
            next: Cell::new(ptr::null()),
            previous: Cell::new(ptr::null()),
        }
    }

    /// Its address, by which memory checkers know it.
    #[inline]
    pub(crate) fn address(&self) -> NonNull<u8> {
        NonNull::from(self).cast()
    }

    /// The number by which its spans and large blocks know it.
    #[inline]
    pub(crate) fn id(&self) -> u32 {
        self.id
    }
}
