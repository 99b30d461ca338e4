//! An error on its way to C: its kind, a message, and the position that it is about.
//!
//! Stands on `status` and on the errors of the library, each of which becomes a kind by name and
//! keeps its message. Plain values; `error` hands them to C.

use ::orionrt_plan::files::{FileError, FileMistake};
use ::orionrt_plan::lifetimes::LifetimeMistake;
use ::orionrt_plan::multi_model::SharingError;
use ::orionrt_plan::{GraphError, LifetimesError, Plan, PlanError, PlannerError};

use crate::status::orionrt_status::{self, *};

/// Why a call failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: orionrt_status,
    pub(crate) message: String,
    /// The position that the error is about, counted from 0: a row, a tensor, an argument.
    pub(crate) index: Option<usize>,
    /// The best plan found, if none is within the capacity.
    pub(crate) best: Option<Box<Plan>>,
}

impl Failure {
    pub(crate) fn new(status: orionrt_status, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            index: None,
            best: None,
        }
    }

    pub(crate) fn at(self, index: usize) -> Self {
        let index = Some(index);
        Self { index, ..self }
    }

    /// A pointer that is null.
    pub(crate) fn null(what: &str) -> Self {
        let message = format!("{what} is a null pointer; expected one that is not");
        Self::new(ORIONRT_NULL_POINTER, message)
    }

    /// A number that means nothing.
    pub(crate) fn invalid(what: &str, found: impl std::fmt::Display, expected: &str) -> Self {
        let message = format!("{what} is {found}; expected {expected}");
        Self::new(ORIONRT_INVALID_ARGUMENT, message)
    }

    /// A position at which there is nothing.
    pub(crate) fn unknown(what: &str, index: usize, count: usize, all: &str) -> Self {
        let expected = format!("a number below {count}, the number of {all}");
        Self::invalid(what, index, &expected)
    }
}

impl From<LifetimesError> for Failure {
    fn from(error: LifetimesError) -> Self {
        Self::new(of_lifetime(&error.mistake), error.to_string()).at(error.row)
    }
}

fn of_lifetime(mistake: &LifetimeMistake) -> orionrt_status {
    match mistake {
        LifetimeMistake::EndsBeforeStart { .. } => ORIONRT_ENDS_BEFORE_START,
        LifetimeMistake::BadAlignment { .. } => ORIONRT_BAD_ALIGNMENT,
        LifetimeMistake::SizeOverflow { .. } => ORIONRT_SIZE_OVERFLOW,
        LifetimeMistake::FixedMisaligned { .. } | LifetimeMistake::FixedOutOfRange { .. } => {
            ORIONRT_BAD_FIXED_OFFSET
        }
        LifetimeMistake::Gap(_) => ORIONRT_BAD_GAP,
        LifetimeMistake::Window(_) => ORIONRT_BAD_WINDOW,
        LifetimeMistake::View(_) => ORIONRT_BAD_VIEW,
        LifetimeMistake::DuplicateId { .. } => ORIONRT_DUPLICATE_NAME,
        LifetimeMistake::TooMany => ORIONRT_TOO_MANY,
        _ => ORIONRT_MALFORMED,
    }
}

impl From<PlanError> for Failure {
    fn from(error: PlanError) -> Self {
        let (status, index) = of_plan(&error);
        let failure = Self::new(status, error.to_string());
        Self { index, ..failure }
    }
}

/// The kind of a mistake in a plan, and the tensor that it is about: the later one of two.
fn of_plan(error: &PlanError) -> (orionrt_status, Option<usize>) {
    match error {
        PlanError::Count { .. } => (ORIONRT_WRONG_COUNT, None),
        PlanError::Misaligned { id, .. } => (ORIONRT_MISALIGNED, Some(id.index())),
        PlanError::NotAtFixedOffset { id, .. } | PlanError::NotWithinRoot { id, .. } => {
            (ORIONRT_WRONG_PLACE, Some(id.index()))
        }
        PlanError::OutOfRange { id, .. } => (ORIONRT_OUT_OF_RANGE, Some(id.index())),
        PlanError::Overlap { ids, .. }
        | PlanError::StreamsOverlap { ids, .. }
        | PlanError::ModelsOverlap { ids, .. } => (ORIONRT_OVERLAP, Some(ids[1].index())),
        _ => (ORIONRT_MALFORMED, None),
    }
}

impl From<PlannerError> for Failure {
    fn from(error: PlannerError) -> Self {
        let message = error.to_string();
        let cause = match error {
            PlannerError::Lifetimes(error) => Self::from(error),
            PlannerError::Fixed(error) => Self::from(error),
            PlannerError::Capacity { best, .. } => Self {
                best: Some(best),
                ..Self::new(ORIONRT_OVER_CAPACITY, "")
            },
            _ => Self::new(ORIONRT_BAD_STRATEGY, ""),
        };
        Self { message, ..cause }
    }
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        let message = error.to_string();
        let cause = match error.mistake {
            FileMistake::Io { .. } => Self::new(ORIONRT_IO, ""),
            FileMistake::Lifetime(error) => Self::from(error),
            FileMistake::Plan(error) => Self::from(error),
            _ => Self::new(ORIONRT_MALFORMED, ""),
        };
        Self { message, ..cause }
    }
}

impl From<GraphError> for Failure {
    fn from(error: GraphError) -> Self {
        let status = match error {
            GraphError::DuplicateName { .. } => ORIONRT_DUPLICATE_NAME,
            _ => ORIONRT_BAD_GRAPH,
        };
        Self::new(status, error.to_string())
    }
}

impl From<SharingError> for Failure {
    fn from(error: SharingError) -> Self {
        let message = error.to_string();
        let cause = match error {
            SharingError::DuplicateModel { .. } => Self::new(ORIONRT_DUPLICATE_NAME, ""),
            SharingError::UnknownModel { .. } | SharingError::UnknownTensor { .. } => {
                Self::new(ORIONRT_INVALID_ARGUMENT, "")
            }
            SharingError::TooManyModels => Self::new(ORIONRT_TOO_MANY, ""),
            SharingError::Planning { error, .. } => Self::from(*error),
            _ => Self::new(ORIONRT_BAD_SCHEDULE, ""),
        };
        Self { message, ..cause }
    }
}
