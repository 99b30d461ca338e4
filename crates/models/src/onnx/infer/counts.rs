//! The iterations of a `Loop` whose condition follows from counters: `i + 1 < n`.
//!
//! Stands on `parts` and `evaluate`. Only the nodes that the condition follows from are evaluated,
//! iteration by iteration. Invariant: a count is exact, and all counts of a model are found within
//! [`Facts::count_steps`] evaluations of at most [`MOST_CELLS`] elements.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::facts::Facts;
use super::parts::ControlCall;
use crate::onnx::evaluate::evaluate;
use crate::onnx::small::{Cell, Operand, Small, Trust};
use crate::onnx::syntax::{GraphDef, NodeDef};
use crate::onnx::types::{Element, Size, Type};
use crate::program::ValueId;

/// The most elements of a counter.
const MOST_CELLS: usize = 16;

/// The most nodes that a condition may follow from.
const MOST_NODES: usize = 64;

/// The number of iterations until the condition is false, but at most `most`.
pub(super) fn iterations(
    facts: &mut Facts<'_>,
    call: &ControlCall<'_, '_, '_>,
    body: &GraphDef<'_>,
    most: Option<u64>,
) -> Option<u64> {
    let slice = ConditionSlice::of(body)?;
    let mut known: HashMap<&str, (Type, Rc<Small>)> = HashMap::new();
    for tensor in &body.initializers {
        if slice.reads.contains(tensor.name) {
            let contents = Small::of_tensor(tensor)?;
            known.insert(tensor.name, typed(contents));
        }
    }
    for (at, input) in body.inputs.iter().enumerate().skip(2) {
        if slice.states.contains(&at) {
            let contents = facts.get(call.read(at)?).contents.clone()?;
            known.insert(input.name, typed(contents.as_ref().clone()));
        }
    }
    let most = most.unwrap_or(u64::MAX);
    for count in 0..most {
        let scalar = |value| typed(Small::scalar(Cell::Int(value, Trust::Constant)));
        known.insert(body.inputs[0].name, scalar(i64::try_from(count).ok()?));
        known.insert(body.inputs[1].name, scalar(1));
        for &node in &slice.nodes {
            facts.count_steps = facts.count_steps.checked_sub(1)?;
            step(facts, call, node, &mut known)?;
        }
        let goes_on = value(facts, call, body.outputs[0].name, &known)?
            .1
            .single()?;
        if goes_on == 0 {
            return Some(count + 1);
        }
        let mut next = Vec::new();
        for &at in &slice.states {
            let output = body.outputs.get(at - 1)?.name;
            next.push((body.inputs[at].name, value(facts, call, output, &known)?));
        }
        known.extend(next);
    }
    Some(most)
}

/// The slice of a body on which its condition depends.
struct ConditionSlice<'b, 'a> {
    nodes: Vec<&'b NodeDef<'a>>,
    reads: HashSet<&'a str>,
    /// The inputs of the body that go from one iteration into the next.
    states: Vec<usize>,
}

impl<'b, 'a> ConditionSlice<'b, 'a> {
    fn of(body: &'b GraphDef<'a>) -> Option<Self> {
        let mut writers: HashMap<&str, usize> = HashMap::new();
        for (at, node) in body.nodes.iter().enumerate() {
            writers.extend(node.outputs.iter().map(|&name| (name, at)));
        }
        let inputs = body.inputs.iter().enumerate().skip(2);
        let inputs: HashMap<&str, usize> = inputs.map(|(at, input)| (input.name, at)).collect();
        let mut reads: HashSet<&str> = HashSet::new();
        let mut nodes = Vec::new();
        let mut states = Vec::new();
        let mut open = vec![body.outputs.first()?.name];
        body.inputs.get(1)?;
        while let Some(name) = open.pop() {
            if name.is_empty() || !reads.insert(name) {
                continue;
            }
            if let Some(&at) = writers.get(name) {
                nodes.push(at);
                open.extend(&body.nodes[at].inputs);
            } else if let Some(&at) = inputs.get(name) {
                states.push(at);
                open.push(body.outputs.get(at - 1)?.name);
            }
            if nodes.len() > MOST_NODES {
                return None;
            }
        }
        nodes.sort_unstable();
        nodes.dedup();
        Some(Self {
            nodes: nodes.into_iter().map(|at| &body.nodes[at]).collect(),
            reads,
            states,
        })
    }
}

fn typed(contents: Small) -> (Type, Rc<Small>) {
    let sizes = contents.dims.iter().map(|&size| Size::Known(size));
    (
        Type::tensor(Element::INT64, sizes.collect()),
        Rc::new(contents),
    )
}

/// What is known of a name in an iteration, or outside of the body.
fn value(
    facts: &Facts<'_>,
    call: &ControlCall<'_, '_, '_>,
    name: &str,
    known: &HashMap<&str, (Type, Rc<Small>)>,
) -> Option<(Type, Rc<Small>)> {
    if let Some(found) = known.get(name) {
        return Some(found.clone());
    }
    let id: ValueId = call.scope.find(name)?;
    let fact = facts.get(id);
    Some((fact.of.clone(), fact.contents.clone()?))
}

fn step<'a>(
    facts: &mut Facts<'_>,
    call: &ControlCall<'_, '_, '_>,
    node: &NodeDef<'a>,
    known: &mut HashMap<&'a str, (Type, Rc<Small>)>,
) -> Option<()> {
    let read = |&name: &&str| match name {
        "" => Some(None),
        name => Some(Some(value(facts, call, name, known)?)),
    };
    let read: Vec<Option<(Type, Rc<Small>)>> =
        node.inputs.iter().map(read).collect::<Option<_>>()?;
    let operands: Vec<Option<Operand<'_>>> = read
        .iter()
        .map(|found| {
            found.as_ref().map(|(of, contents)| Operand {
                of,
                contents: Some(contents),
            })
        })
        .collect();
    let results = evaluate(node, &operands, node.opset, &mut facts.symbols)?;
    for (&name, contents) in node.outputs.iter().zip(results) {
        if contents.cells.len() > MOST_CELLS {
            return None;
        }
        known.insert(name, typed(contents));
    }
    Some(())
}
