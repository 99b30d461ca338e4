//! The stacks of blocks as one tree of calls.
//!
//! Stands on [`sites`](super::sites), which bounds how many instructions and stacks there are.
//! Invariant: a stack refers to earlier ones alone, and each is gone through once. All instructions
//! together have at most [`MOST`](super::sites::MOST) places, and one of them no more than a stack
//! may be deep. An instruction is followed once from each call.

#![forbid(unsafe_code)]

use std::{collections::HashMap, rc::Rc};

use super::{
    error::HeaptrackError,
    fields::Fields,
    record::Instruction,
    replay::Block,
    sites::{Place, Sites, by_number, check},
};
use crate::input::calls::{Calls, CallsBuilder, LONGEST, Leaf, MOST_DEPTH, Name};

/// The most places of an instruction that are kept: of one with more, the last is too deep in any
/// stack, which is therefore cut.
const MOST_PLACES: usize = MOST_DEPTH as usize + 1;

/// Instructions and stacks in the order of the file.
#[derive(Default)]
pub(super) struct Stacks {
    /// The places of all instructions; of each the outermost first.
    places: Vec<Place>,
    /// Where the places of each instruction end.
    ends: Vec<usize>,
    stacks: Vec<CallFrame>,
}

/// A call, and the stack that called it; 0 is none.
struct CallFrame {
    call: Call,
    parent: u64,
}

#[derive(Clone, Copy)]
enum Call {
    Instruction(u64),
    /// An address; `None` if it is in no module.
    Place(Option<Place>),
}

impl Stacks {
    pub(super) fn add_instruction(
        &mut self,
        fields: &Fields,
        sites: &Sites,
        instruction: &Instruction,
    ) -> Result<(), HeaptrackError> {
        let places = sites.calls_of(instruction).into_iter().take(MOST_PLACES);
        let all = self.places.len() + places.len();
        check(fields, all.saturating_sub(1), "functions of instructions")?;
        self.places.extend(places);
        self.ends.push(all);
        Ok(())
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
        self.stacks.push(CallFrame { call, parent });
    }

    /// The calls of all blocks, in their order; `None` if no stack is known.
    pub(super) fn calls(&self, sites: &Sites, blocks: &[Block], last_step: i64) -> Option<Calls> {
        let mut tree = Tree::new(self, sites);
        for block in blocks {
            let leaf = tree.leaf(block.stack);
            tree.builder.add_block(leaf);
        }
        tree.builder.finish(last_step)
    }

    /// The places of an instruction by its number.
    fn places(&self, instruction: u64) -> &[Place] {
        let Some(&end) = by_number(&self.ends, instruction) else {
            return &[];
        };
        let begin = by_number(&self.ends, instruction - 1);
        &self.places[begin.copied().unwrap_or(0)..end]
    }
}

/// The tree while it is built.
struct Tree<'s> {
    stacks: &'s Stacks,
    sites: &'s Sites,
    builder: CallsBuilder,
    /// The innermost call of each stack that was followed.
    leaves: Vec<Option<Leaf>>,
    names: HashMap<Place, Name>,
    /// The names of the places of each instruction that was followed.
    instructions: HashMap<u64, Rc<[Name]>>,
    /// The innermost call of an instruction that was followed from a call.
    within: HashMap<(Leaf, u64), Leaf>,
}

impl<'s> Tree<'s> {
    fn new(stacks: &'s Stacks, sites: &'s Sites) -> Self {
        Self {
            stacks,
            sites,
            builder: CallsBuilder::default(),
            leaves: vec![None; stacks.stacks.len()],
            names: HashMap::new(),
            instructions: HashMap::new(),
            within: HashMap::new(),
        }
    }

    /// The innermost call of a stack, whose outer stacks are followed as far as they are new.
    fn leaf(&mut self, stack: u64) -> Leaf {
        let stacks = &self.stacks.stacks;
        let (mut new, mut at, mut leaf) = (Vec::new(), stack, Leaf::default());
        while let Some(known) = by_number(stacks, at) {
            let index = at as usize - 1;
            if let Some(found) = self.leaves[index] {
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
            if !leaf.is_cut() {
                leaf = self.inner(leaf, stacks[index].call);
            }
            self.leaves[index] = Some(leaf);
        }
        leaf
    }

    /// The innermost call of what a call has called.
    fn inner(&mut self, outer: Leaf, call: Call) -> Leaf {
        match call {
            Call::Place(None) => outer,
            Call::Place(Some(place)) => {
                let name = self.name(place);
                self.builder.call(outer, name)
            }
            Call::Instruction(number) => self.instruction(outer, number),
        }
    }

    fn instruction(&mut self, outer: Leaf, number: u64) -> Leaf {
        if let Some(&known) = self.within.get(&(outer, number)) {
            return known;
        }
        let mut leaf = outer;
        for &name in &*self.names(number) {
            leaf = self.builder.call(leaf, name);
            if leaf.is_cut() {
                break;
            }
        }
        self.within.insert((outer, number), leaf);
        leaf
    }

    fn names(&mut self, instruction: u64) -> Rc<[Name]> {
        if let Some(names) = self.instructions.get(&instruction) {
            return Rc::clone(names);
        }
        let places = self.stacks.places(instruction).iter();
        let names: Rc<[Name]> = places.map(|&place| self.name(place)).collect();
        self.instructions.insert(instruction, Rc::clone(&names));
        names
    }

    fn name(&mut self, place: Place) -> Name {
        if let Some(&name) = self.names.get(&place) {
            return name;
        }
        let name = self.builder.name(&self.sites.place(place, LONGEST));
        self.names.insert(place, name);
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::heaptrack::{record::Frame, sites::MOST};

    #[test]
    fn all_instructions_together_have_no_more_places_than_are_read() {
        let fields = Fields::of(7, b"");
        let mut sites = Sites::default();
        sites.add_text(&fields, b"f").expect("a text");
        let (function, file, line) = (1, 0, 0);
        let frame = Frame {
            function,
            file,
            line,
        };
        let instruction = Instruction {
            frames: vec![frame; 2 * MOST_PLACES],
            ..Instruction::default()
        };
        let mut stacks = Stacks::default();
        for _ in 0..MOST / MOST_PLACES {
            let added = stacks.add_instruction(&fields, &sites, &instruction);
            added.expect("fewer than are read");
        }
        assert_eq!(stacks.places(1).len(), MOST_PLACES);
        let error = stacks.add_instruction(&fields, &sites, &instruction);
        let message = error.expect_err("too many").to_string();
        let expected = "line 7 of the recording is beyond 4000000 functions of instructions";
        assert!(message.starts_with(expected), "{message}");
        assert!(stacks.places.len() <= MOST);
    }
}
