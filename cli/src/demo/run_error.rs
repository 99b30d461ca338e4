//! Why an executor did not run its network.
//!
//! Stands on nothing. Invariant: a message names the tensor at fault, and the operator if there is
//! one.

#![forbid(unsafe_code)]

use std::{error::Error, fmt};

/// Why a network did not run.
#[derive(Debug)]
pub enum RunError {
    /// A step needs a tensor outside of its lifetime.
    NotAlive {
        /// The tensor's name.
        tensor: String,
        /// The operator's name.
        op: String,
        /// The step at which it runs.
        step: usize,
    },
    /// A step needs a tensor whose bytes have been overwritten by another one.
    Overwritten {
        /// The tensor's name.
        tensor: String,
        /// The operator's name.
        op: String,
        /// The step at which it runs.
        step: usize,
    },
    /// Lifetimes that place a tensor within another although the network does not allow it.
    NotDeclared {
        /// The tensor's name.
        tensor: String,
        /// The name of the tensor that it lies within.
        root: String,
    },
    /// A slice whose length is not that of the tensor.
    WrongLength {
        /// The tensor's name.
        tensor: String,
        /// The elements of the tensor.
        expected: usize,
        /// The elements of the slice.
        given: usize,
    },
    /// Lifetimes of another network.
    WrongCount {
        /// The network's tensors.
        expected: usize,
        /// The lifetimes' tensors.
        given: usize,
    },
    /// A step of a fitted schedule needs a copy of a tensor that does not exist then.
    NoCopy {
        /// The tensor's name.
        tensor: String,
        /// The step of the schedule.
        step: usize,
    },
    /// Values do not get as small in compressed form as the fitted schedule takes for granted.
    NotSmallEnough {
        /// The tensor's name.
        tensor: String,
        /// The bytes that the schedule has for them.
        planned: Option<u64>,
    },
    /// A compressed form does not have the values of the copy into which it is expanded.
    NotExpanded {
        /// The name of the copy's tensor.
        tensor: String,
        /// The step of the schedule.
        step: usize,
    },
    /// A step of a fitted schedule is of a kind that the demo does not know.
    UnknownStep {
        /// The step of the schedule.
        step: usize,
    },
    /// The source has no memory for a tensor.
    NoMemory {
        /// The tensor's name.
        tensor: String,
        /// The source's error.
        cause: Box<dyn Error + Send + Sync>,
    },
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAlive { tensor, op, step } => {
                write!(
                    f,
                    "tensor '{tensor}' is not alive at operator '{op}' (step {step})"
                )
            }
            Self::Overwritten { tensor, op, step } => {
                write!(
                    f,
                    "tensor '{tensor}' is overwritten before operator '{op}' (step {step}) needs it"
                )
            }
            Self::NotDeclared { tensor, root } => {
                write!(
                    f,
                    "tensor '{tensor}' cannot lie within '{root}' at this offset: its operator \
                     declares no such view or result in place"
                )
            }
            Self::WrongLength {
                tensor,
                expected,
                given,
            } => {
                write!(f, "tensor '{tensor}' has {expected} elements, not {given}")
            }
            Self::WrongCount { expected, given } => {
                write!(
                    f,
                    "the network has {expected} tensors, the lifetimes have {given}"
                )
            }
            Self::NoCopy { tensor, step } => {
                write!(
                    f,
                    "step {step} of the fitted schedule needs a copy of tensor '{tensor}' that \
                     does not exist then"
                )
            }
            Self::NotSmallEnough { tensor, planned } => {
                let planned = planned.unwrap_or(0);
                write!(
                    f,
                    "tensor '{tensor}' does not get down to the {planned} bytes in compressed form \
                     that it had when it was measured"
                )
            }
            Self::NotExpanded { tensor, step } => {
                write!(
                    f,
                    "step {step} of the fitted schedule expands to tensor '{tensor}' what is not \
                     its compressed form"
                )
            }
            Self::UnknownStep { step } => {
                write!(
                    f,
                    "step {step} of the fitted schedule is of an unknown kind"
                )
            }
            Self::NoMemory { tensor, cause } => {
                write!(f, "no memory for tensor '{tensor}': {cause}")
            }
        }
    }
}

impl Error for RunError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NoMemory { cause, .. } => Some(cause.as_ref()),
            _ => None,
        }
    }
}
