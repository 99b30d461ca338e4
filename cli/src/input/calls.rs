//! The stacks of calls that blocks were allocated in, as one tree.
//!
//! Stands on nothing. The root of the tree is the outermost call; a call is a name below another
//! call, so that stacks with the same outer calls share these. Invariant: a call stands behind the
//! one that it is within, and neither calls nor the bytes of their names exceed [`MOST_CALLS`],
//! [`MOST_DEPTH`] and [`LONGEST`], whatever a file says. Names are cut here and nowhere else.

#![forbid(unsafe_code)]

use std::{collections::HashMap, rc::Rc};

/// The most calls of a tree.
const MOST_CALLS: usize = 100_000;
/// The most calls one within the other.
pub(super) const MOST_DEPTH: u16 = 512;
/// The most bytes of a name, without the ellipsis of one that was cut.
pub(super) const LONGEST: usize = 400;

/// A call in a tree by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CallId(u32);

impl CallId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// A call, and the one that it is within.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) parent: Option<CallId>,
    /// The number of its name.
    name: u32,
    depth: u16,
}

/// The calls of all blocks of a recording.
#[derive(Debug)]
pub(crate) struct Calls {
    calls: Vec<Call>,
    names: Vec<Rc<str>>,
    /// The innermost call of each block.
    pub(crate) of_blocks: Vec<CallId>,
    /// The last step, after which the recording ends.
    pub(crate) last_step: i64,
    /// How many blocks are counted at an outer call, as there are too many calls.
    pub(crate) cut: usize,
}

impl Calls {
    pub(crate) fn calls(&self) -> &[Call] {
        &self.calls
    }

    pub(crate) fn name(&self, call: &Call) -> &str {
        &self.names[call.name as usize]
    }
}

/// The innermost call of a stack; of one that was cut, the innermost that is left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Leaf {
    call: Option<CallId>,
    is_cut: bool,
}

impl Leaf {
    /// Whether no call can be added within this one, so that nobody need name any.
    pub(super) fn is_cut(self) -> bool {
        self.is_cut
    }
}

/// The name of calls by its number; none if there are too many names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name(Option<u32>);

/// Builds the tree.
#[derive(Debug, Default)]
pub(super) struct CallsBuilder {
    calls: Vec<Call>,
    names: Vec<Rc<str>>,
    numbers: HashMap<Rc<str>, u32>,
    below: HashMap<(Option<CallId>, u32), CallId>,
    of_blocks: Vec<CallId>,
    cut: usize,
    has_stacks: bool,
}

impl CallsBuilder {
    /// The name of this text, of which the beginning is kept if it is too long.
    pub(super) fn name(&mut self, text: &str) -> Name {
        let cut;
        let text = match text.len() {
            0..=LONGEST => text,
            _ => {
                cut = beginning(text, LONGEST);
                &cut
            }
        };
        let known = self.numbers.get(text).copied();
        // One name is left for blocks of no call.
        let has_room = self.names.len() + 1 < MOST_CALLS;
        Name(known.or_else(|| has_room.then(|| self.add_name(text))))
    }

    fn add_name(&mut self, text: &str) -> u32 {
        let number = self.names.len() as u32;
        let text: Rc<str> = text.into();
        self.names.push(Rc::clone(&text));
        self.numbers.insert(text, number);
        number
    }

    /// The call of this name within another one, or that other one if the tree is full.
    pub(super) fn call(&mut self, outer: Leaf, name: Name) -> Leaf {
        self.has_stacks = true;
        if outer.is_cut {
            return outer;
        }
        let found = name.0.and_then(|name| self.below(outer.call, name));
        Leaf {
            call: found.or(outer.call),
            is_cut: found.is_none(),
        }
    }

    fn below(&mut self, parent: Option<CallId>, name: u32) -> Option<CallId> {
        if let Some(&found) = self.below.get(&(parent, name)) {
            return Some(found);
        }
        let depth = parent.map_or(0, |parent| self.calls[parent.index()].depth + 1);
        // One call is left for blocks of no call.
        if self.calls.len() + 1 >= MOST_CALLS || depth >= MOST_DEPTH {
            return None;
        }
        Some(self.add(parent, name, depth))
    }

    fn add(&mut self, parent: Option<CallId>, name: u32, depth: u16) -> CallId {
        let id = CallId(self.calls.len() as u32);
        self.calls.push(Call {
            parent,
            name,
            depth,
        });
        self.below.insert((parent, name), id);
        id
    }

