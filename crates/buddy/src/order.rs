//! Orders: the arithmetic of power-of-two blocks.
//!
//! Order *k* is a run of `1 << k` blocks that starts at a multiple of its length; its **buddy** is the
//! run that differs in bit *k* of the index alone. [`BlockSize`] turns bytes into blocks and back.
//!
//! ```text
//! block     0   1   2   3   4   5   6   7
//! order 0 │ 0 │ 1 │ 2 │ 3 │ 4 │ 5 │ 6 │ 7 │     buddy of 5 is 5 ^ 1 = 4
//! order 1 │   0   │   2   │   4   │   6   │     buddy of 4 is 4 ^ 2 = 6
//! order 2 │       0       │       4       │     buddy of 4 is 4 ^ 4 = 0
//! ```

use core::alloc::Layout;

/// The logarithm of a block run's length: order *k* is `1 << k` blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Order(pub(super) u32);

impl Order {
    /// The least order with room for `blocks`.
    pub(super) fn holding(blocks: usize) -> Self {
        Self(blocks.next_power_of_two().trailing_zeros())
    }

    /// The run that merges with the one at `index` when both are free.
    #[cfg(test)]
    pub(super) fn buddy(self, index: usize) -> usize {
        index ^ (1 << self.0)
    }
}

/// The size of one block: a power of two, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlockSize {
    shift: u32,
}

impl BlockSize {
    /// `None` unless `bytes` is a power of two.
    pub(super) fn new(bytes: usize) -> Option<Self> {
        bytes.is_power_of_two().then(|| Self {
            shift: bytes.trailing_zeros(),
        })
    }

    pub(super) fn bytes(self) -> usize {
        1 << self.shift
    }

    /// Blocks that hold `bytes`, rounded up.
    pub(super) fn blocks_up(self, bytes: usize) -> usize {
        (bytes >> self.shift) + usize::from(bytes & (self.bytes() - 1) != 0)
    }

    /// Whole blocks inside `bytes`, rounded down.
    pub(super) fn blocks_down(self, bytes: usize) -> usize {
        bytes >> self.shift
    }

    /// The bytes that `blocks` take, or their offset.
    pub(super) fn bytes_of(self, blocks: usize) -> usize {
        blocks << self.shift
    }

    /// Blocks of a layout, and the order at which a run of them is looked for: large enough for
    /// the size, aligned enough for the alignment.
    pub(super) fn fit(self, layout: Layout) -> (usize, Order) {
        let blocks = self.blocks_up(layout.size());
        (blocks, Order::holding(blocks).max(self.align_order(layout)))
    }

    /// The least order whose runs satisfy the alignment.
    pub(super) fn align_order(self, layout: Layout) -> Order {
        Order(layout.align().trailing_zeros().saturating_sub(self.shift))
    }
}

/// Bits `lo..hi` of a word; `lo < hi <= 64`.
pub(super) fn bits(lo: usize, hi: usize) -> u64 {
    (u64::MAX >> (64 - (hi - lo))) << lo
}

/// Positions that are multiples of `1 << j`.
const ALIGNED: [u64; 7] = [
    u64::MAX,
    0x5555_5555_5555_5555,
    0x1111_1111_1111_1111,
    0x0101_0101_0101_0101,
    0x0001_0001_0001_0001,
    0x0000_0001_0000_0001,
    1,
];

/// The starts of all aligned runs of `1 << order` ones in `word`; `order <= 6`.
///
/// Folding a word onto itself merges buddies: after step *j*, bit *i* says that bits
/// `i..i + (2 << j)` are all set.
pub(super) fn runs(word: u64, order: u32) -> u64 {
    let mut starts = word;
    for j in 0..order {
        starts &= starts >> (1u32 << j);
    }
    starts & ALIGNED[order as usize]
}

/// One more than the order of the longest aligned run of ones in `word`; 0 for none.
#[inline(always)]
pub(super) fn height(word: u64) -> u32 {
    let gaps = !word;
    if gaps & gaps.wrapping_sub(1) == 0 {
        // A full word, or one with a single gap: what splitting and merging leave most often.
        return if gaps == 0 { 7 } else { 6 };
    }
    // A run of order j holds runs of every lower order, so the orders that occur are counted.
    let mut starts = word;
    let mut orders = u32::from(starts != 0);
    for (j, aligned) in ALIGNED[1..6].iter().enumerate() {
        starts &= (starts >> (1u32 << j)) & aligned;
        orders += u32::from(starts != 0);
    }
    orders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_buddy_of_a_buddy_is_the_block_itself() {
        for (order, index, buddy) in [(0, 5, 4), (0, 4, 5), (1, 4, 6), (2, 4, 0), (5, 96, 64)] {
            assert_eq!(Order(order).buddy(index), buddy);
            assert_eq!(Order(order).buddy(buddy), index);
        }
    }

    #[test]
    fn runs_start_at_multiples_of_their_length() {
        assert_eq!(runs(0b0110, 1), 0); // 1..3 is no block of order 1
        assert_eq!(runs(0b1100, 1), 0b0100);
        assert_eq!(runs(u64::MAX, 6), 1);
        assert_eq!(runs(u64::MAX >> 1, 5), 1);
    }

    #[test]
    fn height_is_one_above_the_longest_run() {
        for (word, expected) in [(0, 0), (0b10, 1), (0b0110, 1), (0b1100, 2), (0xff00, 4)] {
            assert_eq!(height(word), expected, "{word:#b}");
        }
        assert_eq!(height(u64::MAX), 7);
        for order in 0..=6 {
            assert_eq!(height(bits(0, 1 << order)), order + 1);
        }
    }

    #[test]
    fn a_layout_asks_for_its_blocks_at_its_alignment() {
        let block_bytes = BlockSize::new(64).unwrap();
        let fit = |size, align| block_bytes.fit(Layout::from_size_align(size, align).unwrap());
        assert_eq!(fit(1, 1), (1, Order(0)));
        assert_eq!(fit(65, 1), (2, Order(1)));
        assert_eq!(fit(192, 8), (3, Order(2)));
        assert_eq!(fit(64, 4096), (1, Order(6)));
    }
}
