//! Orders: the arithmetic of power-of-two runs of blocks.
//!
//! A run of order *k* is `1 << k` blocks that start at a multiple of their number. Its **buddy** is
//! the run whose index differs in bit *k* alone. [`BlockSize`] turns bytes into blocks and back;
//! [`runs`] and [`height`] find the free runs in a word of 64 blocks.
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
pub(crate) struct Order(pub(crate) u32);

impl Order {
    /// The lowest order whose runs hold `blocks` blocks.
    #[inline]
    pub(crate) fn holding(blocks: usize) -> Self {
        Self(blocks.next_power_of_two().trailing_zeros())
    }

    /// The run that merges with the one at `index` when both are free.
    #[cfg(test)]
    pub(crate) fn buddy(self, index: usize) -> usize {
        index ^ (1 << self.0)
    }
}

/// The size of one block: a power of two, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockSize {
    shift: u32,
    /// The bits of a number of bytes that are less than a block.
    below: usize,
}

impl BlockSize {
    /// `None` unless `bytes` is a power of two.
    #[inline]
    pub(crate) fn new(bytes: usize) -> Option<Self> {
        bytes.is_power_of_two().then(|| Self {
            shift: bytes.trailing_zeros(),
            below: bytes - 1,
        })
    }

    #[inline]
    pub(crate) fn bytes(self) -> usize {
        self.below + 1
    }

    /// How many blocks hold `bytes` bytes.
    #[inline]
    pub(crate) fn blocks_up(self, bytes: usize) -> usize {
        (bytes >> self.shift) + usize::from(bytes & self.below != 0)
    }

    /// How many whole blocks lie in `bytes` bytes.
    #[inline]
    pub(crate) fn blocks_down(self, bytes: usize) -> usize {
        bytes >> self.shift
    }

    /// The length of `blocks` blocks in bytes, which is also the offset of block number `blocks`.
    #[inline]
    pub(crate) fn bytes_of(self, blocks: usize) -> usize {
        blocks << self.shift
    }

    /// How many blocks a layout takes, and the order of the run in which they are placed: large
    /// enough for the size and aligned enough for the alignment.
    #[inline]
    pub(crate) fn fit(self, layout: Layout) -> (usize, Order) {
        let blocks = self.blocks_up(layout.size());
        (blocks, Order::holding(blocks).max(self.align_order(layout)))
    }

    /// The lowest order whose runs satisfy the alignment.
    #[inline]
    pub(crate) fn align_order(self, layout: Layout) -> Order {
        Order(layout.align().trailing_zeros().saturating_sub(self.shift))
    }
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

/// The starts of all aligned runs of `1 << order` ones in `word`, as a mask; `order <= 6`.
///
/// Folding the word onto itself merges buddies: after step *j*, a bit is set if it and the bits
/// above it, 2ʲ⁺¹ in all, are set in the word.
#[inline]
pub(crate) fn runs(word: u64, order: u32) -> u64 {
    let mut starts = word;
    for j in 0..order {
        starts &= starts >> (1u32 << j);
    }
    starts & ALIGNED[order as usize]
}

/// One more than the order of the longest aligned run of ones in `word`; 0 if it has no ones.
#[inline(always)]
pub(crate) fn height(word: u64) -> u32 {
    let gaps = !word;
    if gaps & gaps.wrapping_sub(1) == 0 {
        // A full word or one with a single gap: the most frequent results of splitting and merging.
        return if gaps == 0 { 7 } else { 6 };
    }
    // A run of order j contains runs of every lower order, so it is enough to count the orders that
    // occur.
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
    use crate::bits::mask;

    #[test]
    fn the_buddy_of_a_buddy_is_the_block_itself() {
        for (order, index, buddy) in [(0, 5, 4), (0, 4, 5), (1, 4, 6), (2, 4, 0), (5, 96, 64)] {
            assert_eq!(Order(order).buddy(index), buddy);
            assert_eq!(Order(order).buddy(buddy), index);
        }
    }

    #[test]
    fn runs_start_at_multiples_of_their_length() {
        assert_eq!(runs(0b0110, 1), 0); // blocks 1..3 start at an odd number
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
            assert_eq!(height(mask(0..1 << order)), order + 1);
        }
    }

    #[test]
    fn the_order_of_a_layout_satisfies_its_size_and_its_alignment() {
        let block_size = BlockSize::new(64).unwrap();
        let fit = |size, align| block_size.fit(Layout::from_size_align(size, align).unwrap());
        assert_eq!(fit(1, 1), (1, Order(0)));
        assert_eq!(fit(65, 1), (2, Order(1)));
        assert_eq!(fit(192, 8), (3, Order(2)));
        assert_eq!(fit(64, 4096), (1, Order(6)));
    }
}
