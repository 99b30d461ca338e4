//! Blocks of an allocator that may refuse them: each is aligned and usable, or null.

use std::alloc::{GlobalAlloc, Layout};

use orionrt::OrionAlloc;
use orionrt_testing::random::Random;

/// Blocks, each with its layout.
#[derive(Default)]
pub(crate) struct Blocks(pub(crate) Vec<(*mut u8, Layout)>);

impl Blocks {
    /// Allocates a block and writes its ends; returns whether there was memory.
    pub(crate) fn allocate(&mut self, alloc: &OrionAlloc, layout: Layout) -> bool {
        // SAFETY: the size is not zero.
        let start = unsafe { alloc.alloc(layout) };
        self.keep(start, layout)
    }

    pub(crate) fn keep(&mut self, start: *mut u8, layout: Layout) -> bool {
        if start.is_null() {
            return false;
        }
        assert_eq!(start.addr() % layout.align(), 0, "{layout:?} at {start:?}");
        // SAFETY: a block of this size.
        unsafe {
            start.write(1);
            start.add(layout.size() - 1).write(1);
        }
        self.0.push((start, layout));
        true
    }

    /// Resizes a block; it stays as it is if there is no memory.
    pub(crate) fn resize(&mut self, alloc: &OrionAlloc, index: usize, size: usize) {
        let (start, old) = self.0.swap_remove(index);
        // SAFETY: allocated with this layout; the size is not zero.
        let moved = unsafe { alloc.realloc(start, old, size) };
        let new = Layout::from_size_align(size, old.align()).unwrap();
        if !self.keep(moved, new) {
            self.keep(start, old);
        }
    }

    pub(crate) fn free(&mut self, alloc: &OrionAlloc, index: usize) {
        let (start, layout) = self.0.swap_remove(index);
        // SAFETY: allocated with this layout.
        unsafe { alloc.dealloc(start, layout) };
    }

    pub(crate) fn free_all(&mut self, alloc: &OrionAlloc) {
        while !self.0.is_empty() {
            self.free(alloc, 0);
        }
    }
}

pub(crate) fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).unwrap()
}

/// Allocates, resizes and frees at random; returns how many requests were served.
pub(crate) fn random_steps(alloc: &OrionAlloc, seed: u64, steps: usize, most: usize) -> usize {
    let (mut random, mut blocks) = (Random(seed), Blocks::default());
    let mut served = 0;
    for _ in 0..steps {
        let count = blocks.0.len();
        match random.below(4) {
            0 if count > 0 => blocks.free(alloc, random.below(count)),
            1 if count > 0 => {
                let (index, size) = (random.below(count), random.log_uniform(1, most));
                blocks.resize(alloc, index, size);
            }
            _ if count < 30 => {
                let align = 1 << random.below(33);
                let size = random.log_uniform(1, most);
                served += usize::from(blocks.allocate(alloc, layout(size, align)));
            }
            _ => blocks.free(alloc, random.below(count)),
        }
    }
    blocks.free_all(alloc);
    served
}
