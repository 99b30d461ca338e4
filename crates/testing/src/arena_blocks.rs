//! Blocks of an `Allocator`, such as an arena, and operations on them: each block is filled with a
//! mark of its own, which is checked whenever the block is touched.
//!
//! [`LiveBlocks`] keeps the contract of the trait: it only gives back and resizes blocks that are
//! live, with their layouts. So every sequence of operations is valid, and a mark that has changed
//! means that two blocks share bytes or that contents were lost.

use std::{alloc::Layout, ptr::NonNull};

use allocator_api2::alloc::{AllocError, Allocator};

/// A live block, all of whose bytes are its mark.
pub struct MarkedBlock {
    start: NonNull<u8>,
    layout: Layout,
    mark: u8,
}

impl MarkedBlock {
    /// Allocates a block and fills it; zeroed bytes are checked before.
    pub fn allocate(
        allocator: &impl Allocator,
        layout: Layout,
        is_zeroed: bool,
        mark: u8,
    ) -> Result<Self, AllocError> {
        let start = match is_zeroed {
            true => allocator.allocate_zeroed(layout),
            false => allocator.allocate(layout),
        }?;
        let start = start.cast();
        let mut block = Self {
            start,
            layout,
            mark,
        };
        block.moved_to(start, layout);
        assert!(
            !is_zeroed || is_all(block.bytes(), 0),
            "not zeroed: {layout:?}"
        );
        block.bytes().fill(mark);
        Ok(block)
    }

    fn moved_to(&mut self, start: NonNull<u8>, layout: Layout) {
        assert_eq!(start.addr().get() % layout.align(), 0, "{layout:?}");
        (self.start, self.layout) = (start, layout);
    }

    /// What it was allocated or last resized with.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: granted by the allocator for this layout and not given back: only `free` does
        // so, and takes the block.
        unsafe { NonNull::slice_from_raw_parts(self.start, self.layout.size()).as_mut() }
    }

    /// Panics unless all of its bytes are its mark.
    pub fn check(&mut self) {
        let (size, mark) = (self.layout.size(), self.mark);
        self.check_first(size, mark);
    }

    fn check_first(&mut self, len: usize, mark: u8) {
        let layout = self.layout;
        assert!(
            is_all(&self.bytes()[..len], mark),
            "overwritten: {layout:?}"
        );
    }

    /// Grows or shrinks the block and fills it with another mark. Checks that the contents moved
    /// with it, and that zeroed bytes are zero. After an error it is as it was.
    pub fn resize(
        &mut self,
        allocator: &impl Allocator,
        layout: Layout,
        is_zeroed: bool,
        mark: u8,
    ) -> Result<(), AllocError> {
        let (start, old, new) = (self.start, self.layout, layout);
        // SAFETY: a live block with its layout; it is grown only to sizes as large or larger, and
        // shrunk only to smaller ones.
        let moved = unsafe {
            match new.size() >= old.size() {
                true if is_zeroed => allocator.grow_zeroed(start, old, new),
                true => allocator.grow(start, old, new),
                false => allocator.shrink(start, old, new),
            }
        }?;
        self.moved_to(moved.cast(), new);
        self.check_first(old.size().min(new.size()), self.mark);
        if is_zeroed && new.size() > old.size() {
            assert!(
                is_all(&self.bytes()[old.size()..], 0),
                "not zeroed: {new:?}"
            );
        }
        self.mark = mark;
        self.bytes().fill(mark);
        Ok(())
    }

    /// Checks the block and gives it back.
    pub fn free(mut self, allocator: &impl Allocator) {
        self.check();
        // SAFETY: a live block with its layout, given up here.
        unsafe { allocator.deallocate(self.start, self.layout) };
    }
}

fn is_all(bytes: &[u8], value: u8) -> bool {
    // Comparing slices is fast in debug builds, too.
    let expected = [value; 4096];
    let mut chunks = bytes.chunks(expected.len());
    chunks.all(|chunk| chunk == &expected[..chunk.len()])
}

