//! How many words an operation touches, counted in unit tests and nowhere else.
//!
//! Every access of [`tree`](super::tree) to its words says so here, with as many words as it reads or writes.

#[cfg(test)]
std::thread_local! {
    static WORDS: core::cell::Cell<usize> = const { core::cell::Cell::new(0) };
}

/// Counts words that are read or written now. Outside of unit tests it is nothing.
#[inline(always)]
pub(super) fn touched(_words: usize) {
    #[cfg(test)]
    WORDS.set(WORDS.get() + _words);
}

/// Runs a check that no release build makes, at no charge.
#[inline(always)]
pub(super) fn free_of_charge(check: impl FnOnce() -> bool) -> bool {
    #[cfg(test)]
    let before = WORDS.get();
    let outcome = check();
    #[cfg(test)]
    WORDS.set(before);
    outcome
}

#[cfg(test)]
mod tests {
    use core::alloc::Layout;
    use std::{println, vec, vec::Vec};

    use super::{WORDS, free_of_charge};
    use crate::Buddy;

    const GRAIN: usize = 64;

    /// What is done, and by how many words it is bounded in a tree of so many levels.
    #[derive(Clone, Copy)]
    enum Kind {
        Allocate,
        Spill,
        Free,
        Resize,
    }

    const KINDS: [(Kind, &str); 4] = [
        (Kind::Allocate, "allocate"),
        (Kind::Spill, "allocate, no run of its order"),
        (Kind::Free, "free"),
        (Kind::Resize, "resize"),
    ];

    /// The most words that an operation may touch. Level *l* of a tree has *6 l* masks, one for each order below its own, and a path has
    /// one node of each level.
    ///
    /// - A look-up by order reads two words a level.
    /// - A look-up by place follows one path to where the run parts, and two from there: at most four words a level on
    ///   each, the state of a child and the masks of the node.
    /// - A change follows the same two paths. A node on them is filled when it was stale, has its covered children set, takes note that a
    ///   child has changed, and looks for its height after each of the two: five times each of its masks, with 12 other words.
    ///
    /// So everything is bounded by orders x levels, and there are at most ten levels. An allocation that finds no run of its
    /// order looks at each lower order once, by order and by place.
    fn bound(kind: Kind, orders: usize, levels: usize) -> usize {
        let masks: usize = (1..levels).map(|level| 6 * level).sum();
        let by_order = 2 * levels;
        let by_place = 2 * 4 * levels;
        let change = 2 * (5 * masks + 12 * levels);
        match kind {
            Kind::Allocate => by_order + change,
            Kind::Spill => by_order + orders * (by_order + by_place) + change,
            Kind::Free => by_place + change,
            Kind::Resize => 2 * by_place + change,
        }
    }

    /// What is seen of these bounds in trees of up to five levels, which is 2³⁰ blocks: words for each order, where a run of the
    /// order is found.
    const SEEN: usize = 16;

    struct Random(u64);

    impl Random {
        fn below(&mut self, end: usize) -> usize {
            self.0 = self.0.wrapping_mul(6364136223846793005);
            self.0 = self.0.wrapping_add(1442695040888963407);
            (self.0 >> 20) as usize % end
        }

        /// Each order of magnitude is as likely as the next, up to `blocks`.
        fn size(&mut self, blocks: usize) -> usize {
            let most = 1 << self.below(blocks.ilog2() as usize + 1);
            (1 + self.below(most)) * GRAIN - self.below(GRAIN)
        }
    }

    /// A buddy allocator in random use, and how often an operation of each kind touched how many words.
    struct Load {
        buddy: Buddy<Vec<u64>>,
        live: Vec<(usize, Layout)>,
        random: Random,
        counts: [Vec<usize>; 4],
    }

    impl Load {
        fn new(blocks: usize) -> Self {
            let words = vec![0; Buddy::<Vec<u64>>::words_for(blocks * GRAIN, GRAIN)];
            Self {
                buddy: Buddy::in_zeroed_words(words, GRAIN, 0..blocks * GRAIN).unwrap(),
                live: Vec::new(),
                random: Random(7),
                counts: Default::default(),
            }
        }

        fn blocks(&self) -> usize {
            self.buddy.capacity() / GRAIN
        }

        fn count(&mut self, kind: Kind) {
            let words = WORDS.replace(0);
            let counts = &mut self.counts[kind as usize];
            counts.resize(counts.len().max(words + 1), 0);
            counts[words] += 1;
        }

        fn allocate(&mut self) {
            let size = self.random.size(self.blocks());
            let align = match self.random.below(4) {
                0 => GRAIN << self.random.below(self.blocks().ilog2() as usize),
                _ => 1,
            };
            let layout = Layout::from_size_align(size, align).unwrap();
            let order = self.buddy.block_size.fit(layout).1;
            let mut kind = Kind::Allocate;
            free_of_charge(|| {
                if self.buddy.tree.lowest(order).is_none() {
                    kind = Kind::Spill;
                }
                true
            });
            let offset = self.buddy.allocate(layout);
            self.count(kind);
            self.live.extend(offset.map(|offset| (offset, layout)));
        }

        fn free(&mut self) {
            let index = self.random.below(self.live.len());
            let (offset, layout) = self.live.swap_remove(index);
            self.buddy.free(offset, layout).unwrap();
            self.count(Kind::Free);
        }

        fn resize(&mut self) {
            let index = self.random.below(self.live.len());
            let (offset, layout) = self.live[index];
            // Mostly by a little: what lies behind is seldom free for long.
            let size = match self.random.below(2) {
                0 => layout.size() + self.random.size(64),
                _ => 1 + self.random.below(layout.size()),
            };
            if self.buddy.resize(offset, layout.size(), size).unwrap() {
                self.live[index].1 = Layout::from_size_align(size, layout.align()).unwrap();
            }
            self.count(Kind::Resize);
        }

        /// Random operations which keep about so many per mille of the blocks taken.
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
            for (kind, name) in KINDS {
                let counts = &self.counts[kind as usize];
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
                let (most, bound) = (counts.len() - 1, bound(kind, orders, levels));
                println!(
                    "{orders:>6} {levels:>6}  {name:<30}{total:>9} {:>7} {:>7} {most:>5} {bound:>6}",
                    quantile(0.5),
                    quantile(0.999)
                );
                assert!(most <= bound, "{name}: {most} words, {bound} allowed");
                let linear = most <= SEEN * orders || matches!(kind, Kind::Spill);
                assert!(linear, "{name}: {most} words, {orders} orders");
            }
        }
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
            let mut load = Load::new(blocks);
            for taken in [50, 500, 900, 990] {
                load.run(operations / sizes.len() / 4, taken);
            }
            assert!(load.buddy.validate());
            load.check();
        }
    }
}
