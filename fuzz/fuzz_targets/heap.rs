//! Any sequence of `OrionAlloc`'s operations, from one thread, with some blocks freed by another:
//! blocks never overlap, they keep their contents, zeroed blocks are zero, and all bytes come back.
//!
//! Heaps stay for ever, so the allocators are statics: each case finds free memory that others have
//! left, but no live block. Every case runs in a thread of its own, which has a cache of the
//! allocator that it uses, or has a cache of another one and takes a lock for every call.
#![no_main]

use std::{thread, time::Duration};

use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};
use orionrt::{OrionAlloc, arena::HugePages, heap::Decay};
use orionrt_testing::{
    blocks::{Block, layout},
    random::Random,
};

const MOST_LIVE: usize = 256 << 20;
const LARGEST: usize = 32 << 20;
const MOST_RANDOM: usize = 256 << 10;

static ALLOCS: [OrionAlloc; 4] = [
    OrionAlloc::new().with_first_zone(1 << 20),
    OrionAlloc::new()
        .with_first_zone(1 << 20)
        .with_decay(Decay::After(Duration::ZERO)),
    OrionAlloc::new().with_decay(Decay::Never),
    OrionAlloc::new()
        .with_first_zone(64 << 20)
        .with_huge_pages(HugePages::Always),
];
static OTHER: OrionAlloc = OrionAlloc::new();

/// A size. Up to 64 KiB, each range from one power of two to the next is as likely as every other;
/// larger sizes, whose pages take time, are seldom.
#[derive(Arbitrary, Clone, Copy, Debug)]
struct Size {
    log2: u8,
    within: u8,
}

impl Size {
    fn bytes(self) -> usize {
        let ranges = if self.log2 < 240 { 17 } else { 25 };
        let low = 1 << (self.log2 % ranges);
        low + ((low * usize::from(self.within)) >> 8)
    }
}

#[derive(Arbitrary, Debug)]
enum Op {
    Allocate {
        size: Size,
        align: u8,
        zeroed: bool,
    },
    /// Many blocks of one size: spans fill, caches overflow.
    AllocateMany(u16, u8),
    FreeMany(u8),
    /// A long random sequence, from a seed.
    Random(u16, u8),
    Free(u8),
    FreeDirty(u8),
    Resize(u8, Size),
    /// Resizes a block to so many sixteenths of its size.
    Scale(u8, u8),
    /// Leaves a block to another thread, which frees it.
    Hand(u8),
    Check(u8),
    Purge,
    Stats,
}

#[derive(Arbitrary, Debug)]
struct Case {
    settings: u8,
    ops: Vec<Op>,
}

struct Run {
    alloc: &'static OrionAlloc,
    live: Vec<Block>,
    bytes: usize,
    handed: Vec<Block>,
    tag: u64,
}

impl Run {
    fn tag(&mut self) -> u64 {
        self.tag += 1;
        self.tag
    }

    fn allocate(&mut self, size: usize, align: usize, zeroed: bool) {
        if self.bytes + size > MOST_LIVE {
            return;
        }
        let (layout, tag) = (layout(size, align), self.tag());
        self.bytes += size;
        self.live.push(if zeroed {
            Block::zeroed(self.alloc, layout, tag)
        } else {
            Block::new(self.alloc, layout, tag)
        });
    }

    fn take(&mut self, index: u8) -> Option<Block> {
        let index = usize::from(index) % self.live.len().max(1);
        let block = (index < self.live.len()).then(|| self.live.swap_remove(index))?;
        self.bytes -= block.layout().size();
        Some(block)
    }

    fn resize(&mut self, index: u8, to: impl FnOnce(usize) -> usize) {
        let Some(mut block) = self.take(index) else {
            return;
        };
        let size = to(block.layout().size()).clamp(1, LARGEST);
        if self.bytes + size <= MOST_LIVE {
            let tag = self.tag();
            block.resize(self.alloc, size, tag);
        }
        self.bytes += block.layout().size();
        self.live.push(block);
    }

