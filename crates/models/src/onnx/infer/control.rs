//! If, Loop, Scan and SequenceMap: bodies typed with the types of their operands.
//!
//! Stands on `facts` and `scope`; `graph` types the bodies. Invariant: what a body reads from
//! outside, at any depth, is among the reads of its node.

use std::rc::Rc;

use super::facts::{Fact, Facts, Origin};
use super::scope::Scope;
use crate::error::ModelError;
use crate::model::{LeftOut, LeftOutReason};
use crate::onnx::attributes::{graph, int, ints, is_standard};
use crate::onnx::rules::FRESH;
use crate::onnx::small::{Cell, Small, Trust};
use crate::onnx::syntax::{GraphDef, NodeDef};
use crate::onnx::types::{Element, Size, Type};
use crate::options::Unknown;
use crate::program::{Branch, Control, Loop, Node, State, ValueId};

/// A body to type.
pub(super) struct BodyCall<'c, 's, 'a> {
    pub(super) def: &'c GraphDef<'a>,
    pub(super) scope: &'c Scope<'s, 'a>,
    /// What the names of its values begin with.
    pub(super) prefix: String,
    /// What is known of its inputs, from outside.
    pub(super) inputs: Vec<(Type, Option<Small>)>,
}

/// A body that has been typed.
pub(crate) struct Body {
    pub(crate) nodes: Vec<Node>,
    pub(crate) inputs: Vec<ValueId>,
    pub(crate) outputs: Vec<ValueId>,
}

/// What types bodies.
pub(super) trait Bodies<'o> {
    fn facts(&mut self) -> &mut Facts<'o>;

    fn body<'a>(&mut self, call: BodyCall<'_, '_, 'a>) -> Result<Body, ModelError>;
}

/// A node with bodies, and where it stands.
pub(super) struct ControlCall<'c, 's, 'a> {
    pub(super) node: &'c NodeDef<'a>,
    /// Its name, with those of the bodies around it.
    pub(super) name: &'c str,
    pub(super) reads: &'c [Option<ValueId>],
    pub(super) scope: &'c Scope<'s, 'a>,
}

/// What a node with bodies does.
pub(super) struct Controlled {
    /// Types and contents of its results.
    pub(super) results: Vec<(Type, Option<Small>)>,
    pub(super) parts: Parts,
}

/// Bodies whose node has no numbers for its results yet.
pub(super) enum Parts {
    Branches(Vec<Branch>),
    Loop {
        body: Body,
        kinds: Vec<Input>,
        outputs: Vec<Output>,
    },
}

/// What an input of a loop's body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    Received,
    /// A state that begins with this operand.
    State(ValueId),
    /// A slice of this operand.
    Slice(ValueId),
}

/// What an output of a loop's body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Output {
    Tested,
    /// The state of this input of the body, and the result at this position.
    State(usize, usize),
    /// Stacked into the result at this position.
    Stacked(usize),
}

impl Parts {
    /// Calls for every value that the bodies read: nodes, results, and what outputs are.
    pub(super) fn reads(&self, found: &mut dyn FnMut(ValueId)) {
        match self {
            Self::Branches(branches) => {
                for branch in branches {
                    let read = branch.nodes.iter().flat_map(|node| &node.reads);
                    read.chain(&branch.results).for_each(|&id| found(id));
                }
            }
            Self::Loop { body, .. } => {
                let read = body.nodes.iter().flat_map(|node| &node.reads);
                read.chain(&body.outputs).for_each(|&id| found(id));
            }
        }
    }

    /// Whether nothing in the bodies is computed at run time.
    pub(super) fn is_constant(&self, writes_constants: impl Fn(&Node) -> bool) -> bool {
        match self {
            Self::Branches(branches) => {
                let mut nodes = branches.iter().flat_map(|branch| &branch.nodes);
                nodes.all(writes_constants)
            }
            Self::Loop { body, .. } => body.nodes.iter().all(writes_constants),
        }
    }

    /// The bodies with the values of the node's results; `None` for results that are left out.
    pub(super) fn control(self, results: &[Option<ValueId>]) -> Control {
        let (body, kinds, outputs) = match self {
            Self::Branches(branches) => return Control::Branches(branches),
            Self::Loop {
                body,
                kinds,
                outputs,
            } => (body, kinds, outputs),
        };
        let mut whole = Loop {
            nodes: body.nodes,
            states: Vec::new(),
            received: Vec::new(),
            slices: Vec::new(),
            stacked: Vec::new(),
            tested: Vec::new(),
        };
        for (&input, kind) in body.inputs.iter().zip(&kinds) {
            match *kind {
                Input::Received => whole.received.push(input),
                Input::Slice(of) => whole.slices.push((input, of)),
                Input::State(_) => {}
            }
        }
        let result = |at: usize| results.get(at).copied().flatten();
        for (&output, kind) in body.outputs.iter().zip(&outputs) {
            match *kind {
                Output::Tested => whole.tested.push(output),
                Output::Stacked(at) => {
                    whole
                        .stacked
                        .extend(result(at).map(|result| (output, result)));
                }
                Output::State(input, at) => {
                    if let Some(Input::State(initial)) = kinds.get(input) {
                        whole.states.push(State {
                            initial: *initial,
                            input: body.inputs[input],
                            output,
                            result: result(at),
                        });
                    }
                }
            }
        }
        Control::Loop(whole)
    }
}

