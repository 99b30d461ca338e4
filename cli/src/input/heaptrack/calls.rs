//! The stacks of blocks as one tree of calls.
//!
//! Stands on [`sites`](super::sites), which bounds how many instructions and stacks there are.
//! Invariant: a stack refers to earlier ones alone, and each is gone through once.

#![forbid(unsafe_code)]

use super::{
    record::Instruction,
    replay::Block,
    sites::{Place, Sites, by_number},
};
use crate::input::calls::{Calls, CallsBuilder, LONGEST, Leaf};

/// Instructions and stacks in the order of the file.
#[derive(Default)]
pub(super) struct Stacks {
    /// The places of each instruction, the outermost first.
    instructions: Vec<Box<[Place]>>,
    stacks: Vec<Stack>,
}

/// A call, and the stack that called it; 0 is none.
struct Stack {
    call: Call,
    parent: u64,
}

enum Call {
    Instruction(u64),
    /// An address; `None` if it is in no module.
    Place(Option<Place>),
}

impl Stacks {
    pub(super) fn add_instruction(&mut self, sites: &Sites, instruction: &Instruction) {
        self.instructions.push(sites.calls_of(instruction).into());
    }

    /// Adds a stack; `instruction` is a number, or an address if the file has addresses.
    pub(super) fn add_stack(
        &mut self,
        sites: &Sites,
        instruction: u64,
        parent: u64,
        has_addresses: bool,
    ) {
        // Modules may be others later.
        let call = match has_addresses {
            true => Call::Place(sites.place_at(instruction)),
            false => Call::Instruction(instruction),
        };
        self.stacks.push(Stack { call, parent });
    }

    /// The calls of all blocks, in their order; `None` if no stack is known.
    pub(super) fn calls(&self, sites: &Sites, blocks: &[Block], last_step: i64) -> Option<Calls> {
        let mut builder = CallsBuilder::default();
        let mut leaves = vec![None; self.stacks.len()];
        for block in blocks {
            let leaf = self.leaf(block.stack, sites, &mut leaves, &mut builder);
            builder.add_block(leaf);
        }
        builder.finish(last_step)
    }

    /// The innermost call of a stack, whose outer stacks are followed as far as they are new.
    fn leaf(
        &self,
        stack: u64,
        sites: &Sites,
        leaves: &mut [Option<Leaf>],
        builder: &mut CallsBuilder,
    ) -> Leaf {
        let (mut new, mut at, mut leaf) = (Vec::new(), stack, Leaf::default());
        while let Some(known) = by_number(&self.stacks, at) {
            let index = at as usize - 1;
            if let Some(found) = leaves[index] {
                leaf = found;
                break;
            }
            new.push(index);
            if known.parent >= at {
                break;
            }
            at = known.parent;
        }
        for index in new.into_iter().rev() {
            let places = match &self.stacks[index].call {
                Call::Instruction(number) => by_number(&self.instructions, *number),
                Call::Place(place) => {
                    if let Some(place) = *place {
                        leaf = builder.call(leaf, &sites.place(place, LONGEST));
                    }
                    None
                }
            };
            for &place in places.into_iter().flatten() {
                leaf = builder.call(leaf, &sites.place(place, LONGEST));
            }
            leaves[index] = Some(leaf);
        }
        leaf
    }
}
