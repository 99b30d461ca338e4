//! Loads a recording with the loader of its kind, as what a program asked of an allocator.
//!
//! Stands on the loaders above it. Invariant: a file that `orionrt plan` reads as one kind is of
//! the same kind here.

#![forbid(unsafe_code)]

use std::path::Path;

use orionrt::{Lifetimes, files::CsvWarning};

#[cfg(target_os = "linux")]
use super::trace;
use super::{
    heaptrack,
    load::Kind,
    one_memory::one_memory,
    read::Source,
    recorded::{HeapRecording, of_lifetimes},
    snapshot,
};
use crate::{
    args::{ModelArgs, SourceArgs},
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
