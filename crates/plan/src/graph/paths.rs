//! The checks of control flow: constructs nest, and every path writes a tensor before it reads it.
//!
//! Stands on [`GraphBuilder`] and [`ControlFlow`]. Invariant: what is accepted here has no path on
//! which a tensor is read that has not been written, and no two writers that both run unless the
//! second one is in a loop.

use alloc::{vec, vec::Vec};

use super::{
    builder::GraphBuilder,
    construct::ConstructMistake,
    control_flow::{ControlFlow, SecondWrite},
    error::GraphError,
    liveness::{FirstUse, uses_of},
    named::{NamedOp, NamedTensor},
};
use crate::ids::{OpId, TensorId};

/// The first and the last step that writes each tensor; `None` for those that no operator writes.
pub(super) struct Writers {
    pub(super) first: Vec<Option<usize>>,
    last: Vec<Option<usize>>,
}

impl Writers {
    pub(super) fn new(tensors: usize) -> Self {
        Self {
            first: vec![None; tensors],
            last: vec![None; tensors],
        }
    }

    /// Whether more than one step writes a tensor.
    pub(super) fn are_several(&self, id: TensorId) -> bool {
        self.first[id.index()] != self.last[id.index()]
    }
}

impl GraphBuilder {
    pub(super) fn named(&self, id: TensorId) -> NamedTensor {
        NamedTensor::new(id, &self.tensors[id.index()].name)
    }

    pub(super) fn named_op(&self, step: usize) -> NamedOp {
        NamedOp::new(OpId::from_index(step), &self.ops[step].name)
    }

    /// The tree of the constructs that were declared; `None` if they change nothing.
    pub(super) fn control_flow(&self) -> Result<Option<ControlFlow>, GraphError> {
        if self.constructs.is_empty() {
            return Ok(None);
        }
        let flow = ControlFlow::new(&self.constructs, self.ops.len());
        let flow =
            flow.map_err(|(construct, mistake)| GraphError::BadConstruct { construct, mistake })?;
        if let Some(construct) = flow.constructs().first() {
            let mut pairs = self.ops.windows(2);
            if pairs.any(|pair| pair[0].stream != pair[1].stream) {
                let (construct, mistake) = (construct.clone(), ConstructMistake::Streams);
                return Err(GraphError::BadConstruct { construct, mistake });
            }
        }
        Ok(Some(flow).filter(|flow| !flow.is_empty()))
    }

    /// Notes that a step writes a tensor, after all earlier steps; refuses a second writer that may
    /// run although the first one has.
    pub(super) fn note_writer(
        &self,
        writers: &mut Writers,
        id: TensorId,
        step: usize,
        flow: Option<&ControlFlow>,
    ) -> Result<(), GraphError> {
        writers.first[id.index()].get_or_insert(step);
        let Some(last) = writers.last[id.index()].replace(step) else {
            return Ok(());
        };
        let second = flow.map(|flow| flow.second_write(last as u32, step as u32));
        match second.unwrap_or(SecondWrite::Refused) {
            SecondWrite::Exclusive | SecondWrite::Carried => Ok(()),
            SecondWrite::Refused => Err(GraphError::WrittenTwice {
                tensor: self.named(id),
                first: self.named_op(last),
                second: self.named_op(step),
            }),
        }
    }

    /// Refuses tensors that some path reads before it writes them. Reads that come before all
    /// writers have been refused already.
    pub(super) fn check_paths(
        &self,
        flow: &ControlFlow,
        writers: &Writers,
        outputs: &[TensorId],
    ) -> Result<(), GraphError> {
        let uses = uses_of(&self.ops, self.tensors.len());
        for (index, uses) in uses.iter().enumerate() {
            let Some(first) = writers.first[index] else {
                continue;
            };
            let id = TensorId::from_index(index);
            let reader = match flow.first_use(uses) {
                FirstUse::Read(step) => Some(step),
                FirstUse::None if outputs.binary_search(&id).is_ok() => None,
                _ => continue,
            };
            let before = |step: &u32| reader.is_none_or(|reader| *step < reader);
            let writing = uses.iter().rev().filter(|used| used.writes);
            let writer = writing.map(|used| used.step).find(before);
            return Err(GraphError::MayBeUnwritten {
                tensor: self.named(id),
                reader: reader.map(|step| self.named_op(step as usize)),
                writer: self.named_op(writer.map_or(first, |step| step as usize)),
            });
        }
        Ok(())
    }
}