    fn random_step(&mut self, random: &mut Random) {
        let index = random.next_u64() as u8;
        match random.below(5) {
            0 => self.resize(index, |_| random.size(MOST_RANDOM)),
            1 | 2 => {
                if let Some(block) = self.take(index) {
                    block.free(self.alloc);
                }
            }
            step => {
                let layout = random.layout(MOST_RANDOM);
                self.allocate(layout.size(), layout.align(), step == 3);
            }
        }
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Random(seed, count) => {
                let mut random = Random(seed.into());
                (0..count).for_each(|_| self.random_step(&mut random));
            }
            Op::Allocate {
                size,
                align,
                zeroed,
            } => self.allocate(size.bytes(), 1 << (align % 17), zeroed),
            Op::AllocateMany(size, count) => {
                (0..count).for_each(|_| self.allocate(usize::from(size).max(1), 1, false));
            }
            Op::FreeMany(count) => {
                (0..count)
                    .map_while(|index| self.take(index))
                    .collect::<Vec<_>>()
                    .into_iter()
                    .for_each(|block| block.free(self.alloc));
            }
            Op::Resize(index, size) => self.resize(index, |_| size.bytes()),
            Op::Scale(index, sixteenths) => {
                self.resize(index, |size| size * usize::from(sixteenths % 64) / 16);
            }
            Op::Purge => drop(self.alloc.purge()),
            Op::Stats => self.check_stats(),
            Op::Check(index) if !self.live.is_empty() => {
                self.live[usize::from(index) % self.live.len()].check(usize::MAX);
            }
            Op::Free(index) | Op::FreeDirty(index) | Op::Hand(index) => {
                let Some(block) = self.take(index) else {
                    return;
                };
                match op {
                    Op::Free(_) => block.free(self.alloc),
                    Op::Hand(_) => self.handed.push(block),
                    _ => block.free_dirty(self.alloc),
                }
            }
            Op::Check(_) => {}
        }
    }

    fn check_stats(&self) {
        let stats = self.alloc.stats();
        let handed: usize = self.handed.iter().map(|block| block.layout().size()).sum();
        let blocks = (self.live.len() + self.handed.len()) as u64;
        assert_eq!(stats.requested_bytes, self.bytes + handed);
        assert_eq!(stats.allocations - stats.deallocations, blocks);
        assert_eq!(stats.failures, 0);
        assert!(stats.live_bytes >= stats.requested_bytes);
        assert!(stats.used_bytes >= stats.live_bytes);
        assert!(stats.resident_bytes >= stats.used_bytes);
    }
}

/// Runs a case; returns the blocks that another thread is to free.
fn run(case: Case, alloc: &'static OrionAlloc) -> Vec<Block> {
    if case.settings & 0x80 != 0 {
        // A heap has no caches before its first allocation: the second one binds a cache.
        (0..2).for_each(|_| Block::new(&OTHER, layout(8, 8), 0).free(&OTHER));
    }
    let mut run = Run {
        alloc,
        live: Vec::new(),
        bytes: 0,
        handed: Vec::new(),
        tag: 0,
    };
    for op in case.ops {
        run.apply(op);
    }
    run.check_stats();
    run.live.drain(..).for_each(|block| block.free(alloc));
    run.handed
}

fuzz_target!(|case: Case| {
    let alloc = &ALLOCS[usize::from(case.settings) % ALLOCS.len()];
    let purge = case.settings & 0x40 != 0;
    let handed = thread::scope(|scope| scope.spawn(|| run(case, alloc)).join()).expect("no panic");
    handed.into_iter().for_each(|block| block.free(alloc));
    if purge {
        alloc.purge();
    }
    let stats = alloc.stats();
    assert_eq!(
        (stats.live_bytes, stats.allocations - stats.deallocations),
        (0, 0)
    );
});
