//! Why a model does not run, and how the outputs of two modes differ.
//!
//! Stands on the library's errors. Invariant: none of the messages names the file, which is the caller's to add.

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
        "input '{name}' has elements of type {datum_type:?}, for which no values are made up here"
    )]
    Input { name: String, datum_type: DatumType },
    #[error("no recording stands for all inferences: they ask for memory in too many ways")]
    Unsteady,
    #[error("the memory of an inference cannot be replayed: {0}")]
    Replay(#[from] ReplayError),
}

/// An inference whose outputs are not, bit for bit, those of the first one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// In which mode it ran.
    pub(crate) mode: Mode,
    /// How many in that mode had run before.
    pub(crate) after: u64,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mode, number) = (self.mode.name(), self.after + 1);
        write!(
            f,
            "inference {number} in mode '{mode}' gave other bits than the first one (in mode '{}')",
            Mode::ALL[0].name()
        )
    }
}
