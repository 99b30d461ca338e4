//! What is common to the file forms of lifetimes and plans: where a mistake is, and what was expected.

use alloc::string::String;
use core::fmt;

use super::PlanError;
use crate::lifetimes::LifetimeMistake;

/// A mistake in a file, and where it is. The file's name is the caller's to add.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileError {
    /// Where.
    pub place: FilePosition,
    /// What.
    pub mistake: FileMistake,
}

/// A place in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FilePosition {
    /// The file as a whole.
    File,
    /// A line, counted from 1.
    Line(u64),
    /// A line and a column, counted from 1.
    LineColumn(u64, u64),
    /// A tensor of the list in a JSON plan, counted from 0.
    Tensor(usize),
}

/// What can be wrong with a file of lifetimes or of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileMistake {
    /// It could not be read or written.
    Unreadable {
        /// What the operating system said.
        reason: String,
    },
    /// It is not the text that it should be: not UTF-8, not CSV, not JSON, or JSON of another shape.
    Malformed {
        /// What the parser said.
        reason: String,
    },
    /// A column that must be in the header is not.
    MissingColumn {
        /// The column's name.
        column: &'static str,
        /// The header found.
        header: String,
    },
    /// A value that is no number of the right kind.
    BadNumber {
        /// The column's name.
        column: &'static str,
        /// The text found.
        value: String,
        /// What was expected.
        expected: &'static str,
    },
    /// A row whose numbers do not make a lifetime.
    Lifetime {
        /// The row's id.
        id: String,
        /// What is wrong with it.
        mistake: LifetimeMistake,
    },
    /// Offsets that do not make a plan.
    Plan(PlanError),
    /// A number that the file states of the plan, and that is not so.
    Stated {
        /// Its name.
        what: &'static str,
        /// What the file states.
        stated: u64,
        /// What it is.
        actual: u64,
    },
}

/// The position of the tensor that a mistake in a plan is about: of two, the later one's.
pub(super) fn culprit(error: &PlanError) -> Option<usize> {
    match error {
        PlanError::Misaligned { id, .. }
        | PlanError::OutOfRange { id, .. }
        | PlanError::Apart { id, .. }
        | PlanError::Moved { id, .. } => Some(id.index()),
        PlanError::Overlap { ids, .. }
        | PlanError::Unordered { ids, .. }
        | PlanError::Together { ids, .. } => Some(ids[1].index()),
        PlanError::Count { .. } => None,
    }
}

impl FileError {
    #[doc(hidden)]
    #[must_use]
    pub fn new(place: FilePosition, mistake: FileMistake) -> Self {
        Self { place, mistake }
    }
}

impl fmt::Display for FilePosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => write!(f, "whole file"),
            Self::Line(line) => write!(f, "line {line}"),
            Self::LineColumn(line, column) => write!(f, "line {line}, column {column}"),
            Self::Tensor(index) => write!(f, "tensors[{index}]"),
        }
    }
}

impl fmt::Display for FileMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { reason } | Self::Malformed { reason } => write!(f, "{reason}"),
            Self::MissingColumn { column, header } => write!(
                f,
                "the header has no column '{column}': found '{header}', expected id,lower,upper,size and optionally alignment and fixed_offset (plans: and offset)"
            ),
            Self::BadNumber {
                column,
                value,
                expected,
            } => write!(f, "{column} is '{value}', expected {expected}"),
            Self::Lifetime { id, mistake } => write!(f, "id '{id}': {mistake}"),
            Self::Plan(error) => write!(f, "not a valid plan: {error}"),
            Self::Stated {
                what,
                stated,
                actual,
            } => write!(f, "states {what} {stated}, but it is {actual}"),
        }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.mistake)
    }
}

impl core::error::Error for FileError {}
