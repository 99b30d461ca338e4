//! What a program of an engine is asked for, and what it answers.
//!
//! Plain data that goes through JSON. Invariant: a task alone decides what runs, so that processes
//! with different heaps do the same work.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::counted::Counts;

/// The heap beneath an engine, and whether iterations are replayed on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Heap {
    /// The system's heap.
    System,
    /// `OrionAlloc`.
    Orion,
    /// Replay, with the system's heap for what is not planned.
    ReplaySystem,
    /// Replay, with `OrionAlloc` for what is not planned.
    ReplayOrion,
    /// Replay on the system's heap, with every request counted on both sides.
    Counted,
}

impl Heap {
    /// The heaps that are compared; the first is what the others are compared with.
    pub const COMPARED: [Self; 4] = [
        Self::System,
        Self::Orion,
        Self::ReplaySystem,
        Self::ReplayOrion,
    ];

    /// The end of the program's name, and the name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Orion => "orion",
            Self::ReplaySystem => "replay-system",
            Self::ReplayOrion => "replay-orion",
            Self::Counted => "counted",
        }
    }
}

/// An ONNX model and what makes it run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Model {
    /// The file.
    pub path: PathBuf,
    /// The sizes of open dimensions. An axis without a name is called `INPUT.AXIS`.
    #[serde(default)]
    pub dims: BTreeMap<String, usize>,
    /// Inputs whose elements all have one value; the others are random.
    #[serde(default)]
    pub values: BTreeMap<String, f64>,
}

/// What a process is to run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Task {
    /// The workload's name.
    pub workload: String,
    /// The model, where the engine reads one.
    pub model: Option<Model>,
    /// Tokens of a text, where the engine writes one.
    pub tokens: usize,
    /// Worker threads of the engine.
    pub threads: usize,
    /// Passes before anything but the first call and the peak is measured.
    pub warm: usize,
    /// Seconds of further passes before the steady state, in which a heap learns what it keeps.
    pub settle: f64,
    /// Passes that are measured at least.
    pub passes: usize,
    /// Seconds for which passes are measured at least.
    pub seconds: f64,
    /// Helper threads that a session may use; `None` leaves the setting as it is by default.
    pub lanes: Option<usize>,
}

/// What replay says about itself, over all keys.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Planned {
    /// Keys.
    pub keys: usize,
    /// Iterations that were recorded.
    pub recorded: u64,
    /// Bytes of the planned regions.
    pub planned_bytes: u64,
    /// A lower bound on these.
    pub lower_bound: u64,
    /// Iterations that ran without a plan.
    pub plain: u64,
    /// The share of all bytes that it says were served from the plan.
    pub served: f64,
    /// The text of the report on the last key.
    pub text: String,
}

/// Figures that every process measures.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Figures {
    /// Resident bytes with the model loaded and nothing run.
    pub loaded_bytes: u64,
    /// The most bytes that were resident since.
    pub most_bytes: u64,
    /// Resident bytes at the end.
    pub end_bytes: u64,
    /// Milliseconds that the first call took.
    pub first_ms: f64,
    /// Page faults of the first call.
    pub first_faults: u64,
    /// Iterations that were measured.
    pub iterations: u64,
    /// Page faults in each of them, on average.
    pub faults: f64,
    /// Milliseconds of CPU time that an iteration took in all threads, the median over passes.
    pub cpu_ms: f64,
    /// A hash of all results.
    pub digest: String,
}

/// What a process answers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Measured {
    /// Memory, time and results.
    pub figures: Figures,
    /// What replay says, where there is any.
    pub planned: Option<Planned>,
    /// What was counted in the measured iterations, in a program that counts.
    pub counts: Option<Counts>,
}
