//! The allocator: bytes and layouts on the outside, blocks and runs on the inside.
//!
//! [`Buddy`] stands on the tree of bitmaps, which knows which runs of blocks are free, and on the
//! arithmetic of orders, which turns layouts into runs. It checks whatever its callers give back.
//!
//! Invariant: `free_blocks` is the number of blocks that are free in the tree; every block is free,
//! or part of exactly one allocation, or outside the managed range.

// It looks at ranges of terabytes.
#[cfg(all(test, target_pointer_width = "64"))]
mod cost;

use core::{alloc::Layout, ops::Range};

use crate::{
    error::{BuddyError, InvalidFree},
    order::{BlockSize, Order},
    tree::{FreeRun, Level, Tree, words_needed},
};

/// The most blocks that one allocator manages.
const MAX_BLOCKS: usize = 1 << (usize::BITS - 8);

/// A buddy allocator over a range of byte offsets.
///
/// It serves the lowest free address, takes whole blocks and not whole powers of two, and merges
/// what comes back with its free neighbours. `W` holds its bitmaps: a `Vec<u64>`, an array, or any
/// other words.
///
/// ```
/// use core::alloc::Layout;
/// use orionrt_buddy::Buddy;
///
/// // 1 MiB in blocks of 64 bytes; the bitmaps live in a Vec.
/// let mut buddy = Buddy::new(vec![0; Buddy::<Vec<u64>>::words_for(1 << 20, 64)], 64, 0..1 << 20)?;
/// let a = Layout::from_size_align(1000, 8)?;
/// let offset = buddy.allocate(a).expect("nothing is taken yet");
/// assert_eq!((offset, buddy.free_bytes()), (0, (1 << 20) - 1024));
/// buddy.free(offset, a)?;
/// assert_eq!(buddy.largest_free(), 1 << 20);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Buddy<W> {
    tree: Tree<W>,
    block_size: BlockSize,
    managed: Range<usize>,
    free_blocks: usize,
}

impl<W: AsRef<[u64]> + AsMut<[u64]>> Buddy<W> {
    /// How many 64-bit words [`new`](Self::new) needs for offsets below `end` in blocks of
    /// `block_bytes` bytes: about 1.2 bits a block.
    ///
    /// For a `block_bytes` that `new` refuses, the words of a single block.
    #[must_use]
    pub fn words_for(end: usize, block_bytes: usize) -> usize {
        let blocks = BlockSize::new(block_bytes).map_or(1, |size| size.blocks_down(end));
        words_needed(blocks.min(MAX_BLOCKS))
    }

    /// An allocator of the offsets `managed` in blocks of `block_bytes` bytes, all of them free.
    ///
    /// Only whole blocks at multiples of `block_bytes` inside `managed` are used. Alignment refers
    /// to the offset as a number: where the memory's address is not a multiple of the largest
    /// alignment, let `managed` start above 0. `words` may hold anything.
    ///
    /// # Errors
    /// When `block_bytes` is not a power of two, there are too few `words`, or too many blocks; see
    /// [`BuddyError`].
    pub fn new(words: W, block_bytes: usize, managed: Range<usize>) -> Result<Self, BuddyError> {
        Self::build(words, block_bytes, managed, Tree::new)
    }

    /// An allocator of the offsets `managed`, all of them free, in words that the caller knows to
    /// be zero. It touches only a few of them, however many there are; otherwise see
    /// [`new`](Self::new).
    ///
    /// # Errors
    /// Those of [`new`](Self::new).
    pub fn in_zeroed_words(
        words: W,
        block_bytes: usize,
        managed: Range<usize>,
    ) -> Result<Self, BuddyError> {
        Self::build(words, block_bytes, managed, Tree::in_zeroed_words)
    }

