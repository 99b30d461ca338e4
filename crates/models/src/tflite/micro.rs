//! What TensorFlow Lite Micro places at the offsets of a memory plan, and what it places itself.
//!
//! Stands on `schema` and the program. That runtime reads offsets of tensors from the metadata
//! `OfflineMemoryAllocation`, and places whatever has none, and its scratch buffers, around them.
//! Offsets are of no use, or harmful, for
//!
//! - variables: the planned part of the arena does not survive from one run to the next;
//! - tensors of bodies, and results of operators with bodies: the runtime copies what bodies get
//!   and return, at other times than in this crate's programs;
//! - elements of less than a byte, which the runtime stores one a byte.
//!
//! Invariant: in a program for this runtime, every tensor gets an offset.

use std::collections::{HashMap, HashSet};

use super::budget::Budget;
use super::schema::Model;
use crate::error::ModelError;
use crate::model::{LeftOut, LeftOutReason};
use crate::program::{Program, ValueId, ValueKind};

/// The kind of whatever else needs memory.
const PLACED_AT_RUN_TIME: &str = "tensors that the runtime places itself";

/// Leaves in a program only what gets an offset. Returns the numbers and values of these tensors of
/// the first subgraph, in the order of the file.
pub(crate) fn restrict(
    program: &mut Program,
    tensors: &HashMap<u32, ValueId>,
    variables: &HashSet<u32>,
) -> Vec<(u32, ValueId)> {
    let resident = std::mem::take(&mut program.variables);
    for value in &resident {
        let name = program.values[value.0 as usize].name.as_str();
        let kind = PLACED_AT_RUN_TIME;
        let left_out = LeftOut::new(name, LeftOutReason::NotMemory { kind });
        program.left_out.push(left_out);
    }
    let mut elsewhere: HashSet<ValueId> = resident.into_iter().collect();
    for node in &mut program.nodes {
        if node.control.take().is_some() {
            elsewhere.extend(&node.writes);
            let operator = node
                .name
                .rsplit_once(':')
                .map_or("", |(operator, _)| operator);
            let reason = LeftOutReason::Body {
                operator: operator.into(),
            };
            program.left_out.push(LeftOut::new(&node.name, reason));
        }
    }
    let mut planned: Vec<(u32, ValueId)> = Vec::new();
    for (&number, &value) in tensors {
        let is_whole = match &program.values[value.0 as usize].kind {
            ValueKind::Tensor(kind) => kind.element.bits() >= 8 && kind.bytes() != Some(0),
            _ => false,
        };
        if is_whole && !elsewhere.contains(&value) && !variables.contains(&number) {
            planned.push((number, value));
        }
    }
    planned.sort_unstable();
    let kept: HashSet<ValueId> = planned.iter().map(|&(_, value)| value).collect();
    for (index, value) in program.values.iter_mut().enumerate() {
        let is_kept = u32::try_from(index).is_ok_and(|index| kept.contains(&ValueId(index)));
        if matches!(value.kind, ValueKind::Tensor(_)) && !is_kept {
            value.kind = ValueKind::NotMemory(PLACED_AT_RUN_TIME);
        }
    }
    for node in &mut program.nodes {
        node.aliases
            .retain(|alias| kept.contains(&alias.result) && kept.contains(&alias.of));
    }
    planned
}

/// The numbers of the variables of all subgraphs: the runtime looks them up among the offsets of
/// the first one.
pub(crate) fn variables(
    model: &Model<'_>,
    budget: &mut Budget,
) -> Result<HashSet<u32>, ModelError> {
    let mut variables = HashSet::new();
    for index in 0..model.subgraphs.len() {
        let graph = model.subgraph(index)?;
        budget.charge(graph.tensors.len())?;
        for tensor in 0..u32::try_from(graph.tensors.len()).unwrap_or(u32::MAX) {
            if graph.tensor(tensor)?.is_variable()? {
                variables.insert(tensor);
            }
        }
    }
    Ok(variables)
}
