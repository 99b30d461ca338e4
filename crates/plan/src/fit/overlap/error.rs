//! Why the times of a schedule cannot be told.
//!
//! Stands on [`FitMistake`] and [`PlannerError`]. Every kind names the step and what was expected.

use alloc::string::String;
use core::fmt;

use super::super::mistake::FitMistake;
use crate::planner::PlannerError;

/// Why [`FitSchedule::overlapped`](crate::fit::FitSchedule::overlapped) or
/// [`FitSchedule::prefetched`](crate::fit::FitSchedule::prefetched) has no answer.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum OverlapError {
    /// The schedule breaks a rule.
    Schedule(FitMistake),
    /// There is not one time for each operator.
    Costs {
        /// How many operators there are.
        operators: usize,
        /// How many times were given.
        costs: usize,
    },
    /// A step takes no finite time: its operator costs infinitely much, or a memory or a codec has
    /// a speed that is not positive.
    Seconds {
        /// The step.
        step: usize,
        /// The name of its operator, or of the tensor that it moves.
        subject: String,
        /// The time of the step in seconds.
        seconds: f64,
    },
    /// The steps take no finite time together, though each of them does.
    Sum {
        /// The step at which their time is not finite any more.
        step: usize,
    },
    /// The copies of the schedule that was found are no plan of their memory: a mistake of this
    /// library.
    Plan(PlannerError),
}

impl fmt::Display for OverlapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Schedule(mistake) => write!(f, "the schedule is wrong: {mistake}"),
            Self::Costs { operators, costs } => {
                write!(
                    f,
                    "the number of times is {costs}, and that of operators {operators}"
                )
            }
            Self::Seconds {
                step,
                subject,
                seconds,
            } => write!(
                f,
                "step {step} ('{subject}') takes {seconds} s; expected a finite number that is not \
                 negative"
            ),
            Self::Sum { step } => write!(
                f,
                "the steps up to step {step} take no finite time together; expected a sum of at \
                 most {:e} s",
                f64::MAX
            ),
            Self::Plan(error) => write!(f, "the schedule has no plan: {error}"),
        }
    }
}

impl core::error::Error for OverlapError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Schedule(mistake) => Some(mistake),
            Self::Plan(error) => Some(error),
            _ => None,
        }
    }
}
