//! Reads files: lifetimes to plan, models, and plans.
//!
//! ```text
//! read        the bytes of a file or of standard input, and their kind
//! options     options that only some kinds of files can follow
//! calls       the stacks of calls that blocks were allocated in, as one tree
//! streams     the streams that tensors are on
//! devices     the devices that tensors are on
//! addresses   where a heap had its blocks, as offsets of a map
//! recorded    what a program asked of an allocator over time
//! trace       a recording of `ReplayAlloc` → lifetimes                 (Linux)
//! process     a recording of a process → lifetimes
//! snapshot    a memory snapshot of PyTorch → lifetimes
//! heaptrack   a recording of heaptrack → lifetimes
//! xla         a buffer assignment or memory space assignment of XLA → lifetimes
//! table       the rows of a file of lifetimes, of one memory or of several
//! one_memory  those of one memory, for other programs
//! loaded      lifetimes, and the facts about the file that they come from
//! csv         a CSV file of lifetimes → lifetimes
//! order       the order of operators that a file lists
//! near        the names that a mistyped one may have meant
//! donated     the inputs of a model that are given up, or get a new value
//! model       a model file → lifetimes
//! load        chooses the loader
//! events      a recording → what a program asked of an allocator
//! facts       the facts about a model in a plan's file
//! plan_file   a plan
//! against     a plan against the model or the recording that it is for
//! ```
//!
//! A new format of models belongs into `orionrt-models`; a new format of lifetimes is a loader
//! beside `csv`, a variant of `Origin`, and a line in `load`.

// A file uses only files above it in this list.
mod read;
mod options;
mod calls;
mod streams;
mod devices;
mod addresses;
mod recorded;
#[cfg(target_os = "linux")]
mod trace;
mod process;
mod snapshot;
mod heaptrack;
mod xla;
mod table;
mod one_memory;
mod loaded;
mod csv;
mod order;
mod near;
mod donated;
mod model;
mod load;
mod events;
mod facts;
mod plan_file;
mod against;

pub(crate) use addresses::{History, RangeKind, Segments};
pub(crate) use against::{
    OfRecording, Verified, check_against_model, check_against_recording, check_own_plan,
    holds_own_plan,
};
pub(crate) use calls::{Call, Calls};
pub(crate) use csv::WEIGHT;
pub(crate) use devices::Device;
pub(crate) use events::{place, recording, rows};
pub(crate) use facts::{ModelJson, reason};
pub(crate) use heaptrack::HeaptrackFacts;
pub(crate) use load::{dimensions, load, load_each};
pub(crate) use loaded::{
    AliasingFacts, Input, ModelFacts, ModelGraph, Origin, OwnPlan, PartsFacts,
};
pub(crate) use model::model_graph;
pub(crate) use near::near;
pub(crate) use plan_file::{
    DevicePlan, NO_LIMIT, Plans, is_plan, load_plan, load_plan_of_model, load_plans,
};
pub(crate) use process::{
    CheckedBlocks, Ended, Follow, Process, ProcessFacts, check_blocks, is_process,
};
pub(crate) use read::{is_named_model, is_profile, is_standard_input, read_any};
pub use recorded::{HeapEvent, HeapEventKind, HeapRecording, HeapUsage, RecordingForm};
pub(crate) use snapshot::{
    GENERATOR as SNAPSHOT_GENERATOR, OutOfMemory, SnapshotFacts, TENSOR as TENSOR_FRAME,
};
pub(crate) use streams::Streams;
#[cfg(all(feature = "engine", target_os = "linux"))]
pub(crate) use trace::Allocated;
#[cfg(target_os = "linux")]
pub(crate) use trace::TraceFacts;
pub(crate) use xla::{AlternateFacts, XlaFacts};
