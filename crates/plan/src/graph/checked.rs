//! A graph that has passed the checks of [`GraphBuilder::build`](super::GraphBuilder::build).
//!
//! Stands on tensors, operators, [`ControlFlow`] and [`HappensBefore`]. Invariant: every tensor is
//! written before it is read, in every execution that control flow, streams and waits allow. It has
//! several writers only if they are in different branches, or in a loop and before it.

use alloc::{vec, vec::Vec};

use super::{
    construct::Construct,
    control_flow::ControlFlow,
    op::Op,
    output_alias::OutputAlias,
    tensor::{Device, Tensor},
};
use crate::ids::{DeviceId, OpId, TensorId};
use crate::streams::HappensBefore;

/// A checked graph: operators in execution order over tensors that are written before they are
/// read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Graph {
    pub(super) tensors: Vec<Tensor>,
    pub(super) ops: Vec<Op>,
    pub(super) devices: Vec<Device>,
    pub(super) inputs: Vec<TensorId>,
    pub(super) outputs: Vec<TensorId>,
    /// In ascending order, with the inputs of `output_aliases`.
    pub(super) donated: Vec<TensorId>,
    /// In order of the outputs.
    pub(super) output_aliases: Vec<OutputAlias>,
    /// The relation that streams and waits make; `None` if the operators simply follow each other.
    pub(super) happens_before: Option<HappensBefore>,
    /// The constructs; `None` if there are none.
    pub(super) control_flow: Option<ControlFlow>,
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
        each.map(|(index, device)| (DeviceId::from_index(index), device))
    }

    /// The device of a tensor of this graph.
    pub(crate) fn device(&self, id: DeviceId) -> &Device {
        &self.devices[id.index()]
    }

    /// The branches and loops, outer ones before those that lie within them, those that begin
    /// earlier first. Constructs without operators are left out.
    #[must_use]
    pub fn constructs(&self) -> &[Construct] {
        self.control_flow
            .as_ref()
            .map_or(&[], ControlFlow::constructs)
    }

    /// The control flow; `None` if the operators simply follow each other.
    pub(crate) fn control_flow(&self) -> Option<&ControlFlow> {
        self.control_flow.as_ref()
    }

    /// Whether operator `a` has always ended when operator `b` begins: it is earlier on the same
    /// stream, or waits lead from one to the other. With branches and loops, this is said of
    /// operators that run in the same iteration.
    #[must_use]
    pub fn happens_before(&self, a: OpId, b: OpId) -> bool {
        match &self.happens_before {
            _ if b.index() >= self.ops.len() => false,
            None => a < b,
            Some(relation) => a < b && relation.precedes(a.index() as u32, b.index() as u32),
        }
    }

    /// The relation that streams and waits make; `None` if the operators simply follow each other.
    pub(crate) fn happens_before_relation(&self) -> Option<&HappensBefore> {
        self.happens_before.as_ref()
    }

    /// The tensors that the caller fills before step 0, in order of declaration.
    #[must_use]
    pub fn inputs(&self) -> &[TensorId] {
        &self.inputs
    }

    /// The tensors that the caller reads after the last step, in order of declaration.
    #[must_use]
    pub fn outputs(&self) -> &[TensorId] {
        &self.outputs
    }

    /// The inputs whose bytes the caller gives up, in order of declaration: those of
    /// [`GraphBuilder::donate`](super::GraphBuilder::donate), and those whose bytes an output has.
    #[must_use]
    pub fn donated(&self) -> &[TensorId] {
        &self.donated
    }

    /// Whether the caller gives the bytes of this input up.
    #[must_use]
    pub fn is_donated(&self, id: TensorId) -> bool {
        self.donated.binary_search(&id).is_ok()
    }

    /// The outputs that have the bytes of an input, in order of declaration of the outputs.
    #[must_use]
    pub fn output_aliases(&self) -> &[OutputAlias] {
        &self.output_aliases
    }

    /// The tensor with this id, if the graph has it.
    #[must_use]
    pub fn tensor(&self, id: TensorId) -> Option<&Tensor> {
        self.tensors.get(id.index())
    }

    /// The tensor with this name, if the graph has it. Linear in the number of tensors.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<TensorId> {
        let index = self.tensors.iter().position(|t| t.name == name)?;
        Some(TensorId::from_index(index))
    }

    /// A copy with operator `order[i]` at step *i*. `order` must name every operator once, after
    /// those whose results it reads and those for which it waits, and must leave constructs whole.
    /// Streams are not looked at.
    pub(crate) fn with_order(&self, order: &[usize]) -> Self {
        debug_assert_eq!(order.len(), self.ops.len());
        let mut position = vec![OpId::new(0); order.len()];
        for (step, &op) in order.iter().enumerate() {
            position[op] = OpId::from_index(step);
        }
        let moved = |&op: &usize| {
            let mut op = self.ops[op].clone();
            for wait in &mut op.waits {
                *wait = position[wait.index()];
            }
            op
        };
        let control_flow = self.control_flow.as_ref();
        let control_flow = control_flow.map(|flow| flow.moved(|step| position[step].index()));
        Self {
            ops: order.iter().map(moved).collect(),
            tensors: self.tensors.clone(),
            devices: self.devices.clone(),
            inputs: self.inputs.clone(),
            outputs: self.outputs.clone(),
            donated: self.donated.clone(),
            output_aliases: self.output_aliases.clone(),
            happens_before: self.happens_before.clone(),
            control_flow,
        }
    }
}
