//! What can be wrong with a file of lifetimes or of a plan, and where.
//!
//! Stands on the errors of lifetimes and plans, which it wraps. Plain values: all formats report
//! their mistakes with them.

use alloc::string::{String, ToString};
use core::{error::Error, fmt};
use std::io;

use super::kind::FileKind;
use crate::lifetimes::LifetimesError;
use crate::plan::{PlanError, RegionError};

/// A mistake in a file, and where it is. The file's name is for the caller to add.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileError {
    /// Where the mistake is.
    pub position: FilePosition,
    /// What is wrong.
    pub mistake: FileMistake,
}

/// A position in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FilePosition {
    /// The file as a whole.
    WholeFile,
    /// A line, counted from 1.
    Line(u64),
    /// A line and a column, both counted from 1.
    LineColumn {
        /// The line.
        line: u64,
        /// The column, in bytes.
        column: u64,
    },
    /// A tensor in the list of a JSON plan, counted from 0.
    Tensor(usize),
}

/// What can be wrong with a file of lifetimes or of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileMistake {
    /// The file could not be read or written.
    Io {
        /// The kind of failure.
        kind: io::ErrorKind,
        /// What the operating system said.
        reason: String,
    },
    /// The text is not what it should be: not UTF-8, not CSV, not JSON, or JSON of another shape.
    Malformed {
        /// What the parser said.
        reason: String,
    },
    /// The header lacks a column that must be there.
    MissingColumn {
        /// The column's name.
        column: &'static str,
        /// The header found.
        header: String,
    },
    /// Two columns of the header mean the same.
    DuplicateColumn {
        /// Their names.
        columns: [String; 2],
    },
    /// The file is of another kind.
    OtherKind {
        /// What it looks like.
        found: FileKind,
        /// What was expected.
        expected: &'static str,
    },
    /// A value is not a number of the right kind.
    BadNumber {
        /// The column's name.
        column: &'static str,
        /// The text found.
        value: String,
        /// What was expected.
        expected: &'static str,
    },
    /// A gap is not written as it should be.
    BadGap {
        /// The text found.
        value: String,
        /// What was expected.
        expected: &'static str,
    },
    /// The numbers of a row do not make a lifetime.
    Lifetime(LifetimesError),
    /// The offsets do not make a plan.
    Plan(PlanError),
    /// A number of the plan is larger than the form can have.
    Unsupported {
        /// What the number is.
        what: &'static str,
        /// The number.
        found: u64,
        /// The largest that the form can have.
        limit: u64,
    },
    /// The regions and offsets do not make a plan in several regions.
    Regions(RegionError),
    /// A number that the file states about the plan is not what the plan has.
    Stated {
        /// The number's name.
        what: &'static str,
        /// What the file states.
        stated: u64,
        /// What the plan has.
        actual: u64,
    },
}

impl FileError {
    /// A mistake at a position.
    #[must_use]
    pub fn new(position: FilePosition, mistake: FileMistake) -> Self {
        Self { position, mistake }
    }

    /// A plan that was refused. `position` finds a tensor's place in the file.
    pub(super) fn plan(error: PlanError, position: impl Fn(usize) -> FilePosition) -> Self {
        let position = culprit(&error).map_or(FilePosition::WholeFile, position);
        Self::new(position, FileMistake::Plan(error))
    }
}

impl FileError {
    /// A plan in several regions that was refused. `position` finds a tensor's place in the file.
    pub(super) fn region_plan(
        error: RegionError,
        position: impl Fn(usize) -> FilePosition,
    ) -> Self {
        let index = match &error {
            RegionError::TooLarge { id, .. }
            | RegionError::Fixed { id, .. }
            | RegionError::BadRegion { id, .. }
            | RegionError::OutsideRegion { id, .. }
            | RegionError::NotWithRoot { id, .. } => Some(id.index()),
            RegionError::Plan(error) => culprit(error),
            _ => None,
        };
        let position = index.map_or(FilePosition::WholeFile, position);
        Self::new(position, FileMistake::Regions(error))
    }
}

/// The index of the tensor that a mistake in a plan is about: the later one of two.
fn culprit(error: &PlanError) -> Option<usize> {
    match error {
        PlanError::Misaligned { id, .. }
        | PlanError::OutOfRange { id, .. }
        | PlanError::NotWithinRoot { id, .. }
        | PlanError::NotAtFixedOffset { id, .. } => Some(id.index()),
        PlanError::Overlap { ids, .. }
        | PlanError::StreamsOverlap { ids, .. }
        | PlanError::ModelsOverlap { ids, .. } => Some(ids[1].index()),
        PlanError::Count { .. } => None,
    }
}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        let mistake = FileMistake::Io {
            kind: error.kind(),
            reason: error.to_string(),
        };
        Self::new(FilePosition::WholeFile, mistake)
    }
}

impl fmt::Display for FilePosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WholeFile => write!(f, "whole file"),
            Self::Line(line) => write!(f, "line {line}"),
            Self::LineColumn { line, column } => write!(f, "line {line}, column {column}"),
            Self::Tensor(index) => write!(f, "tensors[{index}]"),
        }
    }
}

impl fmt::Display for FileMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { reason, .. } | Self::Malformed { reason } => write!(f, "{reason}"),
            Self::MissingColumn { column, header } => write!(
                f,
                "the header has no column '{column}': found '{header}', expected \
                 id,lower,upper,size and optionally alignment, gaps, fixed_offset, stream and \
                 device (plans: and offset)"
            ),
            Self::DuplicateColumn { columns: [a, b] } if a == b => {
                write!(f, "the header has two columns '{a}', expected one")
            }
            Self::DuplicateColumn { columns: [a, b] } => write!(
                f,
                "the header has the columns '{a}' and '{b}', which mean the same, expected one"
            ),
            Self::OtherKind { found, expected } => {
                write!(f, "this looks like {found}, expected {expected}")
            }
            Self::BadNumber {
                column,
                value,
                expected,
            } => write!(f, "{column} is '{value}', expected {expected}"),
            Self::BadGap { value, expected } => {
                write!(f, "a gap is '{value}', expected {expected}")
            }
            Self::Lifetime(LifetimesError { id, mistake, .. }) => write!(f, "id '{id}': {mistake}"),
            Self::Plan(error) => write!(f, "not a valid plan: {error}"),
            Self::Unsupported { what, found, limit } => {
                write!(f, "{what} would be {found}, expected at most {limit}")
            }
            Self::Regions(error) => write!(f, "not a valid plan: {error}"),
            Self::Stated {
                what,
                stated,
                actual,
            } => write!(f, "{what} is stated as {stated}, but the plan has {actual}"),
        }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.position, self.mistake)
    }
}

impl Error for FileError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.mistake {
            FileMistake::Lifetime(error) => Some(error),
            FileMistake::Plan(error) => Some(error),
            FileMistake::Regions(error) => Some(error),
            _ => None,
        }
    }
}
