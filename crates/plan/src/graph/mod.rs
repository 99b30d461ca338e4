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
//!
//! Beyond that an operator may say more, and [`Graph::lifetimes`] makes use of it: that a result is a *view* of what it reads, or may take
//! its bytes (*in place*); on which *stream* it runs, and for which operators it waits; and a tensor, on which *device* it lies.

mod builder;
mod error;

use alloc::{string::String, vec::Vec};
use core::{alloc::Layout, fmt};

pub use builder::{GraphBuilder, OpBuilder};
pub use error::{AliasMistake, GraphError};

use crate::ids::TensorId;
use crate::streams::Order;

/// A tensor as the graph knows it: a name and the bytes it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    name: String,
    layout: Layout,
    device: DeviceId,
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

    /// Where its bytes are.
    #[must_use]
    pub fn device(&self) -> DeviceId {
        self.device
    }
}

/// A memory of its own: the host's, or a GPU's; counted from 0 in order of declaration.
///
/// ```
/// use orionrt_plan::{graph::DeviceId, GraphBuilder};
/// let mut g = GraphBuilder::new();
/// let gpu = g.device("gpu", 256);
/// assert_eq!((DeviceId::HOST.index(), gpu.index()), (0, 1));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId(u32);

impl DeviceId {
    /// The memory of the program itself, where tensors lie unless told otherwise. Every graph has it.
    pub const HOST: Self = Self(0);

    /// The position as an index into per-device tables.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Debug for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "D{}", self.0)
    }
}

/// A device as the graph knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    name: String,
    alignment: u64,
}

impl Device {
    /// The name given to [`GraphBuilder::device`]; "host" for the host.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The least alignment of its tensors, in bytes.
    #[must_use]
    pub fn alignment(&self) -> u64 {
        self.alignment
    }
}

/// An operator of a graph: its position in execution order, counted from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpId(u32);

impl OpId {
    /// The position as an index into [`Graph::ops`].
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Debug for OpId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "O{}", self.0)
    }
}

/// A result that is part of what its operator reads: no bytes of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// What the operator writes.
    pub result: TensorId,
    /// The tensor whose bytes that is.
    pub of: TensorId,
    /// Where in there it begins, in bytes.
    pub offset: u64,
}

/// A result that may take the bytes of what its operator reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InPlace {
    /// What the operator writes.
    pub result: TensorId,
    /// The tensor whose bytes it may take: as many as its own.
    pub of: TensorId,
}

/// An operator: one step of the execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Op {
    name: String,
    reads: Vec<TensorId>,
    writes: Vec<TensorId>,
    views: Vec<View>,
    in_place: Vec<InPlace>,
    stream: u32,
    waits: Vec<OpId>,
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

    /// Those of its results that are views of what it reads.
    #[must_use]
    pub fn views(&self) -> &[View] {
        &self.views
    }

    /// Those of its results that may take the bytes of what it reads, the preferred first.
    #[must_use]
    pub fn in_place(&self) -> &[InPlace] {
        &self.in_place
    }

    /// The stream on which it runs; 0 unless told otherwise.
    #[must_use]
    pub fn stream(&self) -> u32 {
        self.stream
    }

    /// The operators for which it waits, beside those that its stream has before it.
    #[must_use]
    pub fn waits(&self) -> &[OpId] {
        &self.waits
    }

    /// Whether some result is declared to have bytes of this tensor.
    fn takes_bytes_of(&self, tensor: TensorId) -> bool {
        let views = self.views.iter().map(|view| view.of);
        let mut all = views.chain(self.in_place.iter().map(|pair| pair.of));
        all.any(|of| of == tensor)
    }

    /// Whether this result is declared to have bytes of another tensor.
    fn gives_bytes_to(&self, tensor: TensorId) -> bool {
        let views = self.views.iter().map(|view| view.result);
        let mut all = views.chain(self.in_place.iter().map(|pair| pair.result));
        all.any(|result| result == tensor)
    }
}

/// A checked graph: operators in execution order over tensors that are written once, before they are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Graph {
    tensors: Vec<Tensor>,
    ops: Vec<Op>,
    devices: Vec<Device>,
    inputs: Vec<TensorId>,
    outputs: Vec<TensorId>,
    /// Which operators come before which, where they do not simply follow each other.
    order: Option<Order>,
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

    /// The devices, the host first.
    pub fn devices(&self) -> impl ExactSizeIterator<Item = (DeviceId, &Device)> {
        let each = self.devices.iter().enumerate();
        each.map(|(index, device)| (DeviceId(index as u32), device))
    }

    /// The device of a tensor, which `build` has checked.
    pub(crate) fn device(&self, id: DeviceId) -> &Device {
        &self.devices[id.index()]
    }

    /// Whether operator `a` has always ended when `b` begins: it is earlier on the same stream, or there are waits that
    /// lead from one to the other.
    #[must_use]
    pub fn happens_before(&self, a: OpId, b: OpId) -> bool {
        match &self.order {
            _ if b.index() >= self.ops.len() => false,
            None => a < b,
            Some(order) => a < b && order.precedes(a.0, b.0),
        }
    }

    /// The order of the operators, where they do not simply follow each other.
    pub(crate) fn order(&self) -> Option<&Order> {
        self.order.as_ref()
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

    /// The same with operator `order[i]` at step *i*; every operator comes once, after those whose results it reads and those for
    /// which it waits.
    pub(crate) fn with_order(&self, order: &[usize]) -> Self {
        debug_assert_eq!(order.len(), self.ops.len());
        debug_assert!(self.order.is_none(), "streams keep their order");
        let mut position = alloc::vec![OpId(0); order.len()];
        for (step, &op) in order.iter().enumerate() {
            position[op] = OpId(step as u32);
        }
        let moved = |&op: &usize| {
            let mut op = self.ops[op].clone();
            for wait in &mut op.waits {
                *wait = position[wait.index()];
            }
            op
        };
        Self {
            ops: order.iter().map(moved).collect(),
            ..self.clone()
        }
    }
}
