//! What can be wrong with models, their schedules and placements.
//!
//! Stands on ids and on the errors of the planner. Each kind carries the values that were refused,
//! and its message says what would be right.
//!
//! ```text
//! starts    0         10        20
//! a         ┌─────────┼──┐                RunsOverlap: a is still alive when it begins anew
//!           └─────────┼──┘
//! ```

use alloc::{boxed::Box, string::String};
use core::fmt;

use super::tensors::ModelTensor;
use crate::ids::ModelId;
use crate::planner::PlannerError;

/// Why a model, a schedule, a question about a model, or a placement was refused.
///
/// ```
/// use orionrt_plan::multi_model::{LifetimeAnalyzer, ModelId};
/// let error = LifetimeAnalyzer::new().lifetimes(ModelId::new(2)).err().expect("it has no model");
/// assert_eq!(error.to_string(), "there is no model M2");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SharingError {
    /// An earlier model has the same name.
    DuplicateModel {
        /// The name.
        name: String,
        /// The model that has it.
        first: ModelId,
    },
    /// There are more models than ids.
    TooManyModels,
    /// No model has this id.
    UnknownModel {
        /// The id.
        model: ModelId,
    },
    /// The model has no such tensor.
    UnknownTensor {
        /// The tensor.
        tensor: ModelTensor,
    },
    /// A lifetime leaves the range of an `i64` in the run that starts at `start`.
    OutOfTime {
        /// The model's name.
        model: String,
        /// The tensor's name.
        tensor: String,
        /// When that run starts.
        start: i64,
    },
    /// A tensor would be alive in two runs of its model at once.
    RunsOverlap {
        /// The model's name.
        model: String,
        /// The tensor's name.
        tensor: String,
        /// When those runs start.
        starts: [i64; 2],
    },
    /// A schedule pairs a model with itself.
    PairedWithItself {
        /// The model's name.
        model: String,
    },
    /// A schedule has starts for another number of models.
    StartsCount {
        /// How many models there are.
        models: usize,
        /// For how many models there are starts.
        starts: usize,
    },
    /// A schedule in which a model never starts.
    NeverStarts {
        /// The model's name.
        model: String,
    },
    /// A schedule in which tensors are alive too often: that of one tensor in one run is a life.
    /// Neither the first run of each model nor runs that overlap in the same way as earlier ones
    /// are counted.
    TooManyRuns {
        /// The name of the model with most lives.
        model: String,
        /// How many tensors it has.
        tensors: usize,
        /// How many of its runs differ.
        runs: usize,
        /// The lives of all models, without those in first runs.
        lives: u64,
        /// How many there may be.
        most: u64,
    },
    /// The lifetimes of a model are those of a joint plan.
    SeveralInOne {
        /// The model's name.
        model: String,
    },
    /// A model with several streams, whose steps say nothing about time, was put on a common clock.
    StreamsOnClock {
        /// The model's name.
        model: String,
    },
    /// A model, or all models together, could not be planned.
    Planning {
        /// The model's name; `None` if the joint plan failed.
        model: Option<String>,
        /// Why.
        error: Box<PlannerError>,
    },
    /// An alignment is not a power of two.
    BadAlignment {
        /// The alignment in bytes.
        alignment: u64,
    },
    /// An offset is not a multiple of the alignment.
    Misaligned {
        /// The offset in bytes.
        offset: u64,
        /// The alignment in bytes.
        alignment: u64,
    },
    /// A placement ends at 2⁶³ bytes or above.
    OutOfRange {
        /// The offset in bytes.
        offset: u64,
        /// The size in bytes.
        size: u64,
    },
}

impl fmt::Display for SharingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DuplicateModel { name, first } => write!(
                f,
                "the name '{name}' was used before, by model {first}; names must be unique"
            ),
            Self::TooManyModels => write!(
                f,
                "there are more than {} models; no more can be numbered",
                u32::MAX
            ),
            Self::UnknownModel { model } => write!(f, "there is no model {model}"),
            Self::UnknownTensor { tensor } => write!(f, "there is no tensor {tensor}"),
            Self::OutOfTime {
                model,
                tensor,
                start,
            } => write!(
                f,
                "tensor '{tensor}' of model '{model}', started at {start}, is alive outside the \
                 64-bit clock; all times must be from -2^63 to 2^63 - 1"
            ),
            Self::RunsOverlap {
                model,
                tensor,
                starts: [a, b],
            } => write!(
                f,
                "tensor '{tensor}' of model '{model}' is still alive in the run that starts at {a} \
                 when it begins anew in the run that starts at {b}; a model that runs twice at \
                 once must be added twice"
            ),
            Self::PairedWithItself { model } => write!(
                f,
                "model '{model}' is paired with itself; \
                 a model that runs twice at once must be added twice"
            ),
            Self::StartsCount { models, starts } => write!(
                f,
                "starts are given for {starts} models, but there are {models}; \
                 each model needs a list of its own"
            ),
            Self::NeverStarts { model } => write!(
                f,
                "model '{model}' has no start; leave out a model that never runs"
            ),
            Self::TooManyRuns {
                model,
                tensors,
                runs,
                lives,
                most,
            } => write!(
                f,
                "the schedule has too many starts: model '{model}' has {tensors} tensor{} and \
                 {runs} runs that differ; there are {lives} lives of tensors after the first runs, \
                 at most {most} are possible: give fewer starts, or regular ones",
                if *tensors == 1 { "" } else { "s" }
            ),
            Self::SeveralInOne { model } => write!(
                f,
                "model '{model}' consists of several models that were planned together; \
                 add each of them by itself"
            ),
            Self::StreamsOnClock { model } => write!(
                f,
                "model '{model}' runs on several streams, so its steps say nothing about time; \
                 say which models may run together instead of when they start"
            ),
            Self::Planning {
                model: Some(model),
                error,
            } => write!(f, "model '{model}': {error}"),
            Self::Planning { model: None, error } => write!(f, "all models together: {error}"),
            Self::BadAlignment { alignment } => write!(
                f,
                "alignment {alignment} is not a power of two (1, 2, 4, ...)"
            ),
            Self::Misaligned { offset, alignment } => {
                write!(
                    f,
                    "offset {offset} is not a multiple of the alignment {alignment}"
                )
            }
            Self::OutOfRange { offset, size } => write!(
                f,
                "{size} bytes at offset {offset} end at 2^63 bytes or above; they must end below"
            ),
        }
    }
}

impl core::error::Error for SharingError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Planning { error, .. } => Some(&**error),
            _ => None,
        }
    }
}
