//! Blocks for tests of the global allocator: filled with a tag of their own, checked whenever they are touched; and random numbers.
//!
//! Up to a page every byte is written and checked, beyond one word in every 64 bytes and the last one. So a block that overlaps another,
//! has moved without its contents, or has lost a page shows at the next look.

// Each test program uses its own part of this file.
#![allow(dead_code)]

use std::{
    alloc::{GlobalAlloc, Layout},
    slice,
};

use orionrt::OrionAlloc;

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

    /// Mostly small and seldom strictly aligned, up to `most` bytes.
    pub fn layout(&mut self, most: usize) -> Layout {
        let size = match self.below(10) {
            0 => self.log_uniform(16, most),
            _ => self.log_uniform(16, 2048),
        };
        let align = match self.below(64) {
            0 => 64 << 10,
            1..=8 => 1 << self.below(13),
            _ => 1 << self.below(5),
        };
        layout(size, align)
    }
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
    pub fn new(alloc: &OrionAlloc, layout: Layout, tag: u64) -> Self {
        // SAFETY: no layout here has size zero.
        Self::of(unsafe { alloc.alloc(layout) }, layout, tag)
    }

    /// Zeroed, which is checked before it is filled.
    pub fn zeroed(alloc: &OrionAlloc, layout: Layout, tag: u64) -> Self {
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

    fn fill(&mut self) {
        let tag = self.tag;
        // SAFETY: the block's own bytes. Some may be uninitialised, and are only written here.
        let bytes = unsafe { slice::from_raw_parts_mut(self.start, self.layout.size()) };
        for (at, len) in words(bytes.len(), bytes.len()) {
            bytes[at..at + len].copy_from_slice(&word(tag, at)[..len]);
        }
    }

    /// Checks the first `len` bytes.
    pub fn check(&self, len: usize) {
        let len = len.min(self.layout.size());
        // SAFETY: the block's own bytes; those compared have been written.
        let bytes = unsafe { slice::from_raw_parts(self.start, self.layout.size()) };
        for (at, len) in words(bytes.len(), len) {
            let same = bytes[at..at + len] == word(self.tag, at)[..len];
            assert!(same, "overwritten at {at}: {:?}", self.layout);
        }
    }

    /// Resizes it with its contents, and fills it anew.
    pub fn resize(&mut self, alloc: &OrionAlloc, size: usize, tag: u64) {
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

    pub fn free(self, alloc: &OrionAlloc) {
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
    // SAFETY: any eight bytes are a `u64`.
    let (head, words, tail) = unsafe { bytes.align_to::<u64>() };
    let is = |part: &[u8]| part.iter().all(|&byte| byte == 0);
    is(head) && is(tail) && words.iter().all(|&word| word == 0)
}
