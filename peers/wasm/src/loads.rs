//! Loads that depend on nothing but their own numbers. All write to the blocks that they are given,
//! by one word each, so that a block is real and its contents cost little.

use std::{
    alloc::{Layout, alloc, dealloc, realloc},
    ptr,
};

/// A load; it does its operations, and returns how many they were.
pub struct Load {
    /// What it does.
    pub name: &'static str,
    /// The function.
    pub run: fn() -> u32,
}

/// All loads, in the order of the table.
pub const LOADS: &[Load] = &[
    load("blocks of 24 bytes, freed in order", || fixed(24, 20_000)),
    load("blocks of 2000 bytes, freed in order", || fixed(2000, 2000)),
    load("8 to 256 bytes at random", || churn(8, 256, 4000, 80_000)),
    load("8 bytes to 16 KiB at random", || {
        churn(8, 16 << 10, 1000, 40_000)
    }),
    load("4 to 256 KiB at random", || {
        churn(4 << 10, 256 << 10, 60, 4000)
    }),
    load("16 vectors that grow by turns", || growth(16, 4000)),
    load("small blocks, then larger ones in their place", phases),
];

const fn load(name: &'static str, run: fn() -> u32) -> Load {
    Load { name, run }
}

/// A block of the load's.
struct Block {
    start: *mut u8,
    layout: Layout,
}

impl Block {
    fn new(size: usize) -> Self {
        let layout = Layout::from_size_align(size, 8).expect("small");
        // SAFETY: no load asks for 0 bytes.
        let start = unsafe { alloc(layout) };
        assert!(!start.is_null());
        // SAFETY: the first word of a block of at least 8 bytes.
        unsafe { start.cast::<u64>().write(size as u64) };
        Self { start, layout }
    }

    fn resize(&mut self, size: usize) {
        // SAFETY: a block with its layout; no load asks for 0 bytes.
        self.start = unsafe { realloc(self.start, self.layout, size) };
        assert!(!self.start.is_null());
        self.layout = Layout::from_size_align(size, 8).expect("small");
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: a block with its layout, whose first word is the size that it was made with.
        unsafe {
            assert!(ptr::read(self.start.cast::<u64>()) > 0);
            dealloc(self.start, self.layout);
        }
    }
}

/// Blocks of one size, all allocated and then all freed.
fn fixed(size: usize, count: u32) -> u32 {
    let blocks: Vec<Block> = (0..count).map(|_| Block::new(size)).collect();
    drop(blocks);
    2 * count
}

/// A table of blocks of which one after the other, at random, is replaced by one of another size.
fn churn(least: usize, most: usize, live: usize, steps: u32) -> u32 {
    let mut random = Random(7);
    let mut blocks: Vec<Option<Block>> = (0..live).map(|_| None).collect();
    for _ in 0..steps {
        let at = random.below(live);
        blocks[at] = None;
        blocks[at] = Some(Block::new(random.log_uniform(least, most)));
    }
    drop(blocks);
    2 * steps
}

/// Vectors that grow by half, now this one and now that one.
fn growth(vectors: usize, steps: u32) -> u32 {
    let mut random = Random(11);
    let mut blocks: Vec<Block> = (0..vectors).map(|_| Block::new(64)).collect();
    for _ in 0..steps {
        let block = &mut blocks[random.below(vectors)];
        match block.layout.size() * 3 / 2 {
            size if size > 512 << 10 => *block = Block::new(64),
            size => block.resize(size),
        }
    }
    steps
}

/// Small blocks of which most are freed, then blocks of another size, and so on.
fn phases() -> u32 {
    let mut random = Random(13);
    let mut kept = Vec::new();
    let mut operations = 0;
    for size in [32, 64, 200, 600, 2000, 10_000] {
        let count = (2 << 20) / size;
        let blocks: Vec<Block> = (0..count).map(|_| Block::new(size)).collect();
        operations += 2 * count as u32;
        kept.extend(blocks.into_iter().filter(|_| random.below(16) == 0));
    }
    drop(kept);
    operations
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (((self.next() >> 32) * end as u64) >> 32) as usize
    }

    fn log_uniform(&mut self, least: usize, most: usize) -> usize {
        let low = least << self.below((most / least).ilog2() as usize);
        low + self.below(low)
    }
}
