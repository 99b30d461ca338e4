//! Loads a recording with the loader of its kind, as what a program asked of an allocator.
//!
//! Stands on the loaders above it. Invariant: a file that `orionrt plan` reads as one kind is of
//! the same kind here.

#![forbid(unsafe_code)]

use std::path::Path;

use orionrt::Lifetimes;

#[cfg(target_os = "linux")]
use super::trace;
use super::{
    heaptrack,
    load::Kind,
    read::{Source, has_extension},
    recorded::{HeapRecording, of_lifetimes},
    snapshot,
};
use crate::{
    args::{ModelArgs, SourceArgs},
    failure::Failure,
};

/// Loads the recording at a path; of a memory snapshot this device, or else the one with the most
/// bytes alive at once.
pub(crate) fn recording(path: &Path, device: Option<u64>) -> Result<HeapRecording, Failure> {
    let source = Source::File(path.into());
    let kind = Kind::of(&source)?;
    if device.is_some() && kind != Kind::Snapshot {
        let expected = "a device can be chosen of a memory snapshot alone";
        return Err(Failure::Usage(expected.into()));
    }
    match kind {
        Kind::Model => Err(Failure::file(path, "this is a model, expected a recording")),
        Kind::Xla | Kind::Alternate => {
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
                device: device.map(|number| number.to_string()),
                model: ModelArgs::default(),
            };
            snapshot::recorded(&args, &source.bytes()?)
        }
        Kind::Csv => {
            let text = source.bytes()?;
            let lifetimes = match has_extension(path, "plc") {
                true => Lifetimes::read_plc(&text[..]),
                false => Lifetimes::read_csv(&text[..]),
            };
            let lifetimes = lifetimes.map_err(|error| Failure::file(path, error))?;
            Ok(of_lifetimes(lifetimes))
        }
    }
}
