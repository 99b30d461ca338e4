//! The stacks of a recording, and the modules that their addresses are in.
//!
//! Invariant: each is as some thread has written it. A stack that events name may be missing: its
//! thread was killed between giving it a number and writing it, or had no room for it.

use alloc::{string::String, vec::Vec};

use crate::{
    chunks::Thread,
    item::{Item, word},
};

/// A stack of calls.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stack {
    /// The number that events have.
    pub number: u32,
    /// The return addresses, innermost first.
    pub frames: Vec<u64>,
}

/// A part of a program or library in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Module {
    /// Its first address.
    pub start: u64,
    /// The address after its last one.
    pub end: u64,
    /// The byte of the file at the first address.
    pub offset: u64,
    /// The path of the file.
    pub path: String,
}

pub(crate) fn stacks(threads: &[Thread]) -> impl Iterator<Item = Stack> {
    items(threads).filter_map(|item| match item {
        Item::Stack(number, frames) => Some(Stack {
            number,
            frames: (0..frames.len() / 8).map(|at| word(frames, at)).collect(),
        }),
        _ => None,
    })
}

pub(crate) fn modules(threads: &[Thread]) -> impl Iterator<Item = Module> {
    items(threads).filter_map(|item| match item {
        Item::Module([start, end, offset], path) => Some(Module {
            start,
            end,
            offset,
            path: String::from_utf8_lossy(path).into_owned(),
        }),
        _ => None,
    })
}

fn items<'a>(threads: &[Thread<'a>]) -> impl Iterator<Item = Item<'a>> {
    let chunks = threads.iter().flat_map(|thread| &thread.chunks);
    chunks.flat_map(|chunk| chunk.items())
}
