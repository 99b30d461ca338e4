//! Why a graph cannot be fitted.
//!
//! Stands on the other errors. Every kind says what was expected, and names the place.

use alloc::string::String;
use core::fmt;

use super::mistake::FitMistake;
use crate::planner::PlannerError;

/// What is wrong with a [`Codec`](super::Codec).
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum CodecMistake {
    /// The ratio is not a positive, finite number.
    Ratio(f64),
    /// The compressed form has no bytes.
    NoBytes,
    /// A speed, in bytes per second, is not a positive, finite number.
    Speed(f64),
}

impl fmt::Display for CodecMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ratio(ratio) => write!(
                f,
                "{ratio} is not a ratio of bytes before and after; \
                 expected a positive, finite number"
            ),
            Self::NoBytes => write!(f, "the compressed form has 0 bytes; expected at least 1"),
            Self::Speed(bytes) => write!(
                f,
                "{bytes} bytes per second is not a speed; expected a positive, finite number"
            ),
        }
    }
}

/// Why [`Planner::fit`](crate::Planner::fit) found no schedule.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum FitError {
    /// The graph has operators on several streams, which may run at the same time.
    Streams,
    /// The graph has branches or loops.
    ControlFlow,
    /// The graph has tensors on several devices.
    Devices,
    /// An output is declared to have the bytes of an input, which a schedule with copies does not
    /// keep to.
    OutputAlias {
        /// The name of the output.
        output: String,
    },
    /// The tensors have 2⁴⁸ bytes together, or more.
    TooLarge {
        /// Their bytes.
        bytes: u64,
    },
    /// There is not one cost for each operator.
    Costs {
        /// How many operators there are.
        operators: usize,
        /// How many costs were given.
        costs: usize,
    },
    /// A bandwidth of the slow memory is not a positive, finite number.
    Bandwidth {
        /// Bytes in a second.
        bytes_per_second: f64,
    },
    /// A codec has a ratio, a size or a speed that is not allowed.
    Codec {
        /// The name of the tensor that it is for; empty if it is for all tensors.
        tensor: String,
        /// What is wrong with it.
        mistake: CodecMistake,
    },
    /// [`Fit::compression`](super::Fit::compression) names a tensor that the graph does not have.
    UnknownTensor {
        /// Its id.
        tensor: String,
    },
    /// A tensor that is said to be stored is not an input of the graph.
    NotAnInput {
        /// Its name.
        tensor: String,
    },
    /// Inputs are said to be stored, and there is no slow memory at whose speed they are read.
    StoredWithoutSlow,
    /// It is proven that no schedule fits that has the operators in one of the orders and results
    /// that share bytes in one of the ways that were tried. At one operator, at the start or at the
    /// end, more bytes are needed than there are: by the operator's own operands and results, or
    /// together with tensors that cannot leave the fast memory, as none can without
    /// [`Fit::slow`](super::Fit::slow), [`Fit::compression`](super::Fit::compression) and
    /// [`Fit::recompute`](super::Fit::recompute).
    Impossible {
        /// The capacity in bytes.
        capacity: u64,
        /// The least bytes that are needed there. With another order or other sharing that was
        /// tried, some operator needs no fewer.
        needed: u64,
        /// The name of the operator, or "the start" or "the end".
        at: String,
    },
    /// The search found no schedule that fits. There may be one.
    NotFound {
        /// The capacity in bytes.
        capacity: u64,
    },
    /// The planner's own options are wrong, such as its alignment.
    Planner(PlannerError),
    /// The tensors could not be placed in a memory, although their load is within its capacity.
    Placement(PlannerError),
    /// The schedule that was found breaks a rule: a mistake of this library.
    Schedule(FitMistake),
}

impl fmt::Display for FitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Streams => write!(
                f,
                "cannot fit a graph with several streams; its operators must follow each other"
            ),
            Self::ControlFlow => write!(
                f,
                "cannot fit a graph with branches or loops; its operators must follow each other"
            ),
            Self::Devices => write!(f, "cannot fit tensors on several devices; use one"),
            Self::OutputAlias { output } => write!(
                f,
                "output '{output}' is declared to have the bytes of an input, which a schedule \
                 does not keep to; build the graph without GraphBuilder::alias_output"
            ),
            Self::TooLarge { bytes } => write!(
                f,
                "cannot fit tensors of {bytes} bytes together; they must have fewer than 2^48"
            ),
            Self::Costs { operators, costs } => {
                write!(f, "{costs} costs for {operators} operators; each needs one")
            }
            Self::Bandwidth { bytes_per_second } => write!(
                f,
                "{bytes_per_second} bytes per second is not a bandwidth of the slow memory; \
                 expected a positive, finite number"
            ),
            Self::Codec { tensor, mistake } if tensor.is_empty() => {
                write!(f, "cannot compress tensors: {mistake}")
            }
            Self::Codec { tensor, mistake } => {
                write!(f, "cannot compress tensor '{tensor}': {mistake}")
            }
            Self::UnknownTensor { tensor } => {
                write!(f, "cannot compress {tensor}: the graph has no such tensor")
            }
            Self::NotAnInput { tensor } => write!(
                f,
                "tensor '{tensor}' cannot be stored: it is not an input of the graph"
            ),
            Self::StoredWithoutSlow => write!(
                f,
                "stored inputs are read at the speed of the slow memory; \
                 set one by Fit::slow, which may have a capacity of 0"
            ),
            Self::Impossible {
                capacity,
                needed,
                at,
            } => write!(
                f,
                "no schedule fits into {capacity} bytes in the orders and with the sharing of \
                 bytes that were tried: at {at} at least {needed} bytes are needed"
            ),
            Self::NotFound { capacity } => {
                write!(f, "found no schedule that fits into {capacity} bytes")
            }
            Self::Planner(error) => write!(f, "cannot fit with this planner: {error}"),
            Self::Placement(error) => {
                write!(f, "cannot place the tensors of a schedule: {error}")
            }
            Self::Schedule(mistake) => write!(f, "the schedule found is wrong: {mistake}"),
        }
    }
}

impl core::error::Error for FitError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Planner(error) | Self::Placement(error) => Some(error),
            Self::Schedule(mistake) => Some(mistake),
            _ => None,
        }
    }
}