    fn build(
        words: W,
        block_bytes: usize,
        managed: Range<usize>,
        tree: impl FnOnce(W, Range<usize>) -> Tree<W>,
    ) -> Result<Self, BuddyError> {
        let bad_block_size = BuddyError::BadBlockSize { block_bytes };
        let block_size = BlockSize::new(block_bytes).ok_or(bad_block_size)?;
        let first = block_size.blocks_up(managed.start);
        let managed = first..block_size.blocks_down(managed.end).max(first);
        if managed.end > MAX_BLOCKS {
            return Err(BuddyError::TooManyBlocks {
                blocks: managed.end,
                most: MAX_BLOCKS,
            });
        }
        let (given, needed) = (words.as_ref().len(), words_needed(managed.end));
        if given < needed {
            return Err(BuddyError::TooFewWords { given, needed });
        }
        Ok(Self {
            tree: tree(words, managed.clone()),
            block_size,
            free_blocks: managed.len(),
            managed,
        })
    }

    /// Takes bytes for `layout` at the lowest offset where a run of its order is free. Returns that
    /// offset, or `None` when there is no room or the size is 0. The bytes taken are the size
    /// rounded up to whole blocks.
    ///
    /// Where no run of the rounded-up order is left (the capacity may not be a power of two), the
    /// lowest free run of each smaller order that satisfies the alignment is tried; it is taken if
    /// enough free blocks follow it.
    pub fn allocate(&mut self, layout: Layout) -> Option<usize> {
        let (blocks, order) = self.block_size.fit(layout);
        if blocks == 0 || blocks > self.free_blocks {
            return None;
        }
        let FreeRun { start, level } = match self.tree.lowest(order) {
            Some(found) => found,
            None => self.lowest_spill(blocks, order, self.block_size.align_order(layout))?,
        };
        self.tree.take(start..start + blocks, level);
        self.free_blocks -= blocks;
        Some(self.block_size.bytes_of(start))
    }

    /// A run of `blocks` free blocks that starts at a free run of an order below `order`, at least
    /// `least`, and continues in the free blocks behind it.
    #[cold]
    fn lowest_spill(&self, blocks: usize, order: Order, least: Order) -> Option<FreeRun> {
        let smaller = (least.0..order.0).rev();
        smaller
            .filter_map(|k| self.tree.lowest(Order(k)))
            .find_map(|FreeRun { start, .. }| {
                let run = start..start + blocks;
                let fits = run.end <= self.managed.end;
                let level = fits.then(|| self.tree.is_free(run)).flatten()?;
                Some(FreeRun { start, level })
            })
    }

    /// Gives back the bytes of `layout` at `offset`.
    ///
    /// # Errors
    /// [`InvalidFree`] when some of these bytes are not allocated: a double free, a wrong offset,
    /// or a size that is too large. Nothing changes then.
    pub fn free(&mut self, offset: usize, layout: Layout) -> Result<(), InvalidFree> {
        let (run, level) = self.taken_run(offset, layout.size())?;
        self.free_blocks += run.len();
        self.tree.give(run, level);
        Ok(())
    }

    /// Resizes an allocation in place, from `old` to `new` bytes. Returns whether that was
    /// possible: shrinking always is, growing where the blocks behind the allocation are free.
    ///
    /// # Errors
    /// [`InvalidFree`] when the `old` bytes at `offset` are not allocated. Nothing changes then.
    pub fn resize(&mut self, offset: usize, old: usize, new: usize) -> Result<bool, InvalidFree> {
        let (run, _) = self.taken_run(offset, old)?;
        let blocks = self.block_size.blocks_up(new);
        if blocks <= run.len() {
            let tail = run.start + blocks..run.end;
            if !tail.is_empty() {
                let (tail, level) = self.taken(tail).ok_or(InvalidFree { offset, size: old })?;
                self.free_blocks += tail.len();
                self.tree.give(tail, level);
            }
            return Ok(true);
        }
        if blocks > self.managed.end - run.start {
            return Ok(false);
        }
        let more = run.end..run.start + blocks;
        let Some(level) = self.tree.is_free(more.clone()) else {
            return Ok(false);
        };
        self.free_blocks -= more.len();
        self.tree.take(more, level);
        Ok(true)
    }

