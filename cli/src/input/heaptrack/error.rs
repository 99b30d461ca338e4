//! What can be wrong in a recording of heaptrack.
//!
//! Stands on nothing. Invariant: a message names the line and the field, what is there and what was
//! expected.

#![forbid(unsafe_code)]

use std::io;

use orionrt::lifetimes::LifetimesError;

/// Why a file is not read as a recording of heaptrack.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HeaptrackError {
    /// The file cannot be decompressed, or ends too early for that.
    #[error("line {line} of the recording cannot be decompressed: {source}")]
    Compressed { line: u64, source: io::Error },
    /// A line is not what it has to be.
    #[error("line {line} of the recording: {found}, expected {expected}")]
    Line {
        line: u64,
        found: String,
        expected: &'static str,
    },
    /// A field is missing, or has a value that it cannot have.
    #[error("line {line} of the recording: the field '{field}' is {found}, expected {expected}")]
    Field {
        line: u64,
        field: &'static str,
        found: String,
        expected: &'static str,
    },
    /// A later version of heaptrack wrote the file.
    #[error(
        "line {line} of the recording: the file has version {version:#x}, expected at most {most}"
    )]
    Version { line: u64, version: u64, most: u64 },
    /// The file is larger than what is read.
    #[error(
        "line {line} of the recording is beyond {most} {what}, expected a recording of a shorter \
         time"
    )]
    TooMuch {
        line: u64,
        most: u64,
        what: &'static str,
    },
    /// There is no allocation.
    #[error("the recording has no allocation, expected at least one line that begins with '+'")]
    Empty,
    /// The rows are no lifetimes: their sizes are too large.
    #[error("the blocks of the recording: {0}")]
    Lifetimes(#[from] LifetimesError),
}

impl HeaptrackError {
    /// The line of the mistake, counted from 1, if it is in one.
    pub(crate) fn line(&self) -> Option<u64> {
        match self {
            Self::Compressed { line, .. }
            | Self::Line { line, .. }
            | Self::Field { line, .. }
            | Self::Version { line, .. }
            | Self::TooMuch { line, .. } => Some(*line),
            Self::Empty | Self::Lifetimes(_) => None,
        }
    }
}
