//! What can be wrong in the file of a recording.
//!
//! Stands on nothing. Invariant: a message says what is there and what was expected.

#![forbid(unsafe_code)]

use orionrt::lifetimes::LifetimesError;

/// Why a file is not read as a recording.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TraceError {
    /// The JSON is not that of a recording.
    #[error("the recording: {0}, expected what Recording::write_json writes")]
    Json(#[from] serde_json::Error),
    /// It says that it is something else.
    #[error("the recording has the format '{0}', expected 'orionrt-trace'")]
    Format(String),
    /// It is of another version.
    #[error("the recording has version {0}, expected 1")]
    Version(u64),
    /// No request ends within the recording.
    #[error("the recording has no block that is allocated and freed in it, expected at least one")]
    Empty,
    /// The rows are no lifetimes.
    #[error("the blocks of the recording: {0}")]
    Lifetimes(#[from] LifetimesError),
}
