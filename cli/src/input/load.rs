//! Loads a file with the loader of its kind.
//!
//! Stands on the loaders above it. Invariant: what is of no other kind is read as CSV.

#![forbid(unsafe_code)]

use std::{path::Path, time::Instant};

use orionrt::Lifetimes;

#[cfg(target_os = "linux")]
use super::trace;
use super::{
    calls::Calls,
    csv,
    devices::Device,
    heaptrack,
    loaded::{Input, Origin},
    model::{self, failure},
    options::{refuse_device, refuse_device_of_model, refuse_model_options, refuse_part},
    process,
    read::{Source, looks_like_model},
    snapshot,
    streams::Streams,
    xla,
};
use crate::{
    args::SourceArgs, device_memory::PlannedDevice, failure::Failure, progress, resident_memory,
};

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
    /// A recording of a process.
    Process,
    Xla,
    /// A memory space assignment of XLA.
    MemorySpaces,
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
        Ok(if process::looks_like_process(&head) {
            Self::Process
        } else if looks_like_model(&head) {
            Self::Model
        } else if snapshot::looks_like_snapshot(&head) {
            Self::Snapshot
        } else if heaptrack::looks_like_heaptrack(&head) {
            Self::Heaptrack
        } else if xla::looks_like_xla(&head) {
            Self::Xla
        } else if xla::looks_like_assignment(&head) {
            Self::MemorySpaces
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
            Self::Process => 1,
            Self::Snapshot => snapshot::ALIGNMENT,
            Self::Heaptrack => heaptrack::ALIGNMENT,
            Self::Xla => xla::ALIGNMENT,
            // What XLA's offsets show takes the place of this.
            Self::MemorySpaces | Self::Csv => 1,
        }
    }
}

/// Loads the file that the user names, which is of one memory.
pub(crate) fn load(args: &SourceArgs) -> Result<Input, Failure> {
    let mut all = load_each(args)?;
    match (all.pop(), all.len()) {
        (Some(input), 0) => Ok(input),
        (_, others) => Err(Failure::Usage(format!(
            "'{}' has tensors of {} devices: expected --device DEVICE, which chooses one",
            args.input.display(),
            others + 1
        ))),
    }
}

/// Loads the file that the user names: each of the memories that it is of, at least one.
pub(crate) fn load_each(args: &SourceArgs) -> Result<Vec<Input>, Failure> {
    let path = &args.input;
    let start = Instant::now();
    let source = Source::open(path)?;
    let kind = Kind::of(&source)?;
    let planned_for = planned_for(args, kind)?;
    let given = args.alignment.as_ref().map(|alignment| alignment.0);
    let alignment = given.unwrap_or_else(|| kind.alignment(args));
    let needed = planned_for
        .as_ref()
        .map(|device| device.properties.plan_alignment());
    let alignment = needed.map_or(alignment, |needed| alignment.max(needed));
    let message = format!("reading {}", path.display());
    let memories = progress::with_spinner(message, || memories(kind, args, source, alignment))?;
    let load_time = start.elapsed();
    let input = |loaded: Loaded| Input {
        alignment: match (&loaded.origin, given) {
            (Origin::MemorySpaces(facts), None) => facts.alignment,
            _ => alignment,
        },
        device: loaded.device,
        planned_for: planned_for.clone(),
        lifetimes: loaded.lifetimes,
        origin: loaded.origin,
        calls: loaded.calls,
        streams: loaded.streams,
        load_time,
        peak_rss_bytes: resident_memory::peak(),
    };
    Ok(memories.into_iter().map(input).collect())
}

/// The device of this machine that a model is to be planned for.
fn planned_for(args: &SourceArgs, kind: Kind) -> Result<Option<PlannedDevice>, Failure> {
    let name = args.device.as_ref().and_then(|name| name.parse().ok());
    let name = name.filter(|_| kind == Kind::Model);
    name.map(PlannedDevice::find).transpose()
}

/// What a loader has of a memory.
struct Loaded {
    device: Option<Device>,
    lifetimes: Lifetimes,
    origin: Origin,
    calls: Option<Calls>,
    streams: Option<Streams>,
}

impl Loaded {
    fn new(lifetimes: Lifetimes, origin: Origin) -> Self {
        Self {
            device: None,
            lifetimes,
            origin,
            calls: None,
            streams: None,
        }
    }
}

impl From<csv::Memory> for Loaded {
    fn from(memory: csv::Memory) -> Self {
        Self {
            device: memory.device,
            streams: memory.streams,
            ..Self::new(memory.lifetimes, memory.origin)
        }
    }
}

/// Loads a file of this kind: CSV may be of several memories.
fn memories(
    kind: Kind,
    args: &SourceArgs,
    source: Source,
    alignment: u64,
) -> Result<Vec<Loaded>, Failure> {
    match kind {
        Kind::Snapshot | Kind::Csv => {}
        Kind::Model => refuse_device_of_model(args)?,
        _ => refuse_device(args)?,
    }
    if kind != Kind::Process {
        refuse_part(args)?;
    }
    let refuse_options = |kind: &str| refuse_model_options(args, kind);
    let loaded = match kind {
        Kind::Csv => {
            let memories = csv::load(args, &source)?;
            return Ok(memories.into_iter().map(Loaded::from).collect());
        }
        Kind::Model => {
            let (lifetimes, facts) = model::load(&args.input, source, &args.model, alignment)?;
            Loaded::new(lifetimes, Origin::Model(facts.into()))
        }
        Kind::Snapshot => {
            refuse_options("a memory snapshot")?;
            let (lifetimes, facts, calls) = snapshot::load(args, &source.bytes()?)?;
            let drawn = facts.drawn.as_ref();
            Loaded {
                streams: drawn.and_then(|drawn| drawn.streams.clone()),
                calls,
                ..Loaded::new(lifetimes, Origin::Snapshot(facts.into()))
            }
        }
        #[cfg(target_os = "linux")]
        Kind::Trace => {
            refuse_options("a recording")?;
            let (lifetimes, facts) = trace::load(args, &source.bytes()?)?;
            Loaded::new(lifetimes, Origin::Trace(facts.into()))
        }
        Kind::Heaptrack => {
            refuse_options("a recording of heaptrack")?;
            let (lifetimes, facts, calls) = heaptrack::load(args, &source.bytes()?)?;
            Loaded {
                calls,
                ..Loaded::new(lifetimes, Origin::Heaptrack(facts.into()))
            }
        }
        Kind::Process => {
            refuse_options("a recording of a process")?;
            let (lifetimes, facts) = process::load(args, source)?;
            Loaded::new(lifetimes, Origin::Process(facts.into()))
        }
        Kind::Xla => {
            refuse_options("a buffer assignment of XLA")?;
            let (lifetimes, facts) = xla::load(args, &source.bytes()?)?;
            Loaded::new(lifetimes, Origin::Xla(facts.into()))
        }
        Kind::MemorySpaces => {
            refuse_options("a memory space assignment of XLA")?;
            let (lifetimes, facts) = xla::load_alternate(args, &source.bytes()?)?;
            Loaded::new(lifetimes, Origin::MemorySpaces(facts.into()))
        }
    };
    Ok(vec![loaded])
}

/// The symbolic dimensions of a model.
pub(crate) fn dimensions(path: &Path) -> Result<Vec<orionrt_models::Dimension>, Failure> {
    let dims = match Source::open(path)? {
        Source::File(path) => orionrt_models::dimensions(&path),
        Source::Bytes(bytes) => orionrt_models::dimensions_of(&bytes),
    };
    dims.map_err(|error| failure(path, error))
}
