//! The cost of every operation, in words of the bitmaps that it touches.
//!
//! Checked, whatever the state: no operation touches more words than the orders and levels of the
//! tree allow; and a huge range costs only what is used of it.

use core::alloc::Layout;
use std::{println, vec, vec::Vec};

use super::Buddy;
use crate::work::{WORDS, uncounted};

const BLOCK: usize = 64;

#[derive(Clone, Copy)]
enum Operation {
    Allocate,
    /// An allocation for which there is no run of its order.
    Spill,
    Free,
    Resize,
}

const OPERATIONS: [(Operation, &str); 4] = [
    (Operation::Allocate, "allocate"),
    (Operation::Spill, "allocate, no run of its order"),
    (Operation::Free, "free"),
    (Operation::Resize, "resize"),
];

/// The most words that an operation may touch. A node of level *l* has *6 l* masks, one for each
/// order below its own, and a path has one node of each level.
///
/// - A look-up by order reads two words a level.
/// - A look-up by place follows one path to the node where the run spans several children, and two
///   from there. On each it reads at most four words a level: the state of a child and the masks of
///   the node.
/// - A change follows the same two paths. A node on them is filled if it was stale, has its covered
///   children set, is updated after a change of a child, and has its height computed after each of
///   the two: that is five times each of its masks, and 12 other words.
///
/// So everything is bounded by orders x levels, and there are at most ten levels. An allocation for
/// which there is no run of its order looks at each lower order once, by order and by place.
fn bound(operation: Operation, orders: usize, levels: usize) -> usize {
    let masks: usize = (1..levels).map(|level| 6 * level).sum();
    let by_order = 2 * levels;
    let by_place = 2 * 4 * levels;
    let change = 2 * (5 * masks + 12 * levels);
    match operation {
        Operation::Allocate => by_order + change,
        Operation::Spill => by_order + orders * (by_order + by_place) + change,
        Operation::Free => by_place + change,
        Operation::Resize => 2 * by_place + change,
    }
}

/// The most words for each order that operations really touch in trees of up to five levels, 2³⁰
/// blocks. (Allocations for which there is no run of their order are excepted.)
const MOST_SEEN_PER_ORDER: usize = 16;

struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005);
        self.0 = self.0.wrapping_add(1442695040888963407);
        (self.0 >> 20) as usize % end
    }

    /// A size in bytes of at most `blocks` blocks; every power of two is as likely as the next.
    fn size(&mut self, blocks: usize) -> usize {
        let most = 1 << self.below(blocks.ilog2() as usize + 1);
        (1 + self.below(most)) * BLOCK - self.below(BLOCK)
    }
}

/// A buddy allocator in random use. `counts[o][w]` says how often operation *o* touched *w* words.
struct Workload {
    buddy: Buddy<Vec<u64>>,
    live: Vec<(usize, Layout)>,
    random: Random,
    counts: [Vec<usize>; 4],
}

impl Workload {
    fn new(blocks: usize) -> Self {
        let words = vec![0; Buddy::<Vec<u64>>::words_for(blocks * BLOCK, BLOCK)];
        Self {
            buddy: Buddy::in_zeroed_words(words, BLOCK, 0..blocks * BLOCK).unwrap(),
            live: Vec::new(),
            random: Random(7),
            counts: Default::default(),
        }
    }

    fn blocks(&self) -> usize {
        self.buddy.capacity() / BLOCK
    }

    fn count(&mut self, operation: Operation) {
        let words = WORDS.replace(0);
        let counts = &mut self.counts[operation as usize];
        counts.resize(counts.len().max(words + 1), 0);
        counts[words] += 1;
    }

    fn allocate(&mut self) {
        let size = self.random.size(self.blocks());
        let align = match self.random.below(4) {
            0 => BLOCK << self.random.below(self.blocks().ilog2() as usize),
            _ => 1,
        };
        let layout = Layout::from_size_align(size, align).unwrap();
        let order = self.buddy.block_size.fit(layout).1;
        let mut operation = Operation::Allocate;
        uncounted(|| {
            if self.buddy.tree.lowest(order).is_none() {
                operation = Operation::Spill;
            }
            true
        });
        let offset = self.buddy.allocate(layout);
        self.count(operation);
        self.live.extend(offset.map(|offset| (offset, layout)));
    }

