//! What can be wrong with the recording of a process.
//!
//! Stands on nothing. Invariant: a message says what is there and what was expected.

#![forbid(unsafe_code)]

use orionrt::lifetimes::LifetimesError;

/// Why a file is not planned as the recording of a process.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProcessError {
    /// Nothing is left to plan.
    #[error("the recording has no block in this part of it, expected at least one")]
    Empty,
    /// There are too many blocks for a plan.
    #[error(
        "the recording has more than {most} blocks in this part of it: expected --from and --to \
         for less time, or --at-least BYTES for larger blocks alone ({suggested} would do)"
    )]
    TooMany { most: usize, suggested: u64 },
    /// Two blocks that are alive at once share bytes.
    #[error(
        "the blocks of {one}, and of {other}, share bytes while both are alive; expected none to"
    )]
    Shared { one: String, other: String },
    /// A block is not aligned as it was asked for.
    #[error("the block of {block}; expected an address that is a multiple of {alignment}")]
    Unaligned { block: String, alignment: u64 },
    /// There are too many events to hold.
    #[error(
        "the recording has more than {most} events; expected fewer, or orionrt trace --csv, which \
         writes any number"
    )]
    TooManyEvents { most: usize },
    /// The rows are no lifetimes.
    #[error("the blocks of the recording: {0}")]
    Lifetimes(#[from] LifetimesError),
}
