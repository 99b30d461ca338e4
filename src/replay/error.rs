//! Why an iteration could not be recorded or replayed.

use core::fmt;

use orionrt_plan::lifetimes::LifetimesError;
use orionrt_plan::planner::PlannerError;
use orionrt_sys::mapping::MapError;

/// Why an iteration could not be recorded, planned or replayed. The iteration has not run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplayError {
    /// This thread is inside a recorded or replayed iteration already.
    Nested,
    /// Another session with lanes is running, in another thread; helper threads can belong to one alone.
    LanesInUse,
    /// The operating system refused memory.
    Memory(MapError),
    /// The planned region is larger than what can be reserved for all of them: 256 GiB, less where the system refuses that.
    TooLarge {
        /// The plan's peak in bytes.
        bytes: u64,
    },
    /// There is no room for the planned region beside those that are in use, or of which someone still has bytes.
    Full {
        /// The plan's peak in bytes.
        bytes: u64,
    },
    /// The plan has more distinct offsets and ends than can be numbered.
    TooManySegments,
    /// The plan is not one of this recording: the lifetime at `row` is another one, or is aligned to less than was asked for, or to more than 2 MiB.
    OtherPlan {
        /// The position of the first lifetime that differs, counted from 0.
        row: usize,
    },
    /// The plan is not one of this recording: it has another number of lifetimes. Or plans for more lanes were given than were recorded.
    OtherCount {
        /// How many there are.
        found: usize,
        /// How many there should be.
        expected: usize,
    },
    /// The recorded lifetimes cannot be planned.
    Lifetimes(LifetimesError),
    /// The planner has no plan.
    Planner(PlannerError),
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nested => write!(
                f,
                "this thread is inside a recorded or replayed iteration already; iterations do not nest"
            ),
            Self::LanesInUse => write!(
                f,
                "another session with lanes is running in another thread; helper threads can belong to one alone"
            ),
            Self::Memory(error) => {
                write!(f, "no memory for the planned region or the tape: {error}")
            }
            Self::TooLarge { bytes } => write!(
                f,
                "a planned region of {bytes} bytes is larger than the address space that could be reserved"
            ),
            Self::Full { bytes } => write!(
                f,
                "there is no room for a planned region of {bytes} bytes beside the others; drop sessions, or buffers that outlive theirs"
            ),
            Self::TooManySegments => {
                write!(
                    f,
                    "the plan has more than {} distinct offsets and ends",
                    u32::MAX
                )
            }
            Self::OtherPlan { row } => write!(
                f,
                "the plan is not one of this recording: lifetime {row} (counted from 0) has other steps, another size, or an alignment below the recorded one or above 2 MiB"
            ),
            Self::OtherCount { found, expected } => write!(
                f,
                "the plan is not one of this recording: {found} instead of {expected}"
            ),
            Self::Lifetimes(error) => {
                write!(f, "the recorded lifetimes cannot be planned: {error}")
            }
            Self::Planner(error) => write!(f, "no plan for the recorded lifetimes: {error}"),
        }
    }
}

impl core::error::Error for ReplayError {}

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
