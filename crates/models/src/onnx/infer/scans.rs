//! `Scan` and `SequenceMap`: a body for each slice of an operand, or each element of a sequence.
//!
//! Stands on `parts` and `loops`.

use super::loops::{stacked, steady};
use super::parts::{Bodies, ControlCall, Controlled, Input, Output, Parts};
use crate::error::ModelError;
use crate::onnx::attributes::{int, ints};
use crate::onnx::rules::FRESH;
use crate::onnx::types::{Size, Type};
use crate::program::ValueId;

pub(super) fn scanned<'o>(
    bodies: &mut impl Bodies<'o>,
    call: &ControlCall<'_, '_, '_>,
) -> Result<Controlled, ModelError> {
    let node = call.node;
    // Version 8 has the lengths of sequences first, and batches.
    let has_batch = node.opset > 0 && node.opset < 9;
    let operands = call.reads.get(usize::from(has_batch)..).unwrap_or(&[]);
    let slices = int(node, "num_scan_inputs").and_then(|n| usize::try_from(n).ok());
    let slices = slices.filter(|&n| n > 0 && n <= operands.len());
    let slices = slices.ok_or_else(|| {
        call.malformed("num_scan_inputs must be from 1 to the number of operands")
    })?;
    let states = operands.len() - slices;
    let facts = bodies.facts();
    let mut inputs = Vec::new();
    let mut kinds = Vec::new();
    let mut length = None;
    let mut batch = None;
    let axes = ints(node, "scan_input_axes").unwrap_or(&[]);
    for (at, id) in operands.iter().enumerate() {
        let Some(id) = *id else {
            return Err(call.malformed(format!("operand {at} is left out")));
        };
        let mut of = facts.get(id).of.clone();
        if let Type::Tensor {
            shape: Some(shape), ..
        } = &mut of
        {
            let misfit = || call.malformed(format!("operand {at} has too few axes"));
            if has_batch {
                batch = Some(*shape.first().ok_or_else(misfit)?);
                shape.remove(0);
            }
            if at >= states {
                let axis = axes
                    .get(at - states)
                    .filter(|_| !has_batch)
                    .copied()
                    .unwrap_or(0);
                let axis = if axis < 0 {
                    axis + shape.len() as i64
                } else {
                    axis
                };
                let axis = usize::try_from(axis)
                    .ok()
                    .filter(|&axis| axis < shape.len());
                let size = shape.remove(axis.ok_or_else(misfit)?);
                length = Some(match (length, size) {
                    (Some(known @ Size::Known(_)), _) => known,
                    (_, size) => size,
                });
            }
        }
        inputs.push((of, None));
        kinds.push(if at < states {
            Input::State(id)
        } else {
            Input::Slice(id)
        });
    }
    let pairs: Vec<_> = (0..states).map(|at| (at, at, at)).collect();
    let body = steady(bodies, call, inputs, &pairs)?;
    let facts = bodies.facts();
    let length = length.unwrap_or(Size::Unknown(FRESH));
    let axes = ints(node, "scan_output_axes").unwrap_or(&[]);
    let mut results = Vec::new();
    let mut outputs = Vec::new();
    for at in 0..body.outputs.len() {
        let mut of = facts.get(body.outputs[at]).of.clone();
        if at < states {
            outputs.push(Output::State(at, at));
        } else {
            outputs.push(Output::Stacked(at));
            let rank = of.shape().map_or(0, <[Size]>::len) as i64;
            let axis = axes
                .get(at - states)
                .filter(|_| !has_batch)
                .copied()
                .unwrap_or(0);
            let axis = if axis < 0 { axis + rank + 1 } else { axis };
            let axis = usize::try_from(axis)
                .ok()
                .filter(|&axis| axis as i64 <= rank);
            let axis = axis.ok_or_else(|| call.malformed("scan_output_axes does not fit"))?;
            of = stacked(of, axis, length);
        }
        if has_batch {
            of = stacked(of, 0, batch.unwrap_or(Size::Unknown(FRESH)));
        }
        results.push((of, None));
    }
    results.resize(node.outputs.len(), (Type::Open, None));
    Ok(Controlled {
        results,
        parts: Parts::Loop {
            body,
            kinds,
            outputs,
        },
    })
}

pub(super) fn mapped<'o>(
    bodies: &mut impl Bodies<'o>,
    call: &ControlCall<'_, '_, '_>,
) -> Result<Controlled, ModelError> {
    let facts = bodies.facts();
    let mut inputs = Vec::new();
    let mut kinds = Vec::new();
    for id in call.reads.iter().flatten() {
        let of = match &facts.get(*id).of {
            Type::Sequence(element) => element.as_ref().clone(),
            of => of.clone(),
        };
        inputs.push((of, None));
        kinds.push(Input::Slice(*id));
    }
    let body = bodies.body(call.body("body", inputs)?)?;
    let facts = bodies.facts();
    let element = |id: &ValueId| Type::Sequence(Box::new(facts.get(*id).of.clone()));
    let mut results: Vec<_> = body.outputs.iter().map(|id| (element(id), None)).collect();
    results.resize(call.node.outputs.len(), (Type::Open, None));
    let outputs = (0..body.outputs.len()).map(Output::Stacked).collect();
    Ok(Controlled {
        results,
        parts: Parts::Loop {
            body,
            kinds,
            outputs,
        },
    })
}
