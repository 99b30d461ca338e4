//! Blocks of a `GlobalAlloc`: each is filled with a tag of its own, which is checked whenever the
//! block is touched.
//!
//! Up to a page every byte is written and checked; in larger blocks one word in every 64 bytes, and
//! the last one. So a block that overlaps another, has moved without its contents, or has lost a
//! page is noticed at the next look.

use std::{
    alloc::{GlobalAlloc, Layout},
    panic::resume_unwind,
    ptr, slice, thread,
};

use crate::random::Random;

impl Random {
    /// The size of a request: mostly small, at most `most` bytes.
    pub fn size(&mut self, most: usize) -> usize {
        match self.below(10) {
            0 => self.log_uniform(1, most),
            _ => self.log_uniform(1, 2048),
        }
    }

    /// The layout of a request: mostly small and seldom strictly aligned, at most `most` bytes.
    pub fn layout(&mut self, most: usize) -> Layout {
        let align = match self.below(64) {
            0..=8 => 1 << self.below(17),
            _ => 1 << self.below(5),
        };
        layout(self.size(most), align)
    }
}

/// Runs a function in a new thread, which has no cache yet, and waits until the thread has ended
/// and its thread-locals are gone. A panic goes on in the caller.
pub fn in_thread<T: Send>(run: impl FnOnce() -> T + Send) -> T {
    let outcome = thread::scope(|scope| scope.spawn(run).join());
    outcome.unwrap_or_else(|panic| resume_unwind(panic))
}

/// A valid layout.
pub fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).unwrap()
}

/// A live block of an allocator.
pub struct Block {
    start: *mut u8,
    layout: Layout,
    tag: u64,
}

// SAFETY: the block's bytes are its owner's alone.
unsafe impl Send for Block {}

impl Block {
    /// Allocates a block and fills it.
    pub fn new(alloc: &impl GlobalAlloc, layout: Layout, tag: u64) -> Self {
        // SAFETY: no layout here has size zero.
        Self::of(unsafe { alloc.alloc(layout) }, layout, tag)
    }

    /// Allocates a zeroed block, checks that it is zero, and fills it.
    pub fn zeroed(alloc: &impl GlobalAlloc, layout: Layout, tag: u64) -> Self {
        // SAFETY: no layout here has size zero.
        let start = unsafe { alloc.alloc_zeroed(layout) };
        assert!(!start.is_null(), "{layout:?}");
        // SAFETY: granted just now, and initialised.
        let bytes = unsafe { slice::from_raw_parts(start, layout.size()) };
        assert!(is_zero(bytes), "not zeroed: {layout:?}");
        Self::of(start, layout, tag)
    }

    fn of(start: *mut u8, layout: Layout, tag: u64) -> Self {
        let mut block = Self { start, layout, tag };
        block.note_moved(start);
        block.fill();
        block
    }

    fn note_moved(&mut self, start: *mut u8) {
        assert!(!start.is_null(), "{:?}", self.layout);
        assert_eq!(start.addr() % self.layout.align(), 0, "{:?}", self.layout);
        self.start = start;
    }

    /// Where it begins.
    pub fn start(&self) -> *mut u8 {
        self.start
    }

    /// What it was allocated or last resized with.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Writes its tag.
    pub fn fill(&self) {
        let size = self.layout.size();
        for (at, len) in words(size, size) {
            let word = word(self.tag, at);
            // SAFETY: within the block, whose bytes are its owner's.
            unsafe { ptr::copy_nonoverlapping(word.as_ptr(), self.start.add(at), len) };
        }
    }

    /// Panics unless its first `len` bytes hold its tag; `usize::MAX` means all.
    pub fn check(&self, len: usize) {
        let size = self.layout.size();
        for (at, len) in words(size, len.min(size)) {
            // SAFETY: within the block's first `len` bytes; those compared have been written.
            let found = unsafe { slice::from_raw_parts(self.start.add(at), len) };
            let same = found == &word(self.tag, at)[..len];
            assert!(same, "overwritten at {at}: {:?}", self.layout);
        }
    }

    /// Resizes the block, checks that its contents moved with it, and fills it with a new tag.
    pub fn resize(&mut self, alloc: &impl GlobalAlloc, size: usize, tag: u64) {
        let old = self.layout;
        self.check(old.size());
        // SAFETY: a live block with its layout; the size is not zero.
        let start = unsafe { alloc.realloc(self.start, old, size) };
        self.note_moved(start);
        // By the old layout, which says where words were written.
        self.check(old.size().min(size));
        (self.layout, self.tag) = (layout(size, old.align()), tag);
        self.fill();
    }

    /// Checks the block, overwrites all of it with bytes that are neither zero nor its tag, and
    /// gives it back.
    pub fn free_dirty(self, alloc: &impl GlobalAlloc) {
        self.check(self.layout.size());
        // SAFETY: a live block, whose bytes nobody reads again; given up here.
        unsafe {
            self.start.write_bytes(0xff, self.layout.size());
            alloc.dealloc(self.start, self.layout);
        }
    }

    /// Checks the block and gives it back.
    pub fn free(self, alloc: &impl GlobalAlloc) {
        self.check(self.layout.size());
        // SAFETY: a live block with its layout, given up here.
        unsafe { alloc.dealloc(self.start, self.layout) };
    }
}

/// Where a block of `size` bytes has words of its tag, and their lengths, clipped to `..end`.
fn words(size: usize, end: usize) -> impl Iterator<Item = (usize, usize)> {
    let step = if size <= 4096 { 8 } else { 64 };
    let last = (size - 1) & !7;
    (0..end)
        .step_by(step)
        .chain((last < end).then_some(last))
        .map(move |at| (at, 8.min(end - at)))
}

fn word(tag: u64, at: usize) -> [u8; 8] {
    (tag ^ (at as u64) << 20).to_ne_bytes()
}

fn is_zero(bytes: &[u8]) -> bool {
    // Comparing slices is fast in debug builds too.
    static ZEROS: [u8; 4096] = [0; 4096];
    let mut chunks = bytes.chunks(ZEROS.len());
    chunks.all(|chunk| chunk == &ZEROS[..chunk.len()])
}
