//! A file of either format as a model.
//!
//! Stands on the formats, `recognise` and `assembly`. Invariants: the bytes decide the format, not
//! the name of the file; of a large ONNX file no weights are read; other files are never opened.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;

use crate::assembly::assemble;
use crate::error::ModelError;
use crate::model::{Dimension, Format, Model};
use crate::options::Options;
use crate::recognise::{HEAD, format_of};
use crate::{onnx, tflite};

/// The most bytes of an ONNX file that is read as a whole; of a larger one, weights are left out.
const SMALL: u64 = 8 << 20;

/// The most bytes that are read from what is no file on disk, such as a pipe.
const MAX_STREAM: u64 = 64 << 20;

/// Reads the model in a file. Of an ONNX file above 8 MiB the weights are not read, and files
/// beside it never are.
///
/// # Errors
///
/// See [`ModelError`].
pub fn load(path: &Path, options: &Options) -> Result<Model, ModelError> {
    let content = Content::read(path)?;
    let model = model_of(content.format, &content.bytes, options);
    model.map_err(|error| content.with_place(error))
}

/// Reads a model that is in memory.
///
/// # Errors
///
/// See [`ModelError`].
pub fn parse(bytes: &[u8], options: &Options) -> Result<Model, ModelError> {
    model_of(format_in_memory(bytes)?, bytes, options)
}

/// The symbolic dimensions of the model in a file, and where they come from.
///
/// # Errors
///
/// See [`ModelError`].
pub fn dimensions(path: &Path) -> Result<Vec<Dimension>, ModelError> {
    let content = Content::read(path)?;
    let dimensions = match content.format {
        Format::Onnx => onnx::dimensions(&content.bytes),
        Format::Tflite => tflite::dimensions(&content.bytes),
    };
    dimensions.map_err(|error| content.with_place(error))
}

/// The symbolic dimensions of a model that is in memory, and where they come from.
///
/// # Errors
///
/// See [`ModelError`].
pub fn dimensions_of(bytes: &[u8]) -> Result<Vec<Dimension>, ModelError> {
    match format_in_memory(bytes)? {
        Format::Onnx => onnx::dimensions(bytes),
        Format::Tflite => tflite::dimensions(bytes),
    }
}

fn format_in_memory(bytes: &[u8]) -> Result<Format, ModelError> {
    format_of(&bytes[..bytes.len().min(HEAD)])
}

fn model_of(format: Format, bytes: &[u8], options: &Options) -> Result<Model, ModelError> {
    let program = match format {
        Format::Onnx => onnx::program(bytes, options)?,
        Format::Tflite => tflite::program(bytes, options)?,
    };
    assemble(&program, format, options)
}

/// What was read of a file.
struct Content {
    format: Format,
    bytes: Vec<u8>,
    /// Whether weights were left out.
    is_skimmed: bool,
}

impl Content {
    fn read(path: &Path) -> Result<Self, ModelError> {
        let unreadable = |source: io::Error| ModelError::Read {
            path: path.into(),
            source,
        };
        let mut file = File::open(path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        if !metadata.is_file() {
            return Self::stream(file, path);
        }
        let mut head = Vec::with_capacity(HEAD);
        let part = (&mut file).take(HEAD as u64).read_to_end(&mut head);
        part.map_err(unreadable)?;
        let format = format_of(&head)?;
        file.rewind().map_err(unreadable)?;
        if format == Format::Onnx && metadata.len() > SMALL {
            return Ok(Self {
                format,
                bytes: onnx::skim(file, metadata.len(), path)?,
                is_skimmed: true,
            });
        }
        let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
        file.read_to_end(&mut bytes).map_err(unreadable)?;
        Ok(Self {
            format,
            bytes,
            is_skimmed: false,
        })
    }

    /// Reads what is no file on disk, up to a limit.
    fn stream(source: impl Read, path: &Path) -> Result<Self, ModelError> {
        let mut bytes = Vec::new();
        let read = source.take(MAX_STREAM + 1).read_to_end(&mut bytes);
        let length = read.map_err(|source| ModelError::Read {
            path: path.into(),
            source,
        })? as u64;
        if length > MAX_STREAM {
            return Err(ModelError::TooLarge {
                what: "bytes of a model that is no file on disk".into(),
                found: length,
                limit: MAX_STREAM,
            });
        }
        Ok(Self {
            format: format_in_memory(&bytes)?,
            bytes,
            is_skimmed: false,
        })
    }

    /// The error with a place that holds for what was read.
    fn with_place(&self, mut error: ModelError) -> ModelError {
        if let ModelError::Malformed { place, .. } = &mut error
            && self.is_skimmed
        {
            place.push_str(" (counted without weights)");
        }
        error
    }
}
