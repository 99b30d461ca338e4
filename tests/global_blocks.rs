//! Blocks of `OrionAlloc`: they are aligned, apart from each other, zero where they should be, and
//! keep their contents wherever they are resized to.
//!
//! The allocators are instances beside the test program's own. A thread has a cache for the first
//! allocator that it uses, so most tests start one.

use std::{
    alloc::{GlobalAlloc, Layout},
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use orionrt::{OrionAlloc, heap::Decay};
use orionrt_testing::{
    blocks::{Block, in_thread, layout},
    random::Random,
};
use proptest::prelude::*;

const PAGE: usize = 4096;
const LARGEST_SMALL: usize = 32 << 10;

/// Live blocks by address; no two may overlap.
#[derive(Default)]
struct Live(BTreeMap<usize, Block>);

impl Live {
    fn insert(&mut self, block: Block) {
        let start = block.start().addr();
        let end = start + block.layout().size();
        let before = self.0.range(..end).next_back();
        let is_apart = before.is_none_or(|(&at, other)| at + other.layout().size() <= start);
        assert!(is_apart, "two blocks at {start:#x}");
        self.0.insert(start, block);
    }

    fn remove(&mut self, index: usize) -> Option<Block> {
        let at = *self.0.keys().nth(index % self.0.len().max(1))?;
        self.0.remove(&at)
    }

    fn free_all(self, alloc: &OrionAlloc) {
        self.0.into_values().for_each(|block| block.free(alloc));
    }
}

fn assert_empty(alloc: &OrionAlloc) {
    let stats = alloc.stats();
    assert_eq!((stats.live_bytes, stats.requested_bytes), (0, 0), "{stats}");
    assert_eq!(stats.allocations, stats.deallocations);
    alloc.purge();
    let stats = alloc.stats();
    assert_eq!(stats.used_bytes, 0, "{stats}");
    assert_eq!(stats.resident_bytes, stats.metadata_bytes, "{stats}");
}

/// An allocator whose first zone is small.
fn small_alloc() -> OrionAlloc {
    OrionAlloc::new().with_first_zone(1 << 20)
}

// ---- alignment

/// Sizes around the borders of every class, of small blocks, and of runs of pages.
fn border_sizes(alloc: &OrionAlloc) -> Vec<usize> {
    in_thread(|| Block::new(alloc, layout(1, 1), 0).free(alloc));
    let classes = alloc.stats().classes.map(|class| class.size);
    assert_eq!(classes[classes.len() - 1], LARGEST_SMALL);
    let larger = [40 << 10, 64 << 10, 100 << 10, 256 << 10, 1 << 20];
    let borders = classes.into_iter().chain(larger);
    borders
        .flat_map(|size| [size - 1, size, size + 1])
        .collect()
}

#[test]
fn blocks_are_aligned_and_apart_at_every_size_border() {
    static ALLOC: OrionAlloc = OrionAlloc::new().with_first_zone(8 << 20);
    let sizes = border_sizes(&ALLOC);
    in_thread(|| {
        for align in (0..=16).map(|shift| 1 << shift) {
            // The second time, blocks come from what the first has left.
            for round in 0..2 {
                let mut live = Live::default();
                for (tag, &size) in sizes.iter().enumerate() {
                    live.insert(Block::new(&ALLOC, layout(size, align), tag as u64));
                    if tag % 3 == round {
                        live.remove(tag * 7).unwrap().free(&ALLOC);
                    }
                }
                live.free_all(&ALLOC);
            }
        }
    });
    assert_empty(&ALLOC);
}

// ---- zeroed

const SIZES: [usize; 15] = [
    1,
    16,
    100,
    1000,
    PAGE - 1,
    PAGE,
    PAGE + 1,
    9000,
    LARGEST_SMALL,
    LARGEST_SMALL + 1,
    100_000,
    300_000,
    1 << 20,
    (1 << 20) + 1,
    5 << 20,
];

fn decays() -> [Decay; 3] {
    [Decay::default(), Decay::Never, Decay::After(Duration::ZERO)]
}

/// Allocates zeroed blocks of all sizes, makes them dirty, and frees them.
fn use_zeroed(alloc: &OrionAlloc, align: usize) {
    for size in SIZES {
        let blocks: Vec<_> = (0..4)
            .map(|tag| Block::zeroed(alloc, layout(size, align), tag))
            .collect();
        blocks.into_iter().for_each(|block| block.free_dirty(alloc));
    }
}

#[test]
fn zeroed_blocks_are_zero_where_dirty_blocks_were() {
    for decay in decays() {
        let alloc = small_alloc().with_decay(decay);
        in_thread(|| {
            for round in 0..6 {
                use_zeroed(&alloc, [1, 64, PAGE, 16 * PAGE][round % 4]);
                if round == 3 {
                    alloc.purge();
                }
            }
        });
        assert_empty(&alloc);
    }
}

/// Grows a dirty block from `from` to `to` bytes and shrinks it again, and allocates zeroed blocks
/// on the pages that it leaves behind.
fn grow_and_shrink(alloc: &OrionAlloc, from: usize, to: usize) {
    let mut block = Block::new(alloc, layout(from, 8), 1);
    dirty(&block);
    block.fill();
    block.resize(alloc, to, 2);
    Block::zeroed(alloc, layout(to, 8), 3).free_dirty(alloc);
    Block::zeroed(alloc, layout(from, 8), 3).free_dirty(alloc);
    dirty(&block);
    block.fill();
    block.resize(alloc, from, 4);
    let rest: Vec<_> = [to - from, from, to, 1, PAGE]
        .map(|size| Block::zeroed(alloc, layout(size, 8), 5))
        .into();
    rest.into_iter().for_each(|block| block.free_dirty(alloc));
    block.free_dirty(alloc);
}

/// Makes every byte of a block nonzero.
fn dirty(block: &Block) {
    // SAFETY: the block's own bytes.
    unsafe { block.start().write_bytes(0xff, block.layout().size()) };
}

#[test]
fn zeroed_blocks_are_zero_where_blocks_have_grown_and_shrunk() {
    for decay in decays() {
        let alloc = OrionAlloc::new()
            .with_first_zone(128 << 20)
            .with_decay(decay);
        in_thread(|| {
            for (index, from) in SIZES.into_iter().enumerate() {
                for &to in &SIZES[index + 1..] {
                    grow_and_shrink(&alloc, from, to);
                }
            }
        });
        assert_empty(&alloc);
    }
}

// ---- chains of resizing

/// Resizes a block from a byte to 12 MiB and back. With `obstacles`, other blocks are put behind it
/// on its way, so that it has to move.
fn grow_through_all_sizes(alloc: &OrionAlloc, align: usize, obstacles: bool) {
    const MOST: usize = 12 << 20;
    let mut random = Random(align as u64);
    let mut block = Block::new(alloc, layout(1, align), 0);
    let mut others = Live::default();
    let mut size = 1;
    while size < MOST {
        size = (size + size / 2 + random.below(40)).min(MOST).max(size + 1);
        block.resize(alloc, size, random.next_u64());
        if obstacles {
            let size = random.log_uniform(1, size.min(1 << 20));
            others.insert(Block::new(alloc, layout(size, 8), random.next_u64()));
        }
    }
    while size > 1 {
        size = size * 5 / 9 + size % 2;
        size = size.max(1);
        block.resize(alloc, size, random.next_u64());
        if obstacles {
            let size = random.log_uniform(1, size);
            others.insert(Block::zeroed(alloc, layout(size, 8), random.next_u64()));
        }
    }
    block.free(alloc);
    others.free_all(alloc);
}

#[test]
fn a_block_keeps_its_contents_through_all_sizes() {
    for first_zone in [1 << 20, 1 << 30] {
        let alloc = OrionAlloc::new().with_first_zone(first_zone);
        for align in [1, 64, 16 * PAGE] {
            in_thread(|| grow_through_all_sizes(&alloc, align, false));
            in_thread(|| grow_through_all_sizes(&alloc, align, true));
        }
        assert_empty(&alloc);
    }
}

/// A hardened build has a guard page behind each, and moves them.
#[test]
fn large_blocks_shrink_and_grow_in_place_unless_hardened() {
    let alloc = OrionAlloc::new();
    in_thread(|| {
        // Blocks of whole pages, and one that begins some bytes into its first page.
        for largest in [8 << 20, (8 << 20) - 3000] {
            let mut block = Block::new(&alloc, layout(largest, 8), 1);
            for size in [4 << 20, 1 << 20, 100_000, 2 << 20, 8 << 20] {
                let start = block.start();
                block.resize(&alloc, size, size as u64);
                let stayed = block.start() == start;
                let may_stay = !cfg!(feature = "hardened") && !orionrt_sys::checker::IS_ON;
                assert_eq!(stayed, may_stay);
            }
            block.free(&alloc);
        }
    });
    assert_empty(&alloc);
}

#[test]
fn large_blocks_begin_at_many_places_of_their_pages_unless_hardened() {
    let alloc = OrionAlloc::new();
    in_thread(|| {
        for size in [(40 << 10) + 1, 100_000, 1_000_000] {
            let blocks: Vec<_> = (0..32)
                .map(|tag| Block::new(&alloc, layout(size, 64), tag))
                .collect();
            let places: BTreeSet<_> = blocks
                .iter()
                .map(|block| block.start().addr() % PAGE)
                .collect();
            let is_right = match cfg!(feature = "hardened") {
                true => places.len() == 1,
                false => places.len() >= 10,
            };
            assert!(is_right, "{size}: {places:?}");
            blocks.into_iter().for_each(|block| block.free(&alloc));
        }
    });
    assert_empty(&alloc);
}

// ---- any sequence

#[derive(Clone, Copy, Debug)]
enum Op {
    Allocate { layout: Layout, zeroed: bool },
    Resize { index: usize, size: usize },
    Scale { index: usize, eighths: usize },
    Free { index: usize },
    FreeDirty { index: usize },
    Purge,
}

/// Sizes up to 4 MiB; each range from one power of two to the next is as likely as others of its
/// group, lower groups more so.
fn sizes() -> impl Strategy<Value = usize> {
    let size_log2 = prop_oneof![6 => 0..12u32, 2 => 12..17u32, 1 => 17..22u32];
    (size_log2, 0..1024usize).prop_map(|(size_log2, step)| {
        let low = 1usize << size_log2;
        low + ((low * step) >> 10)
    })
}

fn ops() -> impl Strategy<Value = Op> {
    let align = prop_oneof![8 => 0..5u32, 1 => 0..17u32];
    prop_oneof![
        6 => (sizes(), align, any::<bool>()).prop_map(|(size, align, zeroed)| Op::Allocate {
            layout: layout(size, 1 << align),
            zeroed,
        }),
        3 => (any::<usize>(), sizes()).prop_map(|(index, size)| Op::Resize { index, size }),
        3 => (any::<usize>(), 1..33usize).prop_map(|(index, eighths)| Op::Scale { index, eighths }),
        3 => any::<usize>().prop_map(|index| Op::Free { index }),
        1 => any::<usize>().prop_map(|index| Op::FreeDirty { index }),
        1 => Just(Op::Purge),
    ]
}

fn resize(alloc: &OrionAlloc, live: &mut Live, index: usize, to: impl Fn(usize) -> usize) {
    if let Some(mut block) = live.remove(index) {
        let size = to(block.layout().size()).clamp(1, 16 << 20);
        block.resize(alloc, size, index as u64);
        live.insert(block);
    }
}

fn apply(alloc: &OrionAlloc, live: &mut Live, op: Op, tag: u64) {
    match op {
        Op::Allocate { layout, zeroed } => live.insert(match zeroed {
            true => Block::zeroed(alloc, layout, tag),
            false => Block::new(alloc, layout, tag),
        }),
        Op::Resize { index, size } => resize(alloc, live, index, |_| size),
        Op::Scale { index, eighths } => resize(alloc, live, index, |size| size * eighths / 8),
        Op::Free { index } => {
            if let Some(block) = live.remove(index) {
                block.free(alloc);
            }
        }
        Op::FreeDirty { index } => {
            if let Some(block) = live.remove(index) {
                block.free_dirty(alloc);
            }
        }
        Op::Purge => drop(alloc.purge()),
    }
    let asked: usize = live.0.values().map(|block| block.layout().size()).sum();
    assert_eq!(alloc.stats().requested_bytes, asked);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_sequence_keeps_blocks_apart_and_their_contents(
        decay in 0..3usize,
        has_cache: bool,
        ops in prop::collection::vec(ops(), 1..250),
    ) {
        let other = OrionAlloc::new();
        let alloc = small_alloc().with_decay(decays()[decay]);
        in_thread(|| {
            if !has_cache {
                Block::new(&other, layout(8, 8), 0).free(&other);
                Block::new(&other, layout(8, 8), 0).free(&other);
            }
            let mut live = Live::default();
            for (tag, op) in ops.into_iter().enumerate() {
                apply(&alloc, &mut live, op, tag as u64);
            }
            live.free_all(&alloc);
        });
        prop_assert!(alloc.stats().caches <= usize::from(has_cache));
        assert_empty(&alloc);
    }
}

#[test]
fn a_block_that_cannot_grow_stays_as_it_was() {
    const TOO_LARGE: usize = isize::MAX as usize - 4095;
    let alloc = small_alloc();
    in_thread(|| {
        for size in [100, LARGEST_SMALL, 1 << 20] {
            let block = Block::new(&alloc, layout(size, 8), 1);
            // SAFETY: a live block with its layout; the size is not zero, and below `isize::MAX`.
            let moved = unsafe { alloc.realloc(block.start(), block.layout(), TOO_LARGE) };
            assert!(moved.is_null());
            block.free(&alloc);
        }
    });
    assert!(alloc.stats().failures >= 3);
    assert_empty(&alloc);
}
