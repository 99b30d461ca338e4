//! Why a file is not a model that can run.
//!
//! Stands on tract's errors. Invariant: a message names the node or tensor at fault; the file's
//! name is the caller's to add.

#![forbid(unsafe_code)]

use std::io;

use tract_onnx::tract_hir::internal::TractError;

/// The most characters of a message of tract's.
const MAX_REASON: usize = 600;

/// Why a file is not a model that can run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EngineError {
    /// The file cannot be opened.
    #[error("cannot be read: {source}")]
    Read {
        /// What the operating system reports.
        source: io::Error,
    },
    /// The bytes are not an ONNX model.
    #[error("not an ONNX model: {reason}")]
    NotOnnx {
        /// What was found instead.
        reason: String,
    },
    /// The engine does not run it.
    #[error("the engine cannot run the model: {reason}")]
    Refused {
        /// What tract reports, with the node.
        reason: String,
    },
}

/// An error of tract's, on one line of limited length.
pub(super) fn refused(error: TractError) -> EngineError {
    EngineError::Refused {
        reason: format!("{error:#}").chars().take(MAX_REASON).collect(),
    }
}

pub(super) fn not_onnx(reason: impl Into<String>) -> EngineError {
    let reason = reason.into();
    EngineError::NotOnnx { reason }
}
