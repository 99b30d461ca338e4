//! Names of blocks: the line of the user's code that asked for them, or the tensor of a plan.
//!
//! Stands on [`reader`](super::reader). Frames stand innermost first. In a snapshot that
//! `orionrt plan --snapshot` wrote they name tensors. Invariant: no two names are
//! equal, none is long, and every list of frames is gone through once.

#![forbid(unsafe_code)]

use std::{collections::HashMap, rc::Rc};

use super::{
    document::{Id, Value},
    error::SnapshotError,
    reader::{Place, Reader},
    replay::Block,
};

/// The most bytes of a file's name, and of a function's.
const LONGEST: usize = 80;

/// Parts of the paths of files that are not the user's own.
const LIBRARIES: [&str; 6] = [
    "site-packages/",
    "dist-packages/",
    "/torch/",
    "lib/python3",
    "site-packages\\",
    "\\torch\\",
];

/// The function of a frame that names a tensor, in a snapshot of a plan.
pub(crate) const TENSOR: &str = "tensor";

/// The generator that a snapshot of a plan names.
pub(crate) const GENERATOR: &str = "orionrt";

/// The most bytes of a path that are looked at.
const LOOKED_AT: usize = 4096;

/// Whose code a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    User,
    Library,
    /// Nobody's: the frame names a tensor of a plan.
    Tensor,
    /// It is no line of Python.
    Other,
}

/// Gives names to blocks.
pub(super) struct Names<'r, 'd, 'f> {
    reader: &'r Reader<'d, 'f>,
    /// Whether it is a snapshot of a plan.
    is_of_plan: bool,
    /// Of each list of frames, the line that names it.
    lines: HashMap<Id, Option<Rc<str>>>,
    /// Whose code each frame is. A file may name one frame very often.
    owners: HashMap<Id, Owner>,
    /// How many blocks each line has.
    counts: HashMap<Rc<str>, usize>,
}

impl<'r, 'd, 'f> Names<'r, 'd, 'f> {
    pub(super) fn new(reader: &'r Reader<'d, 'f>) -> Self {
        Self {
            reader,
            is_of_plan: is_of_plan(reader),
            lines: HashMap::new(),
            owners: HashMap::new(),
            counts: HashMap::new(),
        }
    }

    /// `model.py:123 forward #1`, `TENSOR #1` of a plan, or `0x7f00 #1` if neither is known.
    pub(super) fn of(&mut self, block: &Block) -> Result<String, SnapshotError> {
        let line = match block.frames {
            None => None,
            Some(frames) => self.line(frames)?,
        };
        let line = line.unwrap_or_else(|| format!("{:#x}", block.address).into());
        let count = self.counts.entry(line.clone()).or_default();
        *count += 1;
        Ok(format!("{line} #{count}"))
    }

    /// The line that names the blocks of these frames.
    fn line(&mut self, frames: Id) -> Result<Option<Rc<str>>, SnapshotError> {
        if let Some(line) = self.lines.get(&frames) {
            return Ok(line.clone());
        }
        let line = match self.reader.value(frames) {
            Value::None => None,
            _ => self.innermost(frames)?.map(Rc::from),
        };
        self.lines.insert(frames, line.clone());
        Ok(line)
    }

    /// The innermost line of the user's code, or else of any code in Python.
    fn innermost(&mut self, frames: Id) -> Result<Option<String>, SnapshotError> {
        let (reader, place) = (self.reader, Place::Root);
        let place = Place::Field(&place, "frames");
        let mut any = None;
        for (index, &frame) in reader.list(frames, &place)?.iter().enumerate() {
            let place = &Place::Item(&place, index);
            let owner = match self.owners.get(&frame) {
                Some(&owner) => owner,
                None => {
                    let file = reader.text(frame, "filename", place)?.unwrap_or("");
                    let function = reader.text(frame, "name", place)?.unwrap_or("");
                    let owner = owner(file, function, self.is_of_plan);
                    self.owners.insert(frame, owner);
                    owner
                }
            };
            if owner == Owner::Tensor {
                let name = reader.text(frame, "filename", place)?.unwrap_or("");
                return Ok(Some(shortened(name)));
            }
            if owner == Owner::User || owner == Owner::Library && any.is_none() {
                let file = reader.text(frame, "filename", place)?.unwrap_or("");
                let line = reader.number(frame, "line", place)?.unwrap_or(0);
                let function = reader.text(frame, "name", place)?.unwrap_or("");
                any = Some(shown(file, line, function));
            }
            if owner == Owner::User {
                break;
            }
        }
        Ok(any)
    }
}

/// Whether `orionrt plan --snapshot` wrote a snapshot: a program may have functions called
/// [`TENSOR`], too.
pub(super) fn is_of_plan(reader: &Reader<'_, '_>) -> bool {
    let root = reader.root();
    let is_dict = matches!(reader.value(root), Value::Dict(_));
    let generator = is_dict.then(|| reader.text(root, "generator", &Place::Root));
    matches!(generator, Some(Ok(Some(GENERATOR))))
}

/// Whose code is in a file.
fn owner(file: &str, function: &str, is_of_plan: bool) -> Owner {
    if is_of_plan && function == TENSOR {
        return Owner::Tensor;
    }
    let looked_at = &file.as_bytes()[..file.len().min(LOOKED_AT)];
    let has = |part: &&str| {
        looked_at
            .windows(part.len())
            .any(|at| at == part.as_bytes())
    };
    match file.ends_with(".py") {
        false => Owner::Other,
        true if LIBRARIES.iter().any(has) => Owner::Library,
        true => Owner::User,
    }
}

/// The name of the file without its folders, the line and the function.
fn shown(file: &str, line: u64, function: &str) -> String {
    let file = file.rsplit(['/', '\\']).next().unwrap_or(file);
    let text = format!("{}:{line} {}", shortened(file), shortened(function));
    text.trim_end().into()
}

fn shortened(text: &str) -> String {
    if text.len() <= LONGEST {
        return text.into();
    }
    let ends = text.char_indices().map(|(at, _)| at);
    let end = ends.take_while(|&at| at <= LONGEST).last().unwrap_or(0);
    format!("{}…", &text[..end])
}