    fn free(&mut self) {
        let index = self.random.below(self.live.len());
        let (offset, layout) = self.live.swap_remove(index);
        self.buddy.free(offset, layout).unwrap();
        self.count(Operation::Free);
    }

    fn resize(&mut self) {
        let index = self.random.below(self.live.len());
        let (offset, layout) = self.live[index];
        // Growing by little: the blocks behind are seldom free for long.
        let size = match self.random.below(2) {
            0 => layout.size() + self.random.size(64),
            _ => 1 + self.random.below(layout.size()),
        };
        if self.buddy.resize(offset, layout.size(), size).unwrap() {
            self.live[index].1 = Layout::from_size_align(size, layout.align()).unwrap();
        }
        self.count(Operation::Resize);
    }

    /// Random operations that keep about `taken` per mille of the blocks taken.
    fn run(&mut self, operations: usize, taken: usize) {
        let target = self.blocks() / 1000 * taken;
        WORDS.set(0);
        for _ in 0..operations {
            let full = self.blocks() - self.buddy.free_blocks > target;
            match self.random.below(10) {
                0 if !self.live.is_empty() => self.resize(),
                1..3 => self.allocate(),
                3..5 if !self.live.is_empty() => self.free(),
                _ if full && !self.live.is_empty() => self.free(),
                _ => self.allocate(),
            }
        }
    }

    fn check(&self) {
        let orders = self.blocks().ilog2() as usize + 1;
        let levels = self.buddy.tree.shape.levels;
        for (operation, name) in OPERATIONS {
            let counts = &self.counts[operation as usize];
            let total: usize = counts.iter().sum();
            let quantile = |share: f64| {
                let mut left = (total as f64 * share) as usize;
                let words = counts.iter().position(|&count| {
                    let found = count > left;
                    left = left.saturating_sub(count);
                    found
                });
                words.unwrap_or(counts.len() - 1)
            };
            let (most, bound) = (counts.len() - 1, bound(operation, orders, levels));
            println!(
                "{orders:>6} {levels:>6}  {name:<30}{total:>9} {:>7} {:>7} {most:>5} {bound:>6}",
                quantile(0.5),
                quantile(0.999)
            );
            assert!(most <= bound, "{name}: {most} words, {bound} allowed");
            let exempt = matches!(operation, Operation::Spill);
            let linear = exempt || most <= MOST_SEEN_PER_ORDER * orders;
            assert!(linear, "{name}: {most} words, {orders} orders");
        }
    }
}

/// A terabyte in pages: five levels, and nearly five million words, of which a few hundred are
/// touched.
#[test]
fn a_huge_range_costs_only_what_is_used() {
    let (terabyte, page) = (1usize << 40, 4096);
    let needed = Buddy::<Vec<u64>>::words_for(terabyte, page);
    let half = Layout::from_size_align(terabyte / 2 + 1, 1).unwrap();
    WORDS.set(0);
    let mut buddy = Buddy::in_zeroed_words(vec![0; needed], page, 0..terabyte).unwrap();
    let offset = buddy.allocate(half).unwrap();
    assert_eq!(buddy.allocate(half), None);
    assert_eq!(buddy.free_bytes(), terabyte / 2 - page);
    buddy.free(offset, half).unwrap();
    let touched = WORDS.get();
    assert!(
        touched < 500 && needed > 4_000_000,
        "{touched} of {needed} words"
    );
    assert_eq!(buddy.largest_free(), terabyte);
    assert!(buddy.validate());
}

/// No operation touches more words than the orders and levels allow, whatever the state.
#[test]
fn work_is_bounded_by_orders_and_levels() {
    let operations = if cfg!(debug_assertions) {
        1_000_000
    } else {
        10_000_000
    };
    println!(
        "orders levels  kind                          operations  median   99.9 %  most  bound"
    );
    let sizes = [64, 5000, 1 << 17, (1 << 20) - 777, (1 << 26) + 12_345];
    for blocks in sizes {
        let mut workload = Workload::new(blocks);
        for taken in [50, 500, 900, 990] {
            workload.run(operations / sizes.len() / 4, taken);
        }
        assert!(workload.buddy.validate());
        workload.check();
    }
}