/// Whether a node is an operator whose bodies are known here.
pub(super) fn is_control(node: &NodeDef<'_>) -> bool {
    is_standard(node) && matches!(node.operator, "If" | "Loop" | "Scan" | "SequenceMap")
}

/// Types the bodies of a node.
pub(super) fn control<'o>(
    bodies: &mut impl Bodies<'o>,
    call: &ControlCall<'_, '_, '_>,
) -> Result<Controlled, ModelError> {
    match call.node.operator {
        "If" => conditional(bodies, call),
        "Loop" => repeated(bodies, call),
        "Scan" => scanned(bodies, call),
        _ => mapped(bodies, call),
    }
}

impl<'c, 's, 'a> ControlCall<'c, 's, 'a> {
    fn malformed(&self, reason: impl Into<String>) -> ModelError {
        ModelError::Operator {
            node: self.name.into(),
            operator: self.node.operator.into(),
            reason: reason.into(),
        }
    }

    fn graph(&self, name: &str) -> Result<&'c GraphDef<'a>, ModelError> {
        graph(self.node, name).ok_or_else(|| self.malformed(format!("has no body '{name}'")))
    }

    fn read(&self, at: usize) -> Option<ValueId> {
        self.reads.get(at).copied().flatten()
    }

    fn body(
        &self,
        name: &str,
        inputs: Vec<(Type, Option<Small>)>,
    ) -> Result<BodyCall<'c, 's, 'a>, ModelError> {
        let def = self.graph(name)?;
        if def.inputs.len() != inputs.len() {
            let (has, gets) = (def.inputs.len(), inputs.len());
            let reason = format!("its {name} has {has} inputs, and gets {gets}");
            return Err(self.malformed(reason));
        }
        Ok(BodyCall {
            def,
            scope: self.scope,
            prefix: format!("{}/{name}/", self.name),
            inputs,
        })
    }
}

fn conditional<'o>(
    bodies: &mut impl Bodies<'o>,
    call: &ControlCall<'_, '_, '_>,
) -> Result<Controlled, ModelError> {
    let condition = call.read(0).and_then(|id| {
        let contents = bodies.facts().get(id).contents.clone()?;
        contents.single()
    });
    let names: &[&str] = match condition {
        Some(0) => &["else_branch"],
        Some(_) => &["then_branch"],
        None => &["then_branch", "else_branch"],
    };
    let mut typed: Vec<Branch> = Vec::new();
    let mut failed: Vec<(String, ModelError)> = Vec::new();
    for &name in names {
        match branch(bodies, call, name)? {
            Ok(branch) => typed.push(branch),
            Err(reason) => failed.push((name.into(), reason)),
        }
    }
    if typed.is_empty() {
        let (_, error) = failed.swap_remove(0);
        return Err(error);
    }
    let facts = bodies.facts();
    for (name, reason) in failed {
        let reason = reason.to_string();
        let left_out = LeftOutReason::Branch { reason };
        facts
            .left_out
            .push(LeftOut::new(format!("{}/{name}", call.name), left_out));
    }
    let count = call.node.outputs.len();
    let mut results = Vec::with_capacity(count);
    for at in 0..count {
        let all = typed.iter().map(|branch| facts.get(branch.results[at]));
        results.push(either(all.map(|fact| (&fact.of, fact.contents.as_deref()))));
    }
    Ok(Controlled {
        results,
        parts: Parts::Branches(typed),
    })
}

/// A branch; the inner error says why it cannot be typed, though the file may be valid.
fn branch<'o>(
    bodies: &mut impl Bodies<'o>,
    call: &ControlCall<'_, '_, '_>,
    name: &str,
) -> Result<Result<Branch, ModelError>, ModelError> {
    let body = call.body(name, Vec::new())?;
    let first = bodies.facts().next();
    let has = body.def.outputs.len();
    let wants = call.node.outputs.len();
    if has < wants {
        return Err(call.malformed(format!("its {name} has {has} outputs of {wants}")));
    }
    let typed = bodies.body(body);
    let facts = bodies.facts();
    let is_open = |(value, _): &(ValueId, ModelError)| *value >= first;
    let skips = facts.options.unknown == Unknown::Skip;
    let problem = match typed {
        Ok(body) => match facts.open.iter().position(is_open) {
            Some(at) if !skips => facts.open.swap_remove(at).1,
            _ => {
                return Ok(Ok(Branch {
                    name: name.into(),
                    nodes: body.nodes,
                    results: body.outputs,
                }));
            }
        },
        Err(error @ (ModelError::Operator { .. } | ModelError::Disagreement { .. })) => error,
        Err(error) => return Err(error),
    };
    facts.drop_from(first);
    Ok(Err(problem))
}

