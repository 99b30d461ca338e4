//! Operators in execution order, and the tensors that each reads and writes.
//!
//! A [`GraphBuilder`] collects what the user declares and refuses nothing; [`GraphBuilder::build`]
//! checks all of it at once and names the tensor and the operator of the first mistake. A [`Graph`]
//! therefore always holds a valid execution: every tensor is written at most once, before it is read.
//!
//! ```text
//! step      0        1        2            operator i runs at step i
//!         relu ──► conv ──► add
//! x  ████████                              a graph input is alive from the start to its last reader
//! a  █████████████████                     written at 0, last read at 1: alive in steps [0, 2)
//! b           █████████████████
//! y                    ████████            a graph output is alive to the end
//! ```

#![forbid(unsafe_code)]

use alloc::{
    collections::BTreeMap,
    string::{String, ToString},
    vec::Vec,
};
use core::{alloc::Layout, fmt};

use crate::tensor::TensorId;

/// A tensor as the graph knows it: a name and the bytes it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    name: String,
    layout: Layout,
}

impl Tensor {
    /// The name given to [`GraphBuilder::tensor`].
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Size and alignment in bytes.
    #[must_use]
    pub fn layout(&self) -> Layout {
        self.layout
    }
}

/// An operator: one step of the execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Op {
    name: String,
    reads: Vec<TensorId>,
    writes: Vec<TensorId>,
}

impl Op {
    /// The name given to [`GraphBuilder::op`].
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The tensors that it reads.
    #[must_use]
    pub fn reads(&self) -> &[TensorId] {
        &self.reads
    }

    /// The tensors that it writes.
    #[must_use]
    pub fn writes(&self) -> &[TensorId] {
        &self.writes
    }
}

/// Collects tensors and operators; [`build`](Self::build) checks them.
///
/// ```
/// use core::alloc::Layout;
/// use orionrt::GraphBuilder;
///
/// let mut g = GraphBuilder::new();
/// let x = g.tensor("x", Layout::array::<f32>(1024)?);
/// let y = g.tensor("y", Layout::array::<f32>(1024)?);
/// g.op("relu").reads([x]).writes([y]);
/// let graph = g.output(y).build()?;
/// assert_eq!(graph.ops()[0].name(), "relu");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct GraphBuilder {
    tensors: Vec<Tensor>,
    ops: Vec<Op>,
    inputs: Vec<TensorId>,
    outputs: Vec<TensorId>,
}

impl GraphBuilder {
    /// A graph with nothing in it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Declares a tensor that needs `layout` bytes. Names must be unique, which `build` checks.
    pub fn tensor(&mut self, name: impl Into<String>, layout: Layout) -> TensorId {
        let id = TensorId::from_index(self.tensors.len());
        self.tensors.push(Tensor {
            name: name.into(),
            layout,
        });
        id
    }

