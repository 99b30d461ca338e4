//! A whole ONNX file as a program.
//!
//! Stands on every file above it.

use crate::error::ModelError;
use crate::model::Dimension;
use crate::options::Options;
use crate::program::Program;

/// The program of a model.
pub(crate) fn program(bytes: &[u8], options: &Options) -> Result<Program, ModelError> {
    let _ = (bytes, options);
    todo!()
}

/// The symbolic dimensions of a model.
pub(crate) fn dimensions(bytes: &[u8]) -> Result<Vec<Dimension>, ModelError> {
    let _ = bytes;
    todo!()
}
