//! The stacks of blocks as one tree of calls.
//!
//! Stands on [`frames`](super::frames). Frames stand innermost first, and the tree grows from the
//! outermost one. Invariant: every list of frames is gone through once, and every frame is named
//! once, however often a file refers to them.

#![forbid(unsafe_code)]

use std::collections::HashMap;

use super::{
    document::{Id, Value},
    error::SnapshotError,
    frames::{TENSOR, is_of_plan},
    reader::{Place, Reader},
    replay::Replay,
};
use crate::input::calls::{Calls, CallsBuilder, LONGEST, Leaf, Name, beginning};

/// What was found of the frames so far.
struct Tree<'r, 'd, 'f> {
    reader: &'r Reader<'d, 'f>,
    is_of_plan: bool,
    builder: CallsBuilder,
    leaves: HashMap<Id, Leaf>,
    names: HashMap<Id, Name>,
}

/// The calls of all blocks, in their order; `None` if no stack is known.
pub(super) fn calls(
    reader: &Reader<'_, '_>,
    replay: &Replay,
) -> Result<Option<Calls>, SnapshotError> {
    let mut tree = Tree {
        reader,
        is_of_plan: is_of_plan(reader),
        builder: CallsBuilder::default(),
        leaves: HashMap::new(),
        names: HashMap::new(),
    };
    for block in &replay.blocks {
        let leaf = match block.frames {
            None => Leaf::default(),
            Some(frames) => tree.leaf(frames)?,
        };
        tree.builder.add_block(leaf);
    }
    Ok(tree.builder.finish(replay.end - 1))
}

impl Tree<'_, '_, '_> {
    fn leaf(&mut self, frames: Id) -> Result<Leaf, SnapshotError> {
        if let Some(&leaf) = self.leaves.get(&frames) {
            return Ok(leaf);
        }
        let mut leaf = Leaf::default();
        if !matches!(self.reader.value(frames), Value::None) {
            let place = Place::Field(&Place::Root, "frames");
            let all = self.reader.list(frames, &place)?;
            for (index, &frame) in all.iter().enumerate().rev() {
                let name = self.name(frame, &Place::Item(&place, index))?;
                leaf = self.builder.call(leaf, name);
                if leaf.is_cut() {
                    break;
                }
            }
        }
        self.leaves.insert(frames, leaf);
        Ok(leaf)
    }

    fn name(&mut self, frame: Id, place: &Place<'_>) -> Result<Name, SnapshotError> {
        if let Some(&name) = self.names.get(&frame) {
            return Ok(name);
        }
        let file = self.reader.text(frame, "filename", place)?.unwrap_or("");
        let line = self.reader.number(frame, "line", place)?.unwrap_or(0);
        let function = self.reader.text(frame, "name", place)?.unwrap_or("");
        // A file may name one long text very often: no more of it is copied than a name can have.
        let name = match file {
            _ if self.is_of_plan && function == TENSOR => beginning(file, LONGEST),
            // What PyTorch writes for code that is not Python.
            "" | "??" => beginning(function, LONGEST),
            _ => format!("{}:{line} {}", base(file), beginning(function, LONGEST)),
        };
        let name = self.builder.name(&name);
        self.names.insert(frame, name);
        Ok(name)
    }
}

/// The name of a file without its folders. A file may name one long path very often: no more than
/// the end of it is looked at.
fn base(path: &str) -> String {
    let begin = path.len().saturating_sub(LONGEST);
    let begin = (begin..=path.len()).find(|&at| path.is_char_boundary(at));
    let end = &path[begin.unwrap_or(0)..];
    end.rsplit(['/', '\\']).next().unwrap_or(end).into()
}
