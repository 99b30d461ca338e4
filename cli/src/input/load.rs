//! Loads a file with the loader of its kind.
//!
//! Stands on the loaders above it. Invariant: what is of no other kind is read as CSV.

#![forbid(unsafe_code)]

use std::{path::Path, time::Instant};

#[cfg(target_os = "linux")]
use super::trace;
use super::{
    csv, heaptrack,
    loaded::{Input, Origin},
    model::{self, failure},
    options::{refuse_device, refuse_model_options},
    read::{Source, looks_like_model},
    snapshot, xla,
};
use crate::{args::SourceArgs, failure::Failure, progress, resident_memory};

/// The alignment of a model's tensors, unless the user gives one: a cache line.
const MODEL_ALIGNMENT: u64 = 64;
/// The alignment of all tensors in TensorFlow Lite Micro.
const MICRO_ALIGNMENT: u64 = 16;

/// What a file is read as.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Model,
    #[cfg(target_os = "linux")]
    Trace,
    Snapshot,
    Heaptrack,
    Xla,
    /// A memory space assignment of XLA.
    Alternate,
    Csv,
}

impl Kind {
    /// By the content; a name that is that of a model makes it one.
    pub(super) fn of(source: &Source) -> Result<Self, Failure> {
        if source.is_named_model() {
            return Ok(Self::Model);
        }
        let head = source.head()?;
        #[cfg(target_os = "linux")]
        if trace::looks_like_trace(&head) {
            return Ok(Self::Trace);
        }
        Ok(if looks_like_model(&head) {
            Self::Model
        } else if snapshot::looks_like_snapshot(&head) {
            Self::Snapshot
        } else if heaptrack::looks_like_heaptrack(&head) {
            Self::Heaptrack
        } else if xla::looks_like_xla(&head) {
            Self::Xla
        } else if xla::looks_like_assignment(&head) {
            Self::Alternate
        } else {
            Self::Csv
        })
    }

    /// The alignment, unless the user gives one.
    fn alignment(self, args: &SourceArgs) -> u64 {
        match self {
            Self::Model if args.model.is_for_micro => MICRO_ALIGNMENT,
            Self::Model => MODEL_ALIGNMENT,
            // Each block has its own.
            #[cfg(target_os = "linux")]
            Self::Trace => 1,
            Self::Snapshot => snapshot::ALIGNMENT,
            Self::Heaptrack => heaptrack::ALIGNMENT,
            Self::Xla => xla::ALIGNMENT,
            // What XLA's offsets show takes the place of this.
            Self::Alternate | Self::Csv => 1,
        }
    }
}

/// Loads the file that the user names.
pub(crate) fn load(args: &SourceArgs) -> Result<Input, Failure> {
    let path = &args.input;
    let start = Instant::now();
    let source = Source::open(path)?;
    let kind = Kind::of(&source)?;
    let given = args.alignment.as_ref().map(|alignment| alignment.0);
    let alignment = given.unwrap_or_else(|| kind.alignment(args));
    let message = format!("reading {}", path.display());
    let (lifetimes, origin, calls) = progress::with_spinner(message, || match kind {
        Kind::Model => {
            refuse_device(args)?;
            let (lifetimes, facts) = model::load(path, source, &args.model, alignment)?;
            Ok((lifetimes, Origin::Model(facts.into()), None))
        }
        Kind::Snapshot => {
            refuse_model_options(args, "a memory snapshot")?;
            let (lifetimes, facts, calls) = snapshot::load(args, &source.bytes()?)?;
            Ok((lifetimes, Origin::Snapshot(facts.into()), calls))
        }
        #[cfg(target_os = "linux")]
        Kind::Trace => {
            refuse_model_options(args, "a recording")?;
            refuse_device(args)?;
            let (lifetimes, facts) = trace::load(args, &source.bytes()?)?;
            Ok((lifetimes, Origin::Trace(facts.into()), None))
        }
        Kind::Heaptrack => {
            refuse_model_options(args, "a recording of heaptrack")?;
            refuse_device(args)?;
            let (lifetimes, facts, calls) = heaptrack::load(args, &source.bytes()?)?;
            Ok((lifetimes, Origin::Heaptrack(facts.into()), calls))
        }
        Kind::Csv => {
            let (lifetimes, origin) = csv::load(args, &source)?;
            Ok((lifetimes, origin, None))
        }
        Kind::Xla => {
            refuse_model_options(args, "a buffer assignment of XLA")?;
            refuse_device(args)?;
            let (lifetimes, facts) = xla::load(args, &source.bytes()?)?;
            Ok((lifetimes, Origin::Xla(facts.into()), None))
        }
        Kind::Alternate => {
            refuse_model_options(args, "a memory space assignment of XLA")?;
            refuse_device(args)?;
            let (lifetimes, facts) = xla::load_alternate(args, &source.bytes()?)?;
            Ok((lifetimes, Origin::Alternate(facts.into()), None))
        }
    })?;
    let streams = match &origin {
        Origin::Csv(text) if args.model.has_page => csv::streams(args, text)?,
        Origin::Snapshot(facts) => {
            let drawn = facts.drawn.as_ref();
            drawn.and_then(|drawn| drawn.streams.clone())
        }
        _ => None,
    };
    let alignment = match (&origin, given) {
        (Origin::Alternate(facts), None) => facts.alignment,
        _ => alignment,
    };
    Ok(Input {
        lifetimes,
        alignment,
        origin,
        calls,
        streams,
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