/// What is done to the blocks. A block is named by a number, taken modulo how many are live.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum BlockOp {
    /// A new block.
    Allocate {
        /// In bytes.
        size: u16,
        /// Base-2 logarithm of the alignment, modulo 16.
        align: u8,
        /// Whether it must be zero.
        is_zeroed: bool,
    },
    /// Gives a block back.
    Free(u8),
    /// Grows or shrinks a block.
    Resize {
        /// Which one.
        index: u8,
        /// In bytes, modulo 256 KiB.
        size: u32,
        /// Base-2 logarithm of the new alignment, modulo 16.
        align: u8,
        /// Whether what it grows by must be zero.
        is_zeroed: bool,
    },
    /// Looks at the contents of a block.
    Check(u8),
}

/// The live blocks of one allocator.
#[derive(Default)]
pub struct LiveBlocks {
    blocks: Vec<MarkedBlock>,
    mark: u8,
}

impl LiveBlocks {
    /// Does what the operation says; the allocator may refuse an allocation.
    pub fn apply(&mut self, allocator: &impl Allocator, op: &BlockOp) {
        // Never 0, so that neither zeroed nor untouched bytes look like a mark.
        self.mark = self.mark % 250 + 1;
        match *op {
            BlockOp::Allocate {
                size,
                align,
                is_zeroed,
            } => {
                let layout = layout(size.into(), align);
                let block = MarkedBlock::allocate(allocator, layout, is_zeroed, self.mark);
                self.blocks.extend(block);
            }
            BlockOp::Free(index) => {
                if let Some(index) = self.index(index) {
                    self.blocks.swap_remove(index).free(allocator);
                }
            }
            BlockOp::Resize {
                index,
                size,
                align,
                is_zeroed,
            } => {
                if let Some(index) = self.index(index) {
                    let layout = layout(size as usize % (1 << 18), align);
                    let block = &mut self.blocks[index];
                    // Refused or not, the block is live.
                    let _ = block.resize(allocator, layout, is_zeroed, self.mark);
                }
            }
            BlockOp::Check(index) => {
                if let Some(index) = self.index(index) {
                    self.blocks[index].check();
                }
            }
        }
    }

    fn index(&self, index: u8) -> Option<usize> {
        usize::from(index).checked_rem(self.blocks.len())
    }

    /// The sum of the sizes that were asked for.
    pub fn requested_bytes(&self) -> usize {
        self.blocks.iter().map(|block| block.layout.size()).sum()
    }

    /// Checks all blocks and gives them back.
    pub fn free_all(&mut self, allocator: &impl Allocator) {
        self.blocks
            .drain(..)
            .for_each(|block| block.free(allocator));
    }
}

fn layout(size: usize, align: u8) -> Layout {
    Layout::from_size_align(size, 1 << (align % 16)).expect("small")
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, ops::Range};

    use allocator_api2::alloc::Global;

    use super::*;

    /// Hands out the same bytes to everybody, and never zeroes them.
    struct SameBytes(Cell<[u64; 64]>);

    // SAFETY: it does not keep the contract, which is the point; the bytes are alive as long as it.
    unsafe impl Allocator for SameBytes {
        fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
            let bytes = NonNull::new(self.0.as_ptr().cast::<u8>()).ok_or(AllocError)?;
            Ok(NonNull::slice_from_raw_parts(bytes, layout.size()))
        }

        fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
            self.allocate(layout)
        }

        unsafe fn deallocate(&self, _: NonNull<u8>, _: Layout) {}
    }

    fn allocations(zeroed: Range<u32>, count: u32) -> Vec<BlockOp> {
        let each = (0..count).map(|i| BlockOp::Allocate {
            size: 64,
            align: 3,
            is_zeroed: zeroed.contains(&i),
        });
        each.collect()
    }

    fn run(allocator: &impl Allocator, ops: &[BlockOp]) {
        let mut live = LiveBlocks::default();
        ops.iter().for_each(|op| live.apply(allocator, op));
        live.free_all(allocator);
    }

    #[test]
    fn a_sound_allocator_passes() {
        run(&Global, &allocations(1..3, 4));
    }

    #[test]
    #[should_panic(expected = "overwritten")]
    fn two_owners_of_the_same_bytes_are_noticed() {
        run(&SameBytes(Cell::new([0; 64])), &allocations(0..0, 2));
    }

    #[test]
    #[should_panic(expected = "not zeroed")]
    fn bytes_that_should_be_zero_and_are_not_are_noticed() {
        run(&SameBytes(Cell::new([1; 64])), &allocations(0..1, 1));
    }
}
