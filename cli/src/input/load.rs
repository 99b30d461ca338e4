//! Loads a file with the loader of its extension.
//!
//! Stands on the loaders above it. Invariant: whatever is not named as another format is read as
//! CSV.

#![forbid(unsafe_code)]

use std::{path::Path, time::Instant};

use super::{csv, loaded::Input, model, read::has_extension};
use crate::{args::SourceArgs, failure::Failure, progress, resident_memory};

/// The alignment of a model's tensors, unless the user gives one: a cache line.
const ONNX_ALIGNMENT: u64 = 64;

/// Loads the file that the user names.
pub(crate) fn load(source: &SourceArgs) -> Result<Input, Failure> {
    let path = &source.input;
    let start = Instant::now();
    let is_onnx = is_onnx(path);
    let alignment = match source.alignment {
        Some(alignment) => alignment.0,
        None if is_onnx => ONNX_ALIGNMENT,
        None => 1,
    };
    let message = format!("reading {}", path.display());
    let (lifetimes, origin) = progress::with_spinner(message, || {
        if is_onnx {
            model::load(source, alignment)
        } else {
            csv::load(source)
        }
    })?;
    Ok(Input {
        lifetimes,
        alignment,
        origin,
        load_time: start.elapsed(),
        peak_rss_bytes: resident_memory::peak(),
    })
}

/// Whether a file is read as an ONNX model.
pub(crate) fn is_onnx(path: &Path) -> bool {
    has_extension(path, "onnx")
}
