//! Blocks for tests of global allocators: filled with a tag of their own, checked whenever they are touched; and random numbers.
//!
//! Up to a page every byte is written and checked, beyond one word in every 64 bytes and the last one. So a block that overlaps another,
//! has moved without its contents, or has lost a page shows at the next look.

// Each test program uses its own part of this file.
#![allow(dead_code)]

use std::{
    alloc::{GlobalAlloc, Layout},
    panic::resume_unwind,
    ptr, slice, thread,
};

/// Steele, Lea and Flood's SplitMix: small, and the same on every machine.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Less than `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// Every octave of the range is as likely as every other.
    pub fn log_uniform(&mut self, least: usize, most: usize) -> usize {
        let octaves = (most / least).ilog2() as usize + 1;
        let low = least << self.below(octaves);
        (low + self.below(low)).min(most)
    }

    /// Mostly small, up to `most` bytes.
    pub fn size(&mut self, most: usize) -> usize {
        match self.below(10) {
            0 => self.log_uniform(1, most),
            _ => self.log_uniform(1, 2048),
        }
    }

    /// Mostly small and seldom strictly aligned, up to `most` bytes.
    pub fn layout(&mut self, most: usize) -> Layout {
        let align = match self.below(64) {
            0..=8 => 1 << self.below(17),
            _ => 1 << self.below(5),
        };
        layout(self.size(most), align)
    }
}

/// Runs it in a thread of its own, which has no cache yet, until that has ended, its thread-locals included.
pub fn in_thread<T: Send>(run: impl FnOnce() -> T + Send) -> T {
    let outcome = thread::scope(|scope| scope.spawn(run).join());
    outcome.unwrap_or_else(|panic| resume_unwind(panic))
}

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
    pub fn new(alloc: &impl GlobalAlloc, layout: Layout, tag: u64) -> Self {
        // SAFETY: no layout here has size zero.
        Self::of(unsafe { alloc.alloc(layout) }, layout, tag)
    }

    /// Zeroed, which is checked before it is filled.
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

    pub fn start(&self) -> *mut u8 {
        self.start
    }

    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Fills it with its tag.
    pub fn fill(&self) {
        let size = self.layout.size();
        for (at, len) in words(size, size) {
            let word = word(self.tag, at);
            // SAFETY: within the block, whose bytes are its owner's.
            unsafe { ptr::copy_nonoverlapping(word.as_ptr(), self.start.add(at), len) };
        }
    }

    /// Checks the first `len` bytes.
    pub fn check(&self, len: usize) {
        let size = self.layout.size();
        for (at, len) in words(size, len.min(size)) {
            // SAFETY: within the block's first `len` bytes, which are there; those compared have been written.
            let found = unsafe { slice::from_raw_parts(self.start.add(at), len) };
            let same = found == &word(self.tag, at)[..len];
            assert!(same, "overwritten at {at}: {:?}", self.layout);
        }
    }

    /// Resizes it with its contents, and fills it anew.
    pub fn resize(&mut self, alloc: &impl GlobalAlloc, size: usize, tag: u64) {
        let old = self.layout;
        self.check(old.size());
        // SAFETY: a live block with its layout; the size is not zero.
        let start = unsafe { alloc.realloc(self.start, old, size) };
        self.note_moved(start);
        // By the old layout: it says where words were written.
        self.check(old.size().min(size));
        (self.layout, self.tag) = (layout(size, old.align()), tag);
        self.fill();
    }

    /// Makes every byte of it something else than zero or its tag, and gives it back.
    pub fn free_dirty(self, alloc: &impl GlobalAlloc) {
        self.check(self.layout.size());
        // SAFETY: a live block, whose bytes nobody reads again; given up here.
        unsafe {
            self.start.write_bytes(0xff, self.layout.size());
            alloc.dealloc(self.start, self.layout);
        }
    }

    pub fn free(self, alloc: &impl GlobalAlloc) {
        self.check(self.layout.size());
        // SAFETY: a live block with its layout, given up here.
        unsafe { alloc.dealloc(self.start, self.layout) };
    }
}

/// Where a block of `size` bytes has words of its tag, and how long they are; below `end` alone.
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
    let mut parts = bytes.chunks(ZEROS.len());
    parts.all(|part| part == &ZEROS[..part.len()])
}
