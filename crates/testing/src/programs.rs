//! Programs of allocations for tests of record and replay: steps that any allocator can run, again
//! and again, unchanged or slightly changed.
//!
//! Blocks are checked whenever they are touched, and overwritten before they are freed; no two live
//! blocks may overlap. A step names its block by a number, taken modulo how many blocks there are,
//! never by an address, so that a program makes equal requests on every run.

use std::{alloc::GlobalAlloc, collections::BTreeMap};

use crate::{
    blocks::{Block, layout},
    random::Random,
};

/// What a program does next. A block is named by a number, taken modulo how many are live.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// A new block.
    Allocate {
        /// In bytes.
        size: usize,
        /// A power of two.
        alignment: usize,
        /// Whether it must be zero.
        is_zeroed: bool,
    },
    /// Gives a block back.
    Free(usize),
    /// Grows or shrinks a block to a size.
    Resize(usize, usize),
    /// Lets a block outlive the run.
    Keep(usize),
}

/// How a program differs from another one, at a step taken modulo its length plus one.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    /// The step is missing.
    Remove(usize),
    /// A further step comes before it.
    Insert(usize, Step),
    /// Another step is in its place.
    Replace(usize, Step),
}

/// A program with these changes, made one after the other.
pub fn changed(steps: &[Step], changes: &[Change]) -> Vec<Step> {
    let mut steps = steps.to_vec();
    for change in changes {
        let (Change::Remove(at) | Change::Insert(at, _) | Change::Replace(at, _)) = *change;
        let at = at % (steps.len() + 1);
        match *change {
            Change::Insert(_, step) => steps.insert(at, step),
            _ if at == steps.len() => {}
            Change::Remove(_) => drop(steps.remove(at)),
            Change::Replace(_, step) => steps[at] = step,
        }
    }
    steps
}

/// The live blocks of a program, or of several that run one after the other.
#[derive(Default)]
pub struct Live {
    blocks: Vec<Block>,
    kept: Vec<Block>,
    /// The ends of the live blocks by their starts.
    ends: BTreeMap<usize, usize>,
    tag: u64,
}

impl Live {
    /// No blocks, whose contents will differ from those of others with tags from elsewhere on.
    pub fn with_tags_from(tag: u64) -> Self {
        Self {
            tag,
            ..Self::default()
        }
    }

    /// Runs a program, and frees all blocks that it does not keep.
    pub fn run(&mut self, alloc: &impl GlobalAlloc, steps: &[Step]) {
        for step in steps {
            self.step(alloc, *step);
        }
        while let Some(block) = self.blocks.pop() {
            self.free(alloc, block);
        }
    }

    /// Frees at most `most` of the kept blocks, in random order.
    pub fn free_kept(&mut self, alloc: &impl GlobalAlloc, random: &mut Random, most: usize) {
        for _ in 0..most.min(self.kept.len()) {
            let block = self.kept.swap_remove(random.below(self.kept.len()));
            self.free(alloc, block);
        }
    }

    /// Checks the contents of all live blocks.
    pub fn check(&self) {
        let blocks = self.blocks.iter().chain(&self.kept);
        blocks.for_each(|block| block.check(usize::MAX));
    }

    /// How many blocks have outlived their runs.
    pub fn kept(&self) -> usize {
        self.kept.len()
    }

    fn step(&mut self, alloc: &impl GlobalAlloc, step: Step) {
        self.tag += 1;
        match step {
            Step::Allocate {
                size,
                alignment,
                is_zeroed,
            } => {
                let make = if is_zeroed { Block::zeroed } else { Block::new };
                let block = make(alloc, layout(size, alignment), self.tag);
                self.enter(&block);
                self.blocks.push(block);
            }
            Step::Free(which) => {
                if let Some(block) = self.take(which) {
                    self.free(alloc, block);
                }
            }
            Step::Resize(which, size) => {
                if let Some(mut block) = self.take(which) {
                    self.leave(&block);
                    block.resize(alloc, size, self.tag);
                    self.enter(&block);
                    self.blocks.push(block);
                }
            }
            Step::Keep(which) => {
                let taken = self.take(which);
                self.kept.extend(taken);
            }
        }
    }

    fn take(&mut self, which: usize) -> Option<Block> {
        let which = which % self.blocks.len().max(1);
        (which < self.blocks.len()).then(|| self.blocks.swap_remove(which))
    }

    fn free(&mut self, alloc: &impl GlobalAlloc, block: Block) {
        self.leave(&block);
        block.free_dirty(alloc);
    }

    fn enter(&mut self, block: &Block) {
        let start = block.start().addr();
        let end = start + block.layout().size();
        let before = self.ends.range(..end).next_back();
        let is_apart = before.is_none_or(|(_, &other)| other <= start);
        assert!(is_apart, "two blocks at {start:#x}");
        self.ends.insert(start, end);
    }

    fn leave(&mut self, block: &Block) {
        let was = self.ends.remove(&block.start().addr());
        assert!(was.is_some(), "an unknown block");
    }
}

#[cfg(test)]
mod tests {
    use std::{
        alloc::{Layout, System},
        cell::Cell,
    };

    use super::*;

    const BLOCK: Step = Step::Allocate {
        size: 48,
        alignment: 8,
        is_zeroed: false,
    };

    /// Hands out the same bytes to everybody.
    struct SameBytes(Cell<[u64; 64]>);

    // SAFETY: it does not keep the contract, which is the point; the bytes are alive as long as it.
    unsafe impl GlobalAlloc for SameBytes {
        unsafe fn alloc(&self, _: Layout) -> *mut u8 {
            self.0.as_ptr().cast()
        }

        unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
    }

    #[test]
    fn a_sound_allocator_passes_and_keeps_what_the_program_keeps() {
        let mut live = Live::default();
        for round in 0..3 {
            live.run(
                &System,
                &[BLOCK, BLOCK, Step::Resize(0, 5000), Step::Keep(1)],
            );
            assert_eq!(live.kept(), round + 1);
        }
        live.check();
        live.free_kept(&System, &mut Random(1), usize::MAX);
        assert_eq!(live.kept(), 0);
    }

    #[test]
    #[should_panic(expected = "two blocks at")]
    fn two_owners_of_the_same_bytes_are_noticed() {
        Live::default().run(&SameBytes(Cell::new([0; 64])), &[BLOCK, BLOCK]);
    }

    #[test]
    fn changes_are_made_one_after_the_other() {
        let steps = [Step::Free(0), Step::Free(1)];
        let changes = [
            Change::Insert(2, Step::Free(2)),
            Change::Remove(0),
            Change::Replace(1, Step::Free(3)),
            Change::Remove(2),
        ];
        let changed = changed(&steps, &changes);
        assert!(matches!(changed[..], [Step::Free(1), Step::Free(3)]));
    }
}
