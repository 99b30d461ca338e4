//! Why a model does not run, and how the outputs of two modes differ.
//!
//! Stands on the library's errors. Invariant: no message names the file, which is the caller's to
//! add.

#![forbid(unsafe_code)]

use std::fmt;

use orionrt::ReplayError;
use tract_onnx::tract_hir::internal::DatumType;

use crate::args::Mode;

/// Why a model did not run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InferenceError {
    #[error("the model does not run: {0}")]
    Model(String),
    #[error(
        "input '{name}' has elements of type {datum_type:?}, \
         expected floats, integers or truth values"
    )]
    Input { name: String, datum_type: DatumType },
    #[error("the inferences differ too much in how they allocate for one recording to be replayed")]
    Unsteady,
    #[error("the memory of an inference cannot be replayed: {0}")]
    Replay(#[from] ReplayError),
}

/// An inference whose outputs differ from those of the first one, compared bit by bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// The mode in which it ran.
    pub(crate) mode: Mode,
    /// The number of earlier inferences in that mode.
    pub(crate) after: u64,
}

impl std::error::Error for Difference {}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mode, number) = (self.mode.name(), self.after + 1);
        write!(
            f,
            "inference {number} in mode '{mode}' gave different bits from the first inference \
             (in mode '{}')",
            Mode::ALL[0].name()
        )
    }
}
