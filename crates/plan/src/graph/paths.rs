//! The checks of control flow: regions nest, and every path writes a tensor before it reads it.
//!
//! Stands on [`GraphBuilder`] and [`ControlFlow`]. Invariant: what is accepted here has no path on
//! which a tensor is read that has not been written, and no two writers that both run unless the
//! second one is in a loop.

use alloc::{vec, vec::Vec};

use super::{
    builder::GraphBuilder,
    control_flow::{ControlFlow, SecondWrite},
    error::{GraphError, NamedOp, NamedTensor},
    liveness::{FirstUse, uses_of},
    region::RegionMistake,
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
        let name = self.tensors[id.index()].name.as_str().into();
        NamedTensor { id, name }
    }

    pub(super) fn named_op(&self, step: usize) -> NamedOp {
        let name = self.ops[step].name.as_str().into();
        let id = OpId::from_index(step);
        NamedOp { id, name }
    }

    /// The tree of the regions that were declared; `None` if they change nothing.
    pub(super) fn control_flow(&self) -> Result<Option<ControlFlow>, GraphError> {
        if self.regions.is_empty() {
            return Ok(None);
        }
        let flow = ControlFlow::new(&self.regions, self.ops.len());
        let flow = flow.map_err(|(region, mistake)| GraphError::BadRegion { region, mistake })?;
        if let Some(region) = flow.regions().first() {
            let mut pairs = self.ops.windows(2);
            if pairs.any(|pair| pair[0].stream != pair[1].stream) {
                let (region, mistake) = (region.clone(), RegionMistake::Streams);
                return Err(GraphError::BadRegion { region, mistake });
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
