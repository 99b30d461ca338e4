//! A file of either format as a model.
//!
//! Stands on the formats and `assembly`. Invariant: the bytes decide the format, not the name of
//! the file.

use std::path::Path;

use crate::assembly::assemble;
use crate::error::ModelError;
use crate::model::{Dimension, Format, Model};
use crate::options::Options;
use crate::{onnx, tflite};

/// The four bytes that follow the first four of a TensorFlow Lite file.
const TFLITE_IDENTIFIER: &[u8] = b"TFL3";

/// Reads the model in a file.
///
/// # Errors
///
/// See [`ModelError`].
pub fn load(path: &Path, options: &Options) -> Result<Model, ModelError> {
    parse(&read(path)?, options)
}

/// Reads a model that is in memory.
///
/// # Errors
///
/// See [`ModelError`].
pub fn parse(bytes: &[u8], options: &Options) -> Result<Model, ModelError> {
    let format = format_of(bytes);
    let program = match format {
        Format::Onnx => onnx::program(bytes, options)?,
        Format::Tflite => tflite::program(bytes, options)?,
    };
    assemble(&program, format, options)
}

/// The symbolic dimensions of the model in a file, and where they come from.
///
/// # Errors
///
/// See [`ModelError`].
pub fn dimensions(path: &Path) -> Result<Vec<Dimension>, ModelError> {
    let bytes = read(path)?;
    match format_of(&bytes) {
        Format::Onnx => onnx::dimensions(&bytes),
        Format::Tflite => tflite::dimensions(&bytes),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, ModelError> {
    std::fs::read(path).map_err(|source| ModelError::Read {
        path: path.into(),
        source,
    })
}

fn format_of(bytes: &[u8]) -> Format {
    if bytes.get(4..8) == Some(TFLITE_IDENTIFIER) {
        Format::Tflite
    } else {
        Format::Onnx
    }
}
