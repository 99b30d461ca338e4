//! Why a schedule is refused.
//!
//! Stands on the schedule's types. Each kind says which rule is broken; the mistake adds where.

use alloc::string::String;
use core::fmt;

use super::schedule::{FitAction, Memory};

/// The rule that a schedule breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FitRule {
    /// A step names an operator, a tensor or a copy that there is not.
    Unknown,
    /// A step does not name one copy for each operand and each result, nor a list of inputs or
    /// outputs one for each of the graph's.
    Count {
        /// How many were expected.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// A copy is in another memory than the step needs, or belongs to another tensor.
    WrongCopy {
        /// The memory that it should be in.
        expected: Memory,
    },
    /// A copy is used at a step at which it has no bytes.
    NoBytes,
    /// A copy is read that does not hold the tensor: it was never written, or written over.
    NotThere {
        /// The tensor that the copy holds instead, if it holds one.
        holds: Option<String>,
    },
    /// A tensor is fetched that was not spilled before.
    NotSpilled,
    /// A result is written over an operand that is still needed, or over another result.
    Overwritten,
    /// A copy is smaller than what is written to it.
    TooSmall,
    /// A tensor does not begin at a multiple of its alignment.
    Misaligned {
        /// Where it begins, in bytes.
        offset: u64,
        /// Its alignment, in bytes.
        alignment: u64,
    },
    /// Two copies have bytes in common at a step.
    Overlap {
        /// The tensor of the other copy.
        other: String,
        /// The memory that both are in.
        memory: Memory,
    },
    /// A copy ends beyond the end of its memory.
    Capacity {
        /// The memory.
        memory: Memory,
        /// Its size in bytes.
        capacity: u64,
        /// Where the copy ends, in bytes.
        end: u64,
    },
    /// An operator runs a second time as if it were the first, or not at all.
    RunOnce,
    /// An operator runs before one that it waits for, or is rerun before it has run.
    TooEarly,
    /// An output is not in the fast memory at the end.
    OutputMissing,
}

/// Why a [`FitSchedule`](super::FitSchedule) is refused: the rule, the tensor and the step.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FitMistake {
    /// The rule that is broken.
    pub rule: FitRule,
    /// The step, and what happens there; `None` for what concerns the start or the end.
    pub step: Option<(usize, FitAction)>,
    /// The name of the tensor, or of the operator if no tensor is at fault.
    pub name: String,
}

impl fmt::Display for FitMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.step {
            Some((step, action)) => {
                let (verb, id): (_, &dyn fmt::Display) = match &action {
                    FitAction::Run(op) => ("run", op),
                    FitAction::Rerun(op) => ("rerun", op),
                    FitAction::Spill(tensor) => ("spill", tensor),
                    FitAction::Fetch(tensor) => ("fetch", tensor),
                };
                write!(f, "step {step} ({verb} {id}): '{}' ", self.name)?;
            }
            None => write!(f, "'{}' ", self.name)?,
        }
        self.rule.fmt(f)
    }
}

impl fmt::Display for FitRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => write!(f, "is unknown, or has a copy that is"),
            Self::Count { expected, found } => {
                write!(f, "needs {expected} copies and has {found}")
            }
            Self::WrongCopy { expected } => {
                write!(
                    f,
                    "has a copy of another tensor, or one that is not in {expected}"
                )
            }
            Self::NoBytes => write!(f, "is used outside the steps at which its copy has bytes"),
            Self::NotThere { holds: Some(other) } => {
                write!(f, "is not there: its copy holds '{other}'")
            }
            Self::NotThere { holds: None } => {
                write!(f, "is not there: its copy was never written")
            }
            Self::NotSpilled => write!(f, "is fetched before it was spilled"),
            Self::Overwritten => {
                write!(
                    f,
                    "is written over an operand or another result of the operator"
                )
            }
            Self::TooSmall => write!(f, "does not fit into its copy"),
            Self::Misaligned { offset, alignment } => {
                write!(
                    f,
                    "is at offset {offset}, not a multiple of its alignment {alignment}"
                )
            }
            Self::Overlap { other, memory } => {
                write!(f, "shares bytes of {memory} with '{other}'")
            }
            Self::Capacity {
                memory,
                capacity,
                end,
            } => write!(f, "ends at byte {end} of {memory}, which has {capacity}"),
            Self::RunOnce => write!(f, "does not run exactly once"),
            Self::TooEarly => write!(f, "runs too early"),
            Self::OutputMissing => write!(f, "is an output and not in the fast memory at the end"),
        }
    }
}

impl core::error::Error for FitMistake {}