/// The type of a result that is one of these: what they agree on, and the larger where they do not.
fn either<'f>(
    mut all: impl Iterator<Item = (&'f Type, Option<&'f Small>)>,
) -> (Type, Option<Small>) {
    let Some((of, contents)) = all.next() else {
        return (Type::Open, None);
    };
    let mut result = (of.clone(), contents.cloned());
    for (of, contents) in all {
        result.0 = larger(&result.0, of);
        result.1 = result.1.filter(|own| contents == Some(own));
    }
    result
}

fn larger(a: &Type, b: &Type) -> Type {
    let (
        Type::Tensor {
            element,
            shape: Some(first),
        },
        Type::Tensor {
            element: other,
            shape: Some(second),
        },
    ) = (a, b)
    else {
        return match (a, b) {
            (Type::Sequence(a), Type::Sequence(b)) => Type::Sequence(Box::new(agreed(a, b))),
            (Type::Optional(a), Type::Optional(b)) => Type::Optional(Box::new(agreed(a, b))),
            _ if a == b => a.clone(),
            _ => Type::Open,
        };
    };
    if element != other {
        return Type::Open;
    }
    if first.len() == second.len() {
        let sizes = first.iter().zip(second);
        let shape = sizes.map(|(&a, &b)| match (a.number(), b.number()) {
            _ if a == b => a,
            (Some(a), Some(b)) => Size::Bound(a.max(b)),
            (None, _) => a,
            (_, None) => b,
        });
        return Type::Tensor {
            element: *element,
            shape: Some(shape.collect()),
        };
    }
    let count = |of: &Type| {
        let numbers = of.numbers()?;
        numbers
            .iter()
            .try_fold(1u64, |n, &size| n.checked_mul(size))
    };
    let (Some(left), Some(right)) = (count(a), count(b)) else {
        return Type::Tensor {
            element: *element,
            shape: None,
        };
    };
    let shape = if left >= right { first } else { second };
    let bound = |size: &Size| size.number().map_or(*size, Size::Bound);
    Type::Tensor {
        element: *element,
        shape: Some(shape.iter().map(bound).collect()),
    }
}

/// The type of what may change from one to the other: sizes that differ are unknown.
fn agreed(a: &Type, b: &Type) -> Type {
    match (a, b) {
        (
            Type::Tensor { element, shape },
            Type::Tensor {
                element: other,
                shape: sizes,
            },
        ) => {
            let shape = match (shape, sizes) {
                (Some(shape), Some(sizes)) if shape.len() == sizes.len() => {
                    let size = |(&a, &b): (&Size, &Size)| match (a, b) {
                        _ if a == b => a,
                        // A bound covers whatever is smaller.
                        (Size::Bound(a), Size::Known(b) | Size::Bound(b)) if b <= a => {
                            Size::Bound(a)
                        }
                        (unknown @ Size::Unknown(_), _) => unknown,
                        _ => Size::Unknown(FRESH),
                    };
                    Some(shape.iter().zip(sizes).map(size).collect())
                }
                _ => None,
            };
            Type::Tensor {
                element: element.or(*other),
                shape,
            }
        }
        (Type::Sequence(a), Type::Sequence(b)) => Type::Sequence(Box::new(agreed(a, b))),
        (Type::Optional(a), Type::Optional(b)) => Type::Optional(Box::new(agreed(a, b))),
        (Type::Open, b) => b.clone(),
        (a, Type::Open) => a.clone(),
        (a, b) if a == b => a.clone(),
        _ => Type::Open,
    }
}

/// Types a body until its states come out as they went in: a size that changes is unknown. A state
/// is an input of the body, an output, and a result of the node.
fn steady<'o>(
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

fn repeated<'o>(
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
    let count = match (number.and_then(|n| u64::try_from(n.max(0)).ok()), first) {
        (_, Some(0)) => Some(Size::Known(0)),
        (Some(number), Some(_)) if runs_on => Some(Size::Known(number)),
        (Some(number), _) => Some(Size::Bound(number)),
        (None, _) => None,
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
fn stacked(of: Type, axis: usize, count: Size) -> Type {
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

fn scanned<'o>(
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

fn mapped<'o>(
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

/// A value of a body's input.
pub(super) fn input_fact(name: String, of: Type, contents: Option<Small>) -> Fact {
    Fact {
        name,
        of,
        contents: contents.map(Rc::new),
        origin: Origin::Runtime,
    }
}
