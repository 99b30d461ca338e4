//! A schedule with spills, fetches, compressed forms and reruns, as data.
//!
//! Stands on the ids and the graph. It keeps no invariant: [`FitSchedule::check`] says whether an
//! executor may follow it.

use alloc::vec::Vec;
use core::{fmt, ops::Range};

use crate::graph::Graph;
use crate::ids::{OpId, TensorId};

/// A copy of a tensor in a memory: its position in [`FitSchedule::copies`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CopyId(u32);

impl CopyId {
    /// The copy at position `index`, counted from 0.
    #[must_use]
    pub const fn new(index: u32) -> Self {
        Self(index)
    }

    /// The position.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Debug for CopyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "C{}", self.0)
    }
}

/// One of the two memories of a [`FitSchedule`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Memory {
    /// That of the operators.
    Fast,
    /// That to which tensors are spilled.
    Slow,
}

/// The form in which a [`TensorCopy`] holds its tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Form {
    /// The tensor as it is.
    Plain,
    /// The tensor in compressed form.
    Compressed,
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "plain form",
            Self::Compressed => "compressed form",
        })
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fast => "the fast memory",
            Self::Slow => "the slow memory",
        })
    }
}

/// What happens at a step of a [`FitSchedule`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FitAction {
    /// The operator runs, as in the graph: once for each operator.
    Run(OpId),
    /// The operator runs once more, to recompute what has left the fast memory.
    Rerun(OpId),
    /// A copy of this tensor is made in the slow memory.
    Spill(TensorId),
    /// A copy of this tensor is made in the fast memory, from the slow memory, or from outside both
    /// if it is [stored](super::Fit::stored).
    Fetch(TensorId),
    /// A compressed copy of this tensor is made of a plain one, both in the fast memory.
    Compress(TensorId),
    /// A plain copy of this tensor is made of a compressed one, both in the fast memory.
    Expand(TensorId),
}

/// One step of a [`FitSchedule`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FitStep {
    /// What happens.
    pub action: FitAction,
    /// The copies that are read. For an operator, those that hold its operands, in the order of
    /// [`Op::reads`](crate::graph::Op::reads); for a fetch from outside, none.
    pub reads: Vec<CopyId>,
    /// The copies that are written. For an operator, those that hold its results, in the order of
    /// [`Op::writes`](crate::graph::Op::writes).
    pub writes: Vec<CopyId>,
}

impl FitStep {
    /// A step that reads and writes these copies.
    #[must_use]
    pub fn new(action: FitAction, reads: Vec<CopyId>, writes: Vec<CopyId>) -> Self {
        Self {
            action,
            reads,
            writes,
        }
    }
}

/// A copy of a tensor in a memory, from the step that brings it there to its last use.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TensorCopy {
    /// The tensor, a root: views of it and results in its place lie in the same bytes.
    pub tensor: TensorId,
    /// Where the copy is.
    pub memory: Memory,
    /// The first step that needs the bytes, and the one after the last.
    pub steps: Range<usize>,
    /// Where the copy begins in its memory, in bytes.
    pub offset: u64,
    /// The bytes of the compressed form, which the tensor must fit into; such a copy needs no
    /// alignment. `None` for a copy of the tensor as it is.
    pub compressed: Option<u64>,
}

impl TensorCopy {
    /// A copy of a tensor as it is, which needs its bytes in these steps.
    #[must_use]
    pub fn new(tensor: TensorId, memory: Memory, steps: Range<usize>, offset: u64) -> Self {
        Self {
            tensor,
            memory,
            steps,
            offset,
            compressed: None,
        }
    }

    /// The copy as one in compressed form, with so many bytes.
    #[must_use]
    pub fn compressed(mut self, bytes: u64) -> Self {
        self.compressed = Some(bytes);
        self
    }

    /// The form in which the copy holds its tensor.
    #[must_use]
    pub fn form(&self) -> Form {
        match self.compressed {
            Some(_) => Form::Compressed,
            None => Form::Plain,
        }
    }

    /// The bytes of the copy; 0 for a tensor that the graph does not have.
    #[must_use]
    pub fn bytes(&self, graph: &Graph) -> u64 {
        let tensor = graph.tensor(self.tensor);
        let size = tensor.map_or(0, |tensor| tensor.layout().size() as u64);
        self.compressed.unwrap_or(size)
    }
}

/// What an executor does, step by step: operators, and what brings tensors out of the fast memory
/// and back.
///
/// An executor fills the [`inputs`](Self::inputs), goes through the [`steps`](Self::steps), and
/// finds its results in the [`outputs`](Self::outputs). At each step it knows of every operand
/// which copy holds it, and each copy has its offset. A tensor that is a view begins within the
/// copy, where [`TensorStarts`](super::TensorStarts) says.
///
/// With [`Aliasing::Parts`](crate::Aliasing::Parts), the copies of the operands of a concatenation
/// may lie within the copy of its result, at its step alone: there source and target are the same
/// bytes, and an executor must not copy them. An operand that is needed after it is then read
/// within the result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FitSchedule {
    /// What happens, in order.
    pub steps: Vec<FitStep>,
    /// All copies of tensors in both memories.
    pub copies: Vec<TensorCopy>,
    /// For each input of the graph, the copy that the caller fills before the first step; `None`
    /// for an input that is [stored](super::Fit::stored) and not there at first.
    pub inputs: Vec<Option<CopyId>>,
    /// For each output of the graph, the copy that holds it after the last step.
    pub outputs: Vec<CopyId>,
}

impl FitSchedule {
    /// The copy with this id, if the schedule has it.
    #[must_use]
    pub fn copy(&self, id: CopyId) -> Option<&TensorCopy> {
        self.copies.get(id.index())
    }

    /// How many steps there are from the start to the end, at least one: copies that are there at
    /// the end have their last step before it.
    #[must_use]
    pub fn end(&self) -> usize {
        self.steps.len().max(1)
    }
}
