//! Two heaps behind one global allocator, of which one is in use: OrionAlloc's or the system's.
//!
//! Stands on `orionrt::OrionAlloc`. What is in use is the whole process's, so that threads which help with some work take their
//! memory from where the work takes it. Invariant: a block goes back to, and grows in, the heap that it is from, whichever is in
//! use by then.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicU8, Ordering},
    time::Duration,
};

use orionrt::{OrionAlloc, heap::Decay};

/// Inference in a debug build takes seconds on a busy machine, and each needs what the one before has freed.
const DECAY: Decay = Decay::After(Duration::from_secs(30));

/// A heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// OrionAlloc's.
    Orion,
    /// The C library's.
    System,
}

/// The global allocator of the binary, beneath what records and replays.
#[derive(Debug)]
pub struct Switch {
    orion: OrionAlloc,
    /// A [`Source`].
    source: AtomicU8,
}

impl Switch {
    /// OrionAlloc's heap is in use.
    pub(crate) const fn new() -> Self {
        Self {
            orion: OrionAlloc::new().with_decay(DECAY),
            source: AtomicU8::new(Source::Orion as u8),
        }
    }

    /// Does `work` with its memory from `source`; once it is done, or has panicked, it is OrionAlloc's turn again.
    pub(crate) fn during<T>(&self, source: Source, work: impl FnOnce() -> T) -> T {
        struct Turned<'s>(&'s Switch);
        impl Drop for Turned<'_> {
            fn drop(&mut self) {
                self.0.turn_to(Source::Orion);
            }
        }
        self.turn_to(source);
        let _turned = Turned(self);
        work()
    }

    /// Gives the free memory of both heaps back to the operating system, where they can.
    pub(crate) fn purge(&self) {
        self.orion.purge();
        #[cfg(target_env = "gnu")]
        // SAFETY: a call to the C library's allocator that may be made at any time.
        let _ = unsafe { libc::malloc_trim(0) };
    }

    fn turn_to(&self, source: Source) {
        self.source.store(source as u8, Ordering::Relaxed);
    }

    #[inline(always)]
    fn is_system(&self) -> bool {
        self.source.load(Ordering::Relaxed) == Source::System as u8
    }
}

// SAFETY: each block is one of a heap that keeps the contract; the heap to which it goes back, or in which it grows, is the one that
// it is from, since `contains` tells the blocks of one from all other memory.
unsafe impl GlobalAlloc for Switch {
    #[inline(always)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if self.is_system() {
            // SAFETY: the caller keeps the contract.
            unsafe { System.alloc(layout) }
        } else {
            // SAFETY: the caller keeps the contract.
            unsafe { self.orion.alloc(layout) }
        }
    }

    #[inline(always)]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if self.is_system() {
            // SAFETY: the caller keeps the contract.
            unsafe { System.alloc_zeroed(layout) }
        } else {
            // SAFETY: the caller keeps the contract.
            unsafe { self.orion.alloc_zeroed(layout) }
        }
    }

    #[inline(always)]
    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        if self.orion.contains(start) {
            // SAFETY: a block of this heap; the caller keeps the contract.
            unsafe { self.orion.dealloc(start, layout) }
        } else {
            // SAFETY: a block of this heap, since there are two; the caller keeps the contract.
            unsafe { System.dealloc(start, layout) }
        }
    }

    #[inline(always)]
    unsafe fn realloc(&self, start: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if self.orion.contains(start) {
            // SAFETY: a block of this heap; the caller keeps the contract.
            unsafe { self.orion.realloc(start, layout, size) }
        } else {
            // SAFETY: a block of this heap, since there are two; the caller keeps the contract.
            unsafe { System.realloc(start, layout, size) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block of `bytes` that begins with a 7.
    fn block(switch: &Switch, bytes: usize) -> (*mut u8, Layout) {
        let layout = Layout::from_size_align(bytes, 8).unwrap();
        // SAFETY: the layout is not empty, and the block begins with a byte.
        unsafe {
            let start = switch.alloc(layout);
            assert!(!start.is_null());
            start.write(7);
            (start, layout)
        }
    }

    #[test]
    fn a_block_goes_back_to_where_it_is_from() {
        let switch = Switch::new();
        for bytes in [1, 100, 4096, 1 << 20] {
            let ours = block(&switch, bytes);
            let theirs = switch.during(Source::System, || block(&switch, bytes));
            assert!(switch.orion.contains(ours.0) && !switch.orion.contains(theirs.0));
            // SAFETY: both are blocks of these layouts, and are given back once, each while the other heap is in use.
            unsafe {
                switch.dealloc(theirs.0, theirs.1);
                switch.during(Source::System, || switch.dealloc(ours.0, ours.1));
            }
        }
        assert_eq!(switch.orion.stats().live_bytes, 0);
    }

    #[test]
    fn a_block_grows_where_it_is() {
        let switch = Switch::new();
        let (start, layout) = block(&switch, 100);
        // SAFETY: a block of this layout, which is then one of the new size.
        unsafe {
            let grown = switch.during(Source::System, || switch.realloc(start, layout, 9000));
            assert!(switch.orion.contains(grown) && grown.read() == 7);
            switch.dealloc(grown, Layout::from_size_align(9000, 8).unwrap());
        }
    }

    #[test]
    fn the_turn_is_over_when_the_work_panics() {
        let switch = Switch::new();
        let work = std::panic::AssertUnwindSafe(|| {
            switch.during(Source::System, || {
                assert!(switch.is_system());
                panic!("as planned");
            })
        });
        assert!(std::panic::catch_unwind(work).is_err());
        assert!(!switch.is_system());
    }
}