    /// Adds the next operator in execution order; say what it reads and writes on the returned value.
    pub fn op(&mut self, name: impl Into<String>) -> OpBuilder<'_> {
        self.ops.push(Op {
            name: name.into(),
            reads: Vec::new(),
            writes: Vec::new(),
        });
        let last = self.ops.len() - 1;
        OpBuilder {
            op: &mut self.ops[last],
        }
    }

    /// Declares a graph input: the caller fills it before step 0, and no operator may write it.
    ///
    /// A tensor that operators read and none writes is an input without being declared.
    pub fn input(&mut self, tensor: TensorId) -> &mut Self {
        self.inputs.push(tensor);
        self
    }

    /// Declares a graph output: it stays alive after the last operator.
    pub fn output(&mut self, tensor: TensorId) -> &mut Self {
        self.outputs.push(tensor);
        self
    }

    /// Checks everything that was declared.
    ///
    /// # Errors
    /// The first mistake in execution order; see [`GraphError`].
    pub fn build(&mut self) -> Result<Graph, GraphError> {
        self.check_names()?;
        let writers = self.writers()?;
        let inputs = self.check_reads(&writers)?;
        let outputs = self.check_outputs(&writers, &inputs)?;
        self.check_total()?;
        Ok(Graph {
            tensors: self.tensors.clone(),
            ops: self.ops.clone(),
            inputs,
            outputs,
        })
    }

    fn name(&self, id: TensorId) -> String {
        self.tensors[id.index()].name.clone()
    }

    fn known(&self, id: TensorId, place: impl FnOnce() -> String) -> Result<(), GraphError> {
        if id.index() < self.tensors.len() {
            return Ok(());
        }
        Err(GraphError::UnknownTensor {
            id,
            place: place(),
            declared: self.tensors.len(),
        })
    }

    fn check_names(&self) -> Result<(), GraphError> {
        if u32::try_from(self.tensors.len()).is_err() {
            return Err(GraphError::TooManyTensors);
        }
        let mut seen = BTreeMap::new();
        for (index, tensor) in self.tensors.iter().enumerate() {
            if let Some(first) = seen.insert(tensor.name.as_str(), index) {
                return Err(GraphError::DuplicateName {
                    tensor: tensor.name.clone(),
                    first: TensorId::from_index(first),
                    second: TensorId::from_index(index),
                });
            }
        }
        Ok(())
    }

    /// The step that writes each tensor; `None` where the caller does.
    fn writers(&self) -> Result<Vec<Option<usize>>, GraphError> {
        let mut declared = alloc::vec![false; self.tensors.len()];
        for &id in &self.inputs {
            self.known(id, || "the graph inputs".to_string())?;
            declared[id.index()] = true;
        }
        let mut writers: Vec<Option<usize>> = alloc::vec![None; self.tensors.len()];
        for (step, op) in self.ops.iter().enumerate() {
            for &id in &op.writes {
                self.known(id, || place(step, &op.name))?;
                let first = match writers[id.index()].replace(step) {
                    Some(first) => Some(place(first, &self.ops[first].name)),
                    None if declared[id.index()] => Some("the caller (graph input)".to_string()),
                    None => None,
                };
                if let Some(first) = first {
                    return Err(GraphError::WrittenTwice {
                        tensor: self.name(id),
                        first,
                        second: place(step, &op.name),
                    });
                }
            }
        }
        Ok(writers)
    }

    /// Refuses reads that come before the write; returns the inputs, declared and found.
    fn check_reads(&self, writers: &[Option<usize>]) -> Result<Vec<TensorId>, GraphError> {
        let mut is_input = alloc::vec![false; self.tensors.len()];
        for &id in &self.inputs {
            is_input[id.index()] = true;
        }
        for (step, op) in self.ops.iter().enumerate() {
            for &id in &op.reads {
                self.known(id, || place(step, &op.name))?;
                match writers[id.index()] {
                    Some(writer) if writer >= step => {
                        return Err(GraphError::ReadBeforeWritten {
                            tensor: self.name(id),
                            reader: place(step, &op.name),
                            writer: place(writer, &self.ops[writer].name),
                        });
                    }
                    Some(_) => {}
                    None => is_input[id.index()] = true,
                }
            }
        }
        Ok(ids_where(&is_input))
    }

    fn check_outputs(
        &self,
        writers: &[Option<usize>],
        inputs: &[TensorId],
    ) -> Result<Vec<TensorId>, GraphError> {
        let mut is_output = alloc::vec![false; self.tensors.len()];
        for &id in &self.outputs {
            self.known(id, || "the graph outputs".to_string())?;
            if writers[id.index()].is_none() && inputs.binary_search(&id).is_err() {
                return Err(GraphError::NoSuchOutput {
                    tensor: self.name(id),
                });
            }
            is_output[id.index()] = true;
        }
        Ok(ids_where(&is_output))
    }

    /// Keeps the sum of all sizes below 2⁶³ bytes, so that no plan's arithmetic can overflow.
    fn check_total(&self) -> Result<(), GraphError> {
        let mut total = 0u64;
        for tensor in &self.tensors {
            // Rounding up to the alignment is what a plan may at most add to a size.
            let padded = tensor.layout.pad_to_align().size() as u64;
            total = total
                .checked_add(padded)
                .filter(|&sum| i64::try_from(sum).is_ok())
                .ok_or_else(|| GraphError::SizeOverflow {
                    tensor: tensor.name.clone(),
                    size: tensor.layout.size(),
                })?;
        }
        Ok(())
    }
}

fn place(step: usize, name: &str) -> String {
    alloc::format!("operator '{name}' (step {step})")
}

fn ids_where(flags: &[bool]) -> Vec<TensorId> {
    let set = flags.iter().enumerate().filter(|(_, set)| **set);
    set.map(|(index, _)| TensorId::from_index(index)).collect()
}

/// The operator that [`GraphBuilder::op`] has just added.
#[derive(Debug)]
pub struct OpBuilder<'g> {
    op: &'g mut Op,
}

impl OpBuilder<'_> {
    /// Adds tensors that the operator reads.
    pub fn reads(self, tensors: impl IntoIterator<Item = TensorId>) -> Self {
        self.op.reads.extend(tensors);
        self
    }

    /// Adds tensors that the operator writes.
    pub fn writes(self, tensors: impl IntoIterator<Item = TensorId>) -> Self {
        self.op.writes.extend(tensors);
        self
    }
}

