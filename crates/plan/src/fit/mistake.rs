//! Why a schedule is refused.
//!
//! Stands on the schedule's types. Each rule has one meaning; the mistake adds where it is broken.

use alloc::string::String;
use core::fmt;

use super::schedule::{CopyId, FitAction, Form, Memory};

/// The rule that a schedule breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FitRule {
    /// A step or a copy names a tensor that the graph does not have.
    UnknownTensor,
    /// A step names an operator that the graph does not have.
    UnknownOperator,
    /// A step names a copy that the schedule does not have.
    UnknownCopy {
        /// The copy.
        copy: CopyId,
    },
    /// The list of the copies of inputs does not have one entry for each input of the graph.
    Inputs {
        /// How many inputs the graph has.
        expected: usize,
        /// How many entries there are.
        found: usize,
    },
    /// The list of the copies of outputs does not have one entry for each output of the graph.
    Outputs {
        /// How many outputs the graph has.
        expected: usize,
        /// How many entries there are.
        found: usize,
    },
    /// A step does not name one copy for each tensor that it reads.
    Reads {
        /// How many copies were expected.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// A step does not name one copy for each tensor that it writes.
    Writes {
        /// How many copies were expected.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// A copy is in another memory than the step needs.
    WrongMemory {
        /// The memory that it should be in.
        expected: Memory,
    },
    /// A copy holds its tensor in another form than the step needs.
    WrongForm {
        /// The form that it should have.
        expected: Form,
    },
    /// A step that moves, compresses or expands a tensor names a copy that belongs to another one.
    CopyOfOther {
        /// The other tensor.
        other: String,
    },
    /// A copy is used at a step at which it has no bytes.
    NoBytes,
    /// A copy is read that was never written.
    NeverWritten,
    /// A copy is read that holds another tensor, because it was written over.
    NotThere {
        /// The tensor that the copy holds.
        holds: String,
    },
    /// An input that is not stored has no copy that the caller fills.
    InputMissing,
    /// A stored input has a copy that the caller fills, although
    /// [`Fit::cold_start`](super::Fit::cold_start) says that none is there at the start.
    ThereAtStart,
    /// Two inputs are to be filled into one copy.
    SharedInput {
        /// The other input.
        other: String,
    },
    /// A tensor is fetched that was not spilled before.
    NotSpilled,
    /// A tensor is fetched from outside both memories and is not a stored input.
    NotStored,
    /// A tensor is expanded that was not compressed before.
    NotCompressed,
    /// A tensor is compressed although [`Fit::compression`](super::Fit::compression) has no codec
    /// for it, or one that makes it no smaller.
    MayNotCompress,
    /// A tensor is compressed into fewer bytes than its codec says.
    CompressedSize {
        /// The bytes of its compressed form.
        expected: u64,
        /// The bytes of the copy.
        found: u64,
    },
    /// A result is written over an operand that is still needed, over a part of what a copy holds,
    /// or over another result.
    Overwritten,
    /// A result has the bytes of an operand, as a view or in place, although
    /// [`Fit::aliasing`](super::Fit::aliasing) does not allow that.
    MayNotShare,
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
    /// An operator runs a second time as if it were the first.
    RunTwice,
    /// An operator never runs.
    NeverRun,
    /// An operator runs before one that it waits for.
    BeforeWait {
        /// The operator that it waits for.
        other: String,
    },
    /// An operator runs before one that comes first in the graph, although
    /// [`Fit::reorder`](super::Fit::reorder) keeps the order.
    MayNotReorder {
        /// The operator before it in the graph.
        other: String,
    },
    /// An operator is rerun before it has run.
    RerunFirst,
    /// An operator is rerun although its [cost](super::OperatorCosts) is infinite, or although
    /// [`Fit::recompute`](super::Fit::recompute) allows no reruns.
    MayNotRerun,
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
    /// The name of the operator that runs at the step, or of the tensor that moves; empty without a
    /// step.
    pub subject: String,
    /// The name of the tensor at fault, or of the operator if no tensor is; empty if the list of
    /// inputs or of outputs is too long or too short.
    pub name: String,
}

impl fmt::Display for FitMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((step, action)) = self.step {
            let verb = match action {
                FitAction::Run(_) => "run",
                FitAction::Rerun(_) => "rerun",
                FitAction::Spill(_) => "spill",
                FitAction::Fetch(_) => "fetch",
                FitAction::Compress(_) => "compress",
                FitAction::Expand(_) => "expand",
            };
            write!(f, "step {step} ({verb} '{}'): ", self.subject)?;
        }
        if !self.name.is_empty() {
            write!(f, "'{}' ", self.name)?;
        }
        self.rule.fmt(f)
    }
}

impl fmt::Display for FitRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownTensor => write!(f, "is not a tensor of the graph"),
            Self::UnknownOperator => write!(f, "is not an operator of the graph"),
            Self::UnknownCopy { copy } => {
                write!(f, "has copy {copy:?}, which the schedule does not have")
            }
            Self::Inputs { expected, found } => {
                write!(f, "expected {expected} entries for inputs, found {found}")
            }
            Self::Outputs { expected, found } => {
                write!(f, "expected {expected} entries for outputs, found {found}")
            }
            Self::Reads { expected, found } => {
                write!(f, "needs {expected} copies to read and has {found}")
            }
            Self::Writes { expected, found } => {
                write!(f, "needs {expected} copies to write and has {found}")
            }
            Self::WrongMemory { expected } => write!(f, "has a copy that is not in {expected}"),
            Self::WrongForm { expected } => write!(f, "has a copy that is not in {expected}"),
            Self::CopyOfOther { other } => write!(f, "has a copy that belongs to '{other}'"),
            Self::NoBytes => write!(f, "is used outside the steps at which its copy has bytes"),
            Self::NeverWritten => write!(f, "is not there: its copy was never written"),
            Self::NotThere { holds } => write!(f, "is not there: its copy holds '{holds}'"),
            Self::InputMissing => write!(f, "is an input that is not stored and has no copy"),
            Self::ThereAtStart => {
                write!(
                    f,
                    "is there at the start; expected a fetch before its first use"
                )
            }
            Self::SharedInput { other } => {
                write!(f, "is filled into the copy of input '{other}'")
            }
            Self::NotSpilled => write!(f, "is fetched before it was spilled"),
            Self::NotStored => {
                write!(
                    f,
                    "is fetched from outside both memories; expected a stored input"
                )
            }
            Self::NotCompressed => write!(f, "is expanded before it was compressed"),
            Self::MayNotCompress => write!(f, "may not be compressed"),
            Self::CompressedSize { expected, found } => write!(
                f,
                "is compressed to {expected} bytes, and its copy has {found}"
            ),
            Self::Overwritten => {
                write!(
                    f,
                    "is written over an operand, a part of one, or another result of the operator"
                )
            }
            Self::MayNotShare => write!(f, "may not have the bytes of an operand"),
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
            Self::RunTwice => write!(f, "runs a second time; expected a rerun"),
            Self::NeverRun => write!(f, "never runs"),
            Self::BeforeWait { other } => write!(f, "runs before '{other}', which it waits for"),
            Self::MayNotReorder { other } => {
                write!(
                    f,
                    "may not run before '{other}', which comes first in the graph"
                )
            }
            Self::RerunFirst => write!(f, "is rerun before it has run"),
            Self::MayNotRerun => write!(f, "may not be rerun"),
            Self::OutputMissing => write!(f, "is an output and not in the fast memory at the end"),
        }
    }
}

impl core::error::Error for FitMistake {}