    /// Takes exactly the bytes `offset..offset + size`, whole blocks, if all of them are free.
    /// Returns whether they were.
    pub fn take_run(&mut self, offset: usize, size: usize) -> bool {
        let run = self.block_size.blocks_down(offset)..self.block_size.blocks_down(offset + size);
        debug_assert!(self.managed.start <= run.start && run.end <= self.managed.end);
        let Some(level) = self.tree.is_free(run.clone()) else {
            return false;
        };
        self.free_blocks -= run.len();
        self.tree.take(run, level);
        true
    }

    /// The blocks of an allocation, if all of them are taken, and the level at which to give them
    /// back.
    fn taken_run(&self, offset: usize, size: usize) -> Result<(Range<usize>, Level), InvalidFree> {
        let invalid = InvalidFree { offset, size };
        let start = self.block_size.blocks_down(offset);
        let end = start
            .checked_add(self.block_size.blocks_up(size))
            .ok_or(invalid)?;
        let inside = self.managed.start <= start && end <= self.managed.end && start < end;
        if !inside || self.block_size.bytes_of(start) != offset {
            return Err(invalid);
        }
        self.taken(start..end).ok_or(invalid)
    }

    fn taken(&self, run: Range<usize>) -> Option<(Range<usize>, Level)> {
        let level = self.tree.is_taken(run.clone())?;
        Some((run, level))
    }

    /// The size of a block in bytes: every allocation takes a multiple of it.
    #[must_use]
    pub fn block_bytes(&self) -> usize {
        self.block_size.bytes()
    }

    /// The bytes that an allocation of `size` takes: `size` rounded up to whole blocks. The size
    /// must be below 2⁶³.
    #[must_use]
    pub fn granted(&self, size: usize) -> usize {
        self.block_size.bytes_of(self.block_size.blocks_up(size))
    }