    /// Adds a block that was allocated in a stack.
    pub(super) fn add_block(&mut self, stack: Leaf) {
        self.cut += usize::from(stack.is_cut);
        let call = stack.call.unwrap_or_else(|| {
            let known = self.numbers.get(NO_STACK).copied();
            let name = known.unwrap_or_else(|| self.add_name(NO_STACK));
            let known = self.below.get(&(None, name)).copied();
            known.unwrap_or_else(|| self.add(None, name, 0))
        });
        self.of_blocks.push(call);
    }

    /// The tree, unless no block has a stack.
    pub(super) fn finish(self, last_step: i64) -> Option<Calls> {
        self.has_stacks.then_some(Calls {
            calls: self.calls,
            names: self.names,
            of_blocks: self.of_blocks,
            last_step,
            cut: self.cut,
        })
    }
}

/// The call of blocks whose stack is not known.
const NO_STACK: &str = "(no stack)";

/// The beginning of a text, with an ellipsis if there is more.
pub(super) fn beginning(text: &str, longest: usize) -> String {
    if text.len() <= longest {
        return text.into();
    }
    let boundary = (0..=longest).rev().find(|&at| text.is_char_boundary(at));
    format!("{}…", &text[..boundary.unwrap_or(0)])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// The names from the outermost call to this one.
    fn path(calls: &Calls, call: CallId) -> Vec<&str> {
        let mut names = Vec::new();
        let mut at = Some(call);
        while let Some(id) = at {
            let call = &calls.calls()[id.index()];
            names.push(calls.name(call));
            at = call.parent;
        }
        names.reverse();
        names
    }

    fn build<'s>(stacks: impl IntoIterator<Item = &'s [String]>) -> Calls {
        let mut builder = CallsBuilder::default();
        for stack in stacks {
            let leaf = stack.iter();
            let leaf = leaf.fold(Leaf::default(), |leaf, name| {
                let name = builder.name(name);
                builder.call(leaf, name)
            });
            builder.add_block(leaf);
        }
        builder.finish(9).expect("a tree")
    }

    proptest! {
        #[test]
        fn a_block_has_the_calls_of_its_stack_and_equal_stacks_are_one(
            stacks in proptest::collection::vec(
                proptest::collection::vec("[ab]", 1..6), 1..30)
        ) {
            let calls = build(stacks.iter().map(|stack| &stack[..]));
            prop_assert_eq!(calls.cut, 0);
            let mut ids = BTreeMap::new();
            for (&id, stack) in calls.of_blocks.iter().zip(&stacks) {
                prop_assert_eq!(path(&calls, id), stack.iter().collect::<Vec<_>>());
                prop_assert_eq!(*ids.entry(stack).or_insert(id), id);
            }
            for (index, call) in calls.calls().iter().enumerate() {
                prop_assert!(call.parent.is_none_or(|parent| parent.index() < index));
            }
        }
    }

    #[test]
    fn a_stack_that_is_too_deep_counts_at_the_deepest_call_that_is_left() {
        let stack: Vec<String> = (0..2000).map(|depth| format!("f{depth}")).collect();
        let calls = build([&stack[..]]);
        assert_eq!((calls.calls().len(), calls.cut), (512, 1));
        assert_eq!(path(&calls, calls.of_blocks[0]).last(), Some(&"f511"));
    }

    #[test]
    fn a_name_is_cut_to_400_bytes_and_an_ellipsis() {
        let long = "é".repeat(201);
        let calls = build([&["x".repeat(400)][..], &["x".repeat(401)], &[long]]);
        let name = |index: usize| calls.name(&calls.calls()[index]);
        assert_eq!(name(0), "x".repeat(400));
        assert_eq!(name(1), format!("{}…", "x".repeat(400)));
        assert_eq!(name(2), format!("{}…", "é".repeat(200)));
        let alike = build([&["x".repeat(401)][..], &["x".repeat(500)]]);
        assert_eq!(alike.calls().len(), 1);
    }

    #[test]
    fn a_tree_has_no_more_calls_than_it_may() {
        let stacks: Vec<[String; 1]> = (0..100_010).map(|i| [format!("f{i}")]).collect();
        let calls = build(stacks.iter().map(|stack| &stack[..]));
        assert_eq!((calls.calls().len(), calls.cut), (100_000, 11));
        assert_eq!(path(&calls, calls.of_blocks[100_005]), [NO_STACK]);
    }

    #[test]
    fn blocks_without_a_stack_are_below_a_call_of_their_own() {
        let calls = build([&["f".into()][..], &[], &[]]);
        assert_eq!(path(&calls, calls.of_blocks[2]), [NO_STACK]);
        assert_eq!(calls.calls().len(), 2);
        let mut none = CallsBuilder::default();
        none.add_block(Leaf::default());
        assert!(none.finish(0).is_none());
    }
}
