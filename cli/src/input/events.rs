//! Loads a recording with the loader of its kind, as what a program asked of an allocator.
//!
//! Stands on the loaders above it. Invariant: a file that `orionrt plan` reads as one kind is of
//! the same kind here.

#![forbid(unsafe_code)]

use std::{error::Error, path::Path};

use orionrt::{Lifetimes, files::CsvWarning};

#[cfg(target_os = "linux")]
use super::trace;
use super::{
    heaptrack,
    load::Kind,
    one_memory::one_memory,
    process,
    read::Source,
    recorded::{HeapRecording, of_lifetimes},
    snapshot,
};
use crate::{
    args::{ModelArgs, PartArgs, SourceArgs},
    failure::Failure,
};

/// Loads the recording at a path. Of a memory snapshot, that is this device, or else the one with
/// the most bytes alive at once; of rows, this device or the only one.
pub(crate) fn recording(path: &Path, device: Option<&str>) -> Result<HeapRecording, Failure> {
    let source = Source::File(path.into());
    let kind = Kind::of(&source)?;
    if device.is_some() && !matches!(kind, Kind::Snapshot | Kind::Csv) {
        return Err(Failure::Device {
            path: path.into(),
            device: device.map(String::from),
            known: Vec::new(),
        });
    }
    match kind {
        Kind::Model => Err(Failure::file(path, "this is a model, expected a recording")),
        Kind::Xla | Kind::MemorySpaces => {
            let found = "this is an assignment of XLA, expected a recording";
            Err(Failure::file(path, found))
        }
        Kind::Process => process::recording(path, source),
        #[cfg(target_os = "linux")]
        Kind::Trace => {
            let recorded = trace::recorded(&source.bytes()?);
            recorded.map_err(|error| Failure::file(path, error))
        }
        Kind::Heaptrack => {
            let recorded = heaptrack::recorded(&source.bytes()?);
            recorded.map_err(|error| Failure::file(path, error))
        }
        Kind::Snapshot => {
            let args = SourceArgs {
                input: path.into(),
                alignment: None,
                device: device.map(String::from),
                part: PartArgs::default(),
                model: ModelArgs::default(),
            };
            snapshot::recorded(&args, &source.bytes()?)
        }
        Kind::Csv => {
            let (lifetimes, warnings) = one_memory(path, source.bytes()?, device)?;
            Ok(HeapRecording {
                warnings,
                ..of_lifetimes(lifetimes)
            })
        }
    }
}

/// Loads a file of lifetimes: those of this device, or of the only one.
pub(crate) fn rows(
    path: &Path,
    device: Option<&str>,
) -> Result<(Lifetimes, Vec<CsvWarning>), Failure> {
    one_memory(path, Source::File(path.into()).bytes()?, device)
}

/// The line of a mistake in a recording, and of one in JSON also the column in bytes, both counted
/// from 1; nothing where the error tells none.
pub(crate) fn place(error: &(dyn Error + 'static)) -> (Option<u64>, Option<u64>) {
    if let Some(error) = error.downcast_ref::<heaptrack::HeaptrackError>() {
        return (error.line(), None);
    }
    let json = match error.downcast_ref::<snapshot::SnapshotError>() {
        Some(snapshot::SnapshotError::Json(json)) => Some(json),
        _ => None,
    };
    #[cfg(target_os = "linux")]
    let json = match error.downcast_ref::<trace::TraceError>() {
        Some(trace::TraceError::Json(json)) => Some(json),
        _ => json,
    };
    // An error that is not about the text has line 0.
    match json.map(|json| (json.line() as u64, json.column() as u64)) {
        Some((line, column)) if line > 0 => (Some(line), Some(column)),
        _ => (None, None),
    }
}