    /// How many bytes are managed, free or not.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.block_size.bytes_of(self.managed.len())
    }

    /// How many bytes are free, in one piece or many.
    #[must_use]
    pub fn free_bytes(&self) -> usize {
        self.block_size.bytes_of(self.free_blocks)
    }

    /// The largest free power-of-two block in bytes; 0 when nothing is free.
    #[must_use]
    pub fn largest_free(&self) -> usize {
        match self.tree.height() {
            0 => 0,
            height => self.block_size.bytes_of(1 << (height - 1)),
        }
    }

    /// The words that were given to [`new`](Self::new).
    #[must_use]
    pub fn words(&self) -> &W {
        self.tree.words()
    }

    /// Visits the free bytes in order of address, as maximal runs of offsets, until `visit` returns
    /// false.
    pub fn free_runs(&self, mut visit: impl FnMut(Range<usize>) -> bool) {
        self.tree.free_runs(|run| {
            visit(self.block_size.bytes_of(run.start)..self.block_size.bytes_of(run.end))
        });
    }

    /// Whether every stored summary agrees with the blocks below it, and the count of free blocks
    /// with their bits. For tests and fuzzing: the time is linear in the partly used nodes.
    #[must_use]
    pub fn validate(&self) -> bool {
        let mut free = 0;
        self.tree.free_runs(|run| {
            free += run.len();
            true
        });
        free == self.free_blocks && self.tree.validate()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{vec, vec::Vec};

    fn buddy(capacity: usize) -> Buddy<Vec<u64>> {
        let words = vec![0xdead; Buddy::<Vec<u64>>::words_for(capacity, 64)];
        Buddy::new(words, 64, 0..capacity).unwrap()
    }

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).unwrap()
    }

    const MIB: usize = 1 << 20;

    #[test]
    fn rounded_tails_go_back() {
        let mut buddy = buddy(64 * MIB);
        assert_eq!(buddy.allocate(layout(33 * MIB, 1)), Some(0));
        assert_eq!(buddy.free_bytes(), 31 * MIB);
        assert_eq!(buddy.allocate(layout(15 * MIB, 1)), Some(48 * MIB));
        buddy.free(0, layout(33 * MIB, 1)).unwrap();
        buddy.free(48 * MIB, layout(15 * MIB, 1)).unwrap();
        assert_eq!(buddy.largest_free(), 64 * MIB);
        assert!(buddy.validate());
    }

    #[test]
    fn a_capacity_that_is_not_a_power_of_two_is_used_to_the_last_block() {
        let mut all = buddy(48 * MIB + 64);
        assert_eq!(all.allocate(layout(48 * MIB + 64, 1)), Some(0));
        assert_eq!(all.free_bytes(), 0);
        let mut pieces = buddy(5 * 64);
        for block in 0..5 {
            assert_eq!(pieces.allocate(layout(64, 1)), Some(block * 64));
        }
        assert_eq!(pieces.allocate(layout(1, 1)), None);
    }

    /// ```text
    /// blocks   █░░░ ░░░░ ░░░░   6 blocks fit no free run of 8: they start at the lowest run of 4
    /// ```
    #[test]
    fn without_a_run_of_the_rounded_order_the_largest_smaller_run_is_tried_first() {
        let mut buddy = buddy(12 * 64);
        assert_eq!(buddy.allocate(layout(64, 1)), Some(0));
        assert_eq!(buddy.allocate(layout(6 * 64, 1)), Some(4 * 64));
        assert!(buddy.validate());
    }

    #[test]
    fn alignment_reaches_up_to_the_capacity() {
        let mut buddy = buddy(MIB);
        assert_eq!(buddy.allocate(layout(64, 1)), Some(0));
        assert_eq!(buddy.allocate(layout(64, MIB / 2)), Some(MIB / 2));
        assert_eq!(buddy.allocate(layout(64, MIB)), None);
    }

    #[test]
    fn offsets_start_where_the_managed_range_does() {
        let words = vec![0; Buddy::<Vec<u64>>::words_for(8192, 64)];
        let mut buddy = Buddy::new(words, 64, 100..8192).unwrap();
        assert_eq!(buddy.allocate(layout(1, 1)), Some(128));
        assert_eq!(buddy.allocate(layout(1, 4096)), Some(4096));
    }

    #[test]
    fn misuse_is_refused_and_changes_nothing() {
        let mut buddy = buddy(MIB);
        let a = layout(1000, 8);
        let offset = buddy.allocate(a).unwrap();
        for (bad, wrong) in [
            (offset + 64, a),
            (offset + 1, a),
            (MIB, a),
            (offset, layout(2000, 8)),
        ] {
            assert!(buddy.free(bad, wrong).is_err(), "{bad}");
        }
        assert!(buddy.free(offset, layout(0, 8)).is_err());
        buddy.free(offset, a).unwrap();
        assert_eq!(
            buddy.free(offset, a),
            Err(InvalidFree { offset, size: 1000 })
        );
        assert_eq!(buddy.free_bytes(), MIB);
        assert!(buddy.validate());
    }

    #[test]
    fn growing_in_place_takes_the_free_blocks_behind() {
        let mut buddy = buddy(MIB);
        let a = buddy.allocate(layout(64, 1)).unwrap();
        assert_eq!(buddy.resize(a, 64, 4096), Ok(true));
        let b = buddy.allocate(layout(64, 1)).unwrap();
        assert_eq!(b, 4096);
        assert_eq!(buddy.resize(a, 4096, 4097), Ok(false));
        assert_eq!(buddy.resize(a, 4096, 100), Ok(true));
        assert_eq!(buddy.free_bytes(), MIB - 128 - 64);
        assert_eq!(buddy.resize(b, 64, usize::MAX), Ok(false));
    }
}
