//! Loads a file with the loader of its kind.
//!
//! Stands on the loaders above it. Invariant: whatever is not a model is read as CSV.

#![forbid(unsafe_code)]

use std::{path::Path, time::Instant};

use super::{
    csv,
    loaded::{Input, Origin},
    model::{self, failure},
    read::Source,
};
use crate::{args::SourceArgs, failure::Failure, progress, resident_memory};

/// The alignment of a model's tensors, unless the user gives one: a cache line.
const MODEL_ALIGNMENT: u64 = 64;
/// The alignment of all tensors in TensorFlow Lite Micro.
const MICRO_ALIGNMENT: u64 = 16;

/// Loads the file that the user names.
pub(crate) fn load(args: &SourceArgs) -> Result<Input, Failure> {
    let path = &args.input;
    let start = Instant::now();
    let source = Source::open(path)?;
    let is_model = source.is_model()?;
    let alignment = match args.alignment {
        Some(alignment) => alignment.0,
        None if is_model && args.model.is_for_micro => MICRO_ALIGNMENT,
        None if is_model => MODEL_ALIGNMENT,
        None => 1,
    };
    let message = format!("reading {}", path.display());
    let (lifetimes, origin) = progress::with_spinner(message, || {
        if is_model {
            let (lifetimes, facts) = model::load(path, source, &args.model, alignment)?;
            Ok((lifetimes, Origin::Model(facts.into())))
        } else {
            csv::load(args, &source)
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

/// The symbolic dimensions of a model.
pub(crate) fn dimensions(path: &Path) -> Result<Vec<orionrt_models::Dimension>, Failure> {
    let dims = match Source::open(path)? {
        Source::File(path) => orionrt_models::dimensions(&path),
        Source::Bytes(bytes) => orionrt_models::dimensions_of(&bytes),
    };
    dims.map_err(|error| failure(path, error))
}