/// A checked graph: operators in execution order over tensors that are written once, before they are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Graph {
    tensors: Vec<Tensor>,
    ops: Vec<Op>,
    inputs: Vec<TensorId>,
    outputs: Vec<TensorId>,
}

impl Graph {
    /// All tensors in order of declaration.
    pub fn tensors(&self) -> impl ExactSizeIterator<Item = (TensorId, &Tensor)> {
        let each = self.tensors.iter().enumerate();
        each.map(|(index, tensor)| (TensorId::from_index(index), tensor))
    }

    /// The operators in execution order: operator *i* runs at step *i*.
    #[must_use]
    pub fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// The tensors that the caller fills before step 0, in order of declaration.
    #[must_use]
    pub fn inputs(&self) -> &[TensorId] {
        &self.inputs
    }

    /// The tensors that are read after the last step, in order of declaration.
    #[must_use]
    pub fn outputs(&self) -> &[TensorId] {
        &self.outputs
    }

    /// The tensor with this id, if the graph has it.
    #[must_use]
    pub fn tensor(&self, id: TensorId) -> Option<&Tensor> {
        self.tensors.get(id.index())
    }

    /// The tensor with this name, if the graph has it. Linear in the tensors.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<TensorId> {
        let index = self.tensors.iter().position(|t| t.name == name)?;
        Some(TensorId::from_index(index))
    }

    /// The same with operator `order[i]` at step *i*; every operator comes once, after those whose results it reads.
    pub(crate) fn with_order(&self, order: &[usize]) -> Self {
        debug_assert_eq!(order.len(), self.ops.len());
        Self {
            tensors: self.tensors.clone(),
            ops: order.iter().map(|&op| self.ops[op].clone()).collect(),
            inputs: self.inputs.clone(),
            outputs: self.outputs.clone(),
        }
    }
}

/// Why a graph was refused. Operators are named with their step.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GraphError {
    /// A tensor id that this builder never gave out.
    UnknownTensor {
        /// The id.
        id: TensorId,
        /// Where it was used.
        place: String,
        /// How many tensors the builder has declared.
        declared: usize,
    },
    /// Two tensors with one name.
    DuplicateName {
        /// The name.
        tensor: String,
        /// The tensor that had it first.
        first: TensorId,
        /// The tensor that took it again.
        second: TensorId,
    },
    /// A tensor is read at or before the step that writes it.
    ReadBeforeWritten {
        /// The tensor's name.
        tensor: String,
        /// The operator that reads it.
        reader: String,
        /// The operator that writes it.
        writer: String,
    },
    /// A tensor has two writers, or an operator writes a graph input.
    WrittenTwice {
        /// The tensor's name.
        tensor: String,
        /// Who writes it first.
        first: String,
        /// The operator that writes it again.
        second: String,
    },
    /// A graph output that no operator writes and that is no graph input.
    NoSuchOutput {
        /// The tensor's name.
        tensor: String,
    },
    /// More tensors than can be numbered.
    TooManyTensors,
    /// All sizes together reach 2⁶³ bytes.
    SizeOverflow {
        /// The tensor at which the sum passes the limit.
        tensor: String,
        /// Its size in bytes.
        size: usize,
    },
}

impl fmt::Display for GraphError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownTensor {
                id,
                place,
                declared,
            } => write!(
                f,
                "{place} names tensor {id}, but this graph declares {declared} tensors, counted from T0"
            ),
            Self::DuplicateName {
                tensor,
                first,
                second,
            } => write!(
                f,
                "tensors {first} and {second} are both named '{tensor}'; names must be unique"
            ),
            Self::ReadBeforeWritten {
                tensor,
                reader,
                writer,
            } => write!(
                f,
                "tensor '{tensor}' is read by {reader} before it is written by {writer}; a tensor is written at an earlier step than it is read"
            ),
            Self::WrittenTwice {
                tensor,
                first,
                second,
            } => write!(
                f,
                "tensor '{tensor}' is written by {first} and again by {second}; a tensor has one writer"
            ),
            Self::NoSuchOutput { tensor } => write!(
                f,
                "graph output '{tensor}' is written by no operator and is no graph input"
            ),
            Self::TooManyTensors => write!(f, "the graph has more than {} tensors", u32::MAX),
            Self::SizeOverflow { tensor, size } => write!(
                f,
                "with tensor '{tensor}' of {size} bytes the tensors reach 2^63 bytes together; they must stay below"
            ),
        }
    }
}

impl core::error::Error for GraphError {}
