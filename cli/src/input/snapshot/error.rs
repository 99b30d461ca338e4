//! What can be wrong in a memory snapshot.
//!
//! Stands on nothing. Invariant: a message names the place (the byte of a pickle, the line of JSON
//! or the field), what is there and what was expected.

#![forbid(unsafe_code)]

use orionrt::lifetimes::LifetimesError;

/// Why a file is not read as a memory snapshot.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SnapshotError {
    /// The pickle is damaged, or has something that no snapshot has.
    #[error("byte {byte} of the pickle: {found}, expected {expected}")]
    Pickle {
        byte: usize,
        found: String,
        expected: &'static str,
    },
    /// The pickle asks for code to be run.
    #[error(
        "byte {byte} of the pickle: {opcode} would run code, which is never done; expected a \
         snapshot of lists, dictionaries, texts and numbers alone"
    )]
    Code { byte: usize, opcode: &'static str },
    /// The JSON is damaged.
    #[error("the JSON of the snapshot: {0}")]
    Json(#[from] serde_json::Error),
    /// A field has a value that it cannot have, or is missing.
    #[error("{place} of the snapshot is {found}, expected {expected}")]
    Field {
        place: String,
        found: String,
        expected: &'static str,
    },
    /// Something that a snapshot has once is referred to from two places.
    #[error(
        "{place} of the snapshot is the same object as an earlier one, expected one of its own"
    )]
    Repeated { place: String },
    /// There is neither a segment nor an event.
    #[error(
        "the snapshot has no block on any device: expected one that was taken after \
         torch.cuda.memory._record_memory_history()"
    )]
    Empty,
    /// The rows are no lifetimes: their sizes are too large.
    #[error("the blocks of the snapshot: {0}")]
    Lifetimes(#[from] LifetimesError),
}
