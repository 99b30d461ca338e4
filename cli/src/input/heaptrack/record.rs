//! A line of a recording: an event, or something that events refer to.
//!
//! Stands on [`fields`](super::fields). Numbers are hexadecimal, and things are numbered from 1 in
//! the order of their lines, except for `a`, which counts from 0; 0 stands for none.
//!
//! ```text
//! v VERSION FORMAT              the first line; FORMAT is missing in the oldest files
//! X COMMAND                     what was recorded
//! c MILLISECONDS                since the start
//! R PAGES, I PAGE-SIZE PAGES    resident memory, the system
//!                                                 the form with functions
//! s LENGTH TEXT                 a text; the length is missing before format 3
//! i ADDRESS MODULE [FUNCTION [FILE LINE]]...      an instruction: texts by their numbers; first
//!                                                 the innermost of functions that are inlined
//! t INSTRUCTION PARENT          a stack: an instruction and the stack that called it
//! a SIZE STACK                  a kind of allocation
//! + KIND, - KIND                an allocation, the free of one
//!                                                 the form with addresses
//! x LENGTH PATH, m LENGTH NAME START (OFFSET SIZE)...    the program, a module; `m - ` none
//! t ADDRESS PARENT
//! + SIZE STACK ADDRESS, - ADDRESS
//! #, A, S                       a comment; attached to a program; a leak that is expected
//! ```
//!
//! Invariant: what a record refers to is not looked at here.

#![forbid(unsafe_code)]

use super::{
    error::HeaptrackError,
    fields::{Fields, shown},
};

/// The latest form of files.
const LATEST: u64 = 3;
/// What heaptrack 1.0 wrote in the place of a form.
const FIRST_WITH_FORM: u64 = 0x01_02_00;

/// A line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Record<'l> {
    /// The form of the file.
    Version(u64),
    Command(&'l [u8]),
    /// Milliseconds since the start.
    Time(u64),
    /// Pages.
    Resident(u64),
    PageSize(u64),
    Text(&'l [u8]),
    Program(&'l [u8]),
    /// A module that begins at an address; `None` forgets all.
    Module(Option<Module<'l>>),
    Instruction(Instruction),
    Stack {
        instruction: u64,
        parent: u64,
    },
    Kind {
        size: u64,
        stack: u64,
    },
    AllocKind(u64),
    FreeKind(u64),
    AllocAt {
        size: u64,
        stack: u64,
        address: u64,
    },
    FreeAt(u64),
    /// Nothing of interest.
    Other,
}

/// A part of a program in memory.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Module<'l> {
    pub(super) name: &'l [u8],
    pub(super) start: u64,
    /// The end of its last segment.
    pub(super) end: u64,
}

/// An instruction, whose texts are numbers.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Instruction {
    pub(super) address: u64,
    pub(super) module: u64,
    /// Functions that it is in: the innermost of those that are inlined first.
    pub(super) frames: Vec<Frame>,
}

/// A function, a file and a line of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Frame {
    pub(super) function: u64,
    pub(super) file: u64,
    pub(super) line: u64,
}

/// What lines depend on that came before.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Form {
    version: u64,
    has_addresses: bool,
}

impl Form {
    /// Whether stacks are made of addresses.
    pub(super) fn has_addresses(self) -> bool {
        self.has_addresses
    }

    /// Reads a line.
    pub(super) fn read<'l>(
        &mut self,
        line: u64,
        text: &'l [u8],
    ) -> Result<Record<'l>, HeaptrackError> {
        let Some((&mode, rest)) = text.split_first() else {
            return Ok(Record::Other);
        };
        let mut fields = Fields::of(line, rest);
        if line == 1 && (mode != b'v' || !rest.starts_with(b" ")) {
            let expected = "the version, as in 'v 10400 3'";
            let found = shown(text);
            return Err(HeaptrackError::Line {
                line,
                found,
                expected,
            });
        }
        Ok(match mode {
            b'v' => self.version(&mut fields)?,
            b'X' => Record::Command(fields.rest()),
            b'c' => Record::Time(fields.number("time")?),
            b'R' => Record::Resident(fields.number("pages")?),
            b'I' => Record::PageSize(fields.number("page size")?),
            b's' => Record::Text(self.text(&mut fields, "text")?),
            b'x' => {
                self.has_addresses = true;
                Record::Program(self.text(&mut fields, "program")?)
            }
            b'm' => {
                self.has_addresses = true;
                Record::Module(self.module(&mut fields)?)
            }
            b'i' => Record::Instruction(instruction(&mut fields)?),
            b't' => Record::Stack {
                instruction: fields.number("instruction")?,
                parent: fields.number("parent")?,
            },
            b'a' => Record::Kind {
                size: fields.number("size")?,
                stack: fields.number("stack")?,
            },
            b'+' => self.alloc(&mut fields)?,
            b'-' if self.counts_kinds() => Record::FreeKind(fields.number("kind")?),
            b'-' => Record::FreeAt(fields.number("address")?),
            b'#' | b'A' | b'S' => Record::Other,
            _ => {
                let (found, expected) = (shown(text), "one that begins with a known letter");
                return Err(HeaptrackError::Line {
                    line,
                    found,
                    expected,
                });
            }
        })
    }

    /// Whether events name a kind of allocation, not an address.
    fn counts_kinds(self) -> bool {
        self.version >= 1 && !self.has_addresses
    }

    fn version<'l>(&mut self, fields: &mut Fields) -> Result<Record<'l>, HeaptrackError> {
        let heaptrack = fields.number("version")?;
        let form = fields.optional("format")?;
        let form = form.unwrap_or(u64::from(heaptrack == FIRST_WITH_FORM));
        if form > LATEST {
            return Err(HeaptrackError::Version {
                line: fields.line,
                version: form,
                most: LATEST,
            });
        }
        self.version = form;
        Ok(Record::Version(form))
    }

    fn text<'l>(
        self,
        fields: &mut Fields<'l>,
        name: &'static str,
    ) -> Result<&'l [u8], HeaptrackError> {
        if self.version >= 3 {
            fields.sized(name)
        } else {
            Ok(fields.rest())
        }
    }

    fn module<'l>(self, fields: &mut Fields<'l>) -> Result<Option<Module<'l>>, HeaptrackError> {
        let name = match self.version {
            3.. => fields.sized("module")?,
            _ => fields.word("module")?,
        };
        if name == b"-" {
            return Ok(None);
        }
        let start = fields.number("start")?;
        let mut end = start;
        while let Some(offset) = fields.optional("offset")? {
            let size = fields.number("size of the segment")?;
            end = end.max(start.saturating_add(offset).saturating_add(size));
        }
        Ok(Some(Module { name, start, end }))
    }

    fn alloc<'l>(self, fields: &mut Fields<'l>) -> Result<Record<'l>, HeaptrackError> {
        if self.counts_kinds() {
            return Ok(Record::AllocKind(fields.number("kind")?));
        }
        Ok(Record::AllocAt {
            size: fields.number("size")?,
            stack: fields.number("stack")?,
            address: fields.number("address")?,
        })
    }
}

fn instruction(fields: &mut Fields) -> Result<Instruction, HeaptrackError> {
    let mut instruction = Instruction {
        address: fields.number("address")?,
        module: fields.number("module")?,
        frames: Vec::new(),
    };
    while let Some(function) = fields.optional("function")? {
        let mut frame = Frame {
            function,
            ..Frame::default()
        };
        if let Some(file) = fields.optional("file")? {
            (frame.file, frame.line) = (file, fields.number("line")?);
        }
        instruction.frames.push(frame);
    }
    Ok(instruction)
}
