//! What can be wrong in an assignment.
//!
//! Stands on nothing. Invariant: a message names the line and the field, what is there and what was
//! expected.

#![forbid(unsafe_code)]

use orionrt::lifetimes::LifetimesError;

/// Why a file is not read as a buffer assignment.
#[derive(Debug, thiserror::Error)]
pub(crate) enum XlaError {
    /// A line is not what it has to be.
    #[error("line {line} of the {kind}: {field} is {found}, expected {expected}")]
    Line {
        line: usize,
        /// What the file is.
        kind: &'static str,
        field: &'static str,
        found: String,
        expected: &'static str,
    },
    /// The file has no live ranges, which XLA writes into a file of their own.
    #[error(
        "the buffer assignment has no live ranges: they are in the file *-live-range.txt beside \
         it, expected both, as in: cat M-buffer-assignment.txt M-live-range.txt | orionrt plan -"
    )]
    NoRanges,
    /// The file has live ranges alone.
    #[error(
        "there are live ranges alone: the values are in the file *-buffer-assignment.txt beside \
         it, expected both, as in: cat M-buffer-assignment.txt M-live-range.txt | orionrt plan -"
    )]
    NoAssignment,
    /// The file has buffers alone, which are not said to be in the fast memory.
    #[error(
        "the memory space assignment has no allocations: they are in the file allocinfo beside \
         it, expected both, as in: cat bufferinfo allocinfo | orionrt plan -"
    )]
    NoAllocations,
    /// Nothing is in the fast memory.
    #[error("the memory space assignment has no allocation, expected at least one")]
    NothingInFastMemory,
    /// XLA has placed nothing by itself.
    #[error(
        "the buffer assignment has no value in an allocation 'preallocated-temp', expected at \
         least one: parameters, outputs and constants alone are not planned"
    )]
    Empty,
    /// The rows are no lifetimes.
    #[error("the values of the assignment: {0}")]
    Lifetimes(#[from] LifetimesError),
}

impl XlaError {
    /// A line that is not what it has to be, of which the beginning is shown.
    pub(super) fn of_line(
        kind: &'static str,
        line: usize,
        field: &'static str,
        found: &str,
        expected: &'static str,
    ) -> Self {
        /// The most letters that are shown.
        const LETTERS: usize = 60;
        let begin: String = found.chars().take(LETTERS).collect();
        let more = if begin.len() < found.len() { "..." } else { "" };
        Self::Line {
            line,
            kind,
            field,
            found: format!("'{begin}{more}'"),
            expected,
        }
    }
}
