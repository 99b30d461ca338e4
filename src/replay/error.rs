//! Why an iteration could not be recorded or replayed.

#![forbid(unsafe_code)]

use core::fmt;

use orionrt_plan::lifetimes::LifetimesError;
use orionrt_plan::planner::PlannerError;
use orionrt_sys::mapping::MapError;

/// Why an iteration could not be recorded, planned or replayed. Whoever gets this as an error can
/// rely on it that the iteration has not run.
///
/// A [`Session`](crate::replay::Session) runs such an iteration as if there were no session, and
/// counts it by its cause, unless it is [strict](crate::replay::Session::strict).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplayError {
    /// This thread is already inside a recorded or replayed iteration.
    Nested,
    /// Helper threads take part in an iteration on another thread, and can in one at a time. Only a
    /// strict session that asked for [lanes](crate::replay::Session::lanes) is refused for that.
    LanesInUse,
    /// The operating system refused memory.
    Memory(MapError),
    /// The planned region is larger than the address range reserved for all regions, whose size
    /// [`ReplayAlloc::with_reserved_limit`](crate::ReplayAlloc::with_reserved_limit) tells.
    TooLarge {
        /// The plan's peak in bytes.
        bytes: u64,
    },
    /// The address range has no room for the planned region beside those in use, or whose blocks
    /// are.
    Full {
        /// The plan's peak in bytes.
        bytes: u64,
    },
    /// The plan has more distinct offsets and ends than a `u32` can number.
    TooManySegments,
    /// The plan was not made from this recording: the lifetime at `row` has other steps or another
    /// size, or is aligned to less than was asked for, or to more than 2 MiB.
    OtherPlan {
        /// The position of the first lifetime that differs, counted from 0.
        row: usize,
    },
    /// The plan was not made from this recording: it has another number of lifetimes. Or there are
    /// plans for more lanes than were recorded.
    OtherCount {
        /// The number found.
        found: usize,
        /// The number expected.
        expected: usize,
    },
    /// The plan lets another block have bytes of the lifetime at `row` while that is alive: the
    /// lifetime has gaps or windows, or lies within another one. A block has all of its bytes for
    /// itself from its request to its release.
    SharedBytes {
        /// The position of the first such lifetime, counted from 0.
        row: usize,
    },
    /// The recorded lifetimes cannot be planned.
    Lifetimes(LifetimesError),
    /// The planner found no plan.
    Planner(PlannerError),
}

impl ReplayError {
    /// Whether a later try may succeed, once there is more memory.
    pub(super) fn is_passing(&self) -> bool {
        matches!(self, Self::Memory(_) | Self::Full { .. })
    }
}

/// An iteration that has not run, and why.
pub(super) struct NotRun<F> {
    pub(super) error: ReplayError,
    pub(super) iteration: F,
}

impl<F> NotRun<F> {
    pub(super) fn new(error: ReplayError, iteration: F) -> Self {
        Self { error, iteration }
    }
}

impl<F> From<NotRun<F>> for ReplayError {
    fn from(not_run: NotRun<F>) -> Self {
        not_run.error
    }
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nested => write!(
                f,
                "this thread is already inside a recorded or replayed iteration; \
                 iterations do not nest"
            ),
            Self::LanesInUse => write!(
                f,
                "a session with lanes is running on another thread; \
                 helper threads can take part in one session at a time"
            ),
            Self::Memory(error) => write!(
                f,
                "no memory for the planned region or the event log: {error}"
            ),
            Self::TooLarge { bytes } => write!(
                f,
                "the planned region has {bytes} bytes, \
                 more than the address range that could be reserved"
            ),
            Self::Full { bytes } => write!(
                f,
                "there is no room for a planned region of {bytes} bytes beside the others; \
                 drop sessions, or buffers that outlive their sessions"
            ),
            Self::TooManySegments => {
                let most = u32::MAX;
                write!(f, "the plan has more than {most} distinct offsets and ends")
            }
            Self::OtherPlan { row } => write!(
                f,
                "the plan was not made from this recording: lifetime {row} (counted from 0) has \
                 other steps, another size, or an alignment below the recorded one or above 2 MiB"
            ),
            Self::OtherCount { found, expected } => write!(
                f,
                "the plan was not made from this recording: found {found}, expected {expected}"
            ),
            Self::SharedBytes { row } => write!(
                f,
                "lifetime {row} of the plan (counted from 0) has gaps or windows, or lies within \
                 another one, expected a lifetime that needs all of its bytes from its first step \
                 to its last"
            ),
            Self::Lifetimes(error) => {
                write!(f, "the recorded lifetimes cannot be planned: {error}")
            }
            Self::Planner(error) => write!(f, "no plan for the recorded lifetimes: {error}"),
        }
    }
}

impl core::error::Error for ReplayError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Memory(error) => Some(error),
            Self::Lifetimes(error) => Some(error),
            Self::Planner(error) => Some(error),
            _ => None,
        }
    }
}

impl From<MapError> for ReplayError {
    fn from(error: MapError) -> Self {
        Self::Memory(error)
    }
}

impl From<LifetimesError> for ReplayError {
    fn from(error: LifetimesError) -> Self {
        Self::Lifetimes(error)
    }
}

impl From<PlannerError> for ReplayError {
    fn from(error: PlannerError) -> Self {
        Self::Planner(error)
    }
}
