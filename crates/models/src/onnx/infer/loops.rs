//! `Loop`: states that go from one iteration into the next, and slices that are stacked.
//!
//! Stands on `parts` and `agreed`. Invariant: a state has the type that it has in every iteration;
//! a size that changes is unknown.

use super::agreed::agreed;
use super::counts::iterations;
use super::facts::Facts;
use super::parts::{Bodies, Body, ControlCall, Controlled, Input, Output, Parts};
use crate::error::ModelError;
use crate::onnx::rules::FRESH;
use crate::onnx::small::{Cell, Small, Trust};
use crate::onnx::symbols::Symbols;
use crate::onnx::types::{Element, Size, Type};
use crate::program::ValueId;

/// Types a body until its states come out as they went in: a size that changes is unknown. A state
/// is an input of the body, an output, and a result of the node.
pub(super) fn steady<'o>(
    bodies: &mut impl Bodies<'o>,
    call: &ControlCall<'_, '_, '_>,
    mut inputs: Vec<(Type, Option<Small>)>,
    states: &[(usize, usize, usize)],
) -> Result<Body, ModelError> {
    const MOST_PASSES: usize = 4;
    for pass in 0.. {
        let facts = bodies.facts();
        let first = facts.next();
        let left_out = facts.left_out.len();
        let body = bodies.body(call.body("body", inputs.clone())?)?;
        let facts = bodies.facts();
        let mut is_steady = true;
        for &(input, output, result) in states {
            let Some(&output) = body.outputs.get(output) else {
                continue;
            };
            let before = facts.get(body.inputs[input]).of.clone();
            let mut after = agreed(&before, &facts.get(output).of);
            if pass + 1 >= MOST_PASSES {
                after = before.clone();
            }
            if after != before {
                let name = match call.node.outputs.len() {
                    1 => call.name.to_string(),
                    _ => format!("{}:{result}", call.name),
                };
                inputs[input].0 = changing(facts, after, &name, call.node.operator);
                is_steady = false;
            }
        }
        if is_steady {
            return Ok(body);
        }
        facts.drop_from(first);
        facts.left_out.truncate(left_out);
    }
    unreachable!("the last pass is steady")
}

/// A state's type with names for the sizes that change from one iteration to the next.
fn changing(facts: &mut Facts<'_>, of: Type, name: &str, operator: &str) -> Type {
    let Type::Tensor {
        element,
        shape: Some(shape),
    } = of
    else {
        return of;
    };
    let size = |(axis, size)| match size {
        Size::Unknown(FRESH) => {
            let name = format!("{name}.{axis}");
            let place = || format!("a state of {operator} that changes its size");
            facts.data_dependent(&name, place)
        }
        size => size,
    };
    Type::Tensor {
        element,
        shape: Some(shape.into_iter().enumerate().map(size).collect()),
    }
}

pub(super) fn repeated<'o>(
    bodies: &mut impl Bodies<'o>,
    call: &ControlCall<'_, '_, '_>,
) -> Result<Controlled, ModelError> {
    let states = call.reads.len().saturating_sub(2);
    let facts = bodies.facts();
    let number = call.read(0).and_then(|id| facts.get(id).contents.clone());
    let number = number.and_then(|contents| contents.single());
    let scalar = |element, contents| (Type::tensor(element, Vec::new()), contents);
    // The body runs only while the condition holds.
    let holds = Some(Small::scalar(Cell::Int(1, Trust::Given)));
    let mut inputs = vec![scalar(Element::INT64, None), scalar(Element::BOOL, holds)];
    let mut kinds = vec![Input::Received, Input::Received];
    for at in 2..call.reads.len() {
        let Some(id) = call.read(at) else {
            return Err(call.malformed(format!("has no operand at position {at}")));
        };
        inputs.push((facts.get(id).of.clone(), None));
        kinds.push(Input::State(id));
    }
    let pairs: Vec<_> = (0..states).map(|at| (at + 2, at + 1, at)).collect();
    let body = steady(bodies, call, inputs, &pairs)?;
    let facts = bodies.facts();
    let always = |id: &ValueId| facts.get(*id).contents.as_ref()?.single();
    let runs_on = body
        .outputs
        .first()
        .and_then(always)
        .is_some_and(|of| of != 0);
    // A loop whose first condition is not known may not run at all.
    let first = match call.read(1) {
        Some(id) => facts.get(id).contents.as_ref().and_then(|of| of.single()),
        None => Some(1),
    };
    let number = number.and_then(|number| u64::try_from(number.max(0)).ok());
    let counted = match first {
        Some(0) => Some(0),
        Some(_) if runs_on => number,
        Some(_) => iterations(facts, call, call.graph("body")?, number),
        None => None,
    };
    let count = match (counted, number) {
        (Some(count), _) => Some(Size::Known(count)),
        (None, Some(number)) => Some(Size::Bound(number)),
        (None, None) => None,
    };
    let count = count.unwrap_or_else(|| loop_count(facts, call, states));
    let mut outputs = vec![Output::Tested];
    let mut results = Vec::new();
    for at in 0..call.node.outputs.len() {
        let of = body.outputs.get(at + 1).map(|&id| facts.get(id).of.clone());
        if at < states {
            outputs.push(Output::State(at + 2, at));
            results.push((of.unwrap_or_default(), None));
        } else {
            outputs.push(Output::Stacked(at));
            results.push((of.map_or(Type::Open, |of| stacked(of, 0, count)), None));
        }
    }
    for at in call.node.outputs.len()..body.outputs.len().saturating_sub(1) {
        if at < states {
            outputs.push(Output::State(at + 2, at));
        } else {
            outputs.push(Output::Stacked(at));
        }
    }
    Ok(Controlled {
        results,
        parts: Parts::Loop {
            body,
            kinds,
            outputs,
        },
    })
}

/// The number of iterations that is not known before the model runs.
fn loop_count(facts: &mut Facts<'_>, call: &ControlCall<'_, '_, '_>, states: usize) -> Size {
    let outputs = call.node.outputs.len();
    if outputs <= states {
        return Size::Unknown(FRESH);
    }
    // With all sizes of inputs given, it may turn out to follow from them.
    if facts.is_survey && call.read(0).is_none_or(|id| facts.has_stand_in(id)) {
        return Size::Unknown(Symbols::NAMELESS);
    }
    let name = match outputs {
        1 => format!("{}.0", call.name),
        _ => format!("{}:{states}.0", call.name),
    };
    let reads = call.reads.iter().take(2).flatten().copied();
    let from = facts.unknowns(reads);
    if !from.is_empty() && facts.bound(&name).is_none() {
        return Size::Unknown(facts.symbols.derive(&from));
    }
    let place = || format!("the iterations of {}", call.name);
    facts.data_dependent(&name, place)
}

/// The type of slices that are stacked along a new axis.
pub(super) fn stacked(of: Type, axis: usize, count: Size) -> Type {
    match of {
        Type::Tensor {
            element,
            shape: Some(mut shape),
        } => {
            shape.insert(axis.min(shape.len()), count);
            Type::Tensor {
                element,
                shape: Some(shape),
            }
        }
        of => of,
    }
}
