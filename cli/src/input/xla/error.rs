//! What can be wrong in a buffer assignment.
//!
//! Stands on nothing. Invariant: a message names the line and the field, what is there and what was
//! expected.

#![forbid(unsafe_code)]

use orionrt::lifetimes::LifetimesError;

/// Why a file is not read as a buffer assignment.
#[derive(Debug, thiserror::Error)]
pub(crate) enum XlaError {
    /// A line is not what it has to be.
    #[error("line {line} of the buffer assignment: {field} is {found}, expected {expected}")]
    Line {
        line: usize,
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
    /// XLA has placed nothing by itself.
    #[error(
        "the buffer assignment has no value in an allocation 'preallocated-temp', expected at \
         least one: parameters, outputs and constants alone are not planned"
    )]
    Empty,
    /// The rows are no lifetimes.
    #[error("the values of the buffer assignment: {0}")]
    Lifetimes(#[from] LifetimesError),
}
