//! Makes the decoded file safe for tract before it builds its model from it.
//!
//! Stands on the protobuf types. Declared dimensions keep only the symbols that a graph input binds
//! ([`simplify_dims`]), and what makes tract fail badly is refused ([`check`]). Invariant: nothing
//! here changes what the model computes or the shape of a tensor.

use std::collections::HashSet;

use tract_onnx::pb::{
    AttributeProto, GraphProto, ValueInfoProto,
    tensor_shape_proto::{Dimension, dimension::Value as Dim},
    type_proto,
};

use super::dims::MAX_RANK;

/// Removes every declared symbol that no graph input has: exporters invent names for inner
/// dimensions, which would contradict the numbers that tract infers.
pub(super) fn simplify_dims(graph: &mut GraphProto) {
    let bound: HashSet<String> = graph
        .input
        .iter_mut()
        .flat_map(params)
        .flatten()
        .filter(|p| is_readable(p))
        .collect();
    let declared = graph
        .input
        .iter_mut()
        .chain(&mut graph.value_info)
        .chain(&mut graph.output);
    declared.for_each(|info| forget_params(info, |param| bound.contains(param)));
    subgraphs(graph).for_each(forget_all_params);
}

fn forget_all_params(graph: &mut GraphProto) {
    let declared = graph
        .input
        .iter_mut()
        .chain(&mut graph.value_info)
        .chain(&mut graph.output);
    declared.for_each(|info| forget_params(info, |_| false));
    subgraphs(graph).for_each(forget_all_params);
}

fn subgraphs(graph: &mut GraphProto) -> impl Iterator<Item = &mut GraphProto> {
    let attributes = graph.node.iter_mut().flat_map(|node| &mut node.attribute);
    attributes.flat_map(|a| a.g.iter_mut().chain(&mut a.graphs))
}

fn dims(info: &mut ValueInfoProto) -> &mut [Dimension] {
    match info.r#type.as_mut().and_then(|t| t.value.as_mut()) {
        Some(type_proto::Value::TensorType(t)) => t.shape.as_mut().map_or(&mut [], |s| &mut s.dim),
        None => &mut [],
    }
}

fn params(info: &mut ValueInfoProto) -> impl Iterator<Item = Option<String>> {
    dims(info).iter().map(|dim| match &dim.value {
        Some(Dim::DimParam(param)) => Some(param.clone()),
        _ => None,
    })
}

fn forget_params(info: &mut ValueInfoProto, keep: impl Fn(&str) -> bool) {
    for dim in dims(info) {
        if matches!(&dim.value, Some(Dim::DimParam(param)) if !keep(param)) {
            dim.value = None;
        }
    }
}

/// Whether an expression is short and shallow enough for tract's recursive parser.
fn is_readable(param: &str) -> bool {
    param.len() <= 256 && param.bytes().filter(|b| matches!(b, b'(' | b'-')).count() <= 16
}

/// Refuses a graph output that nothing writes and an axis beyond any rank.
pub(super) fn check(graph: &GraphProto) -> Result<(), String> {
    let written = graph.node.iter().flat_map(|node| &node.output);
    let inputs = graph.input.iter().map(|input| &input.name);
    let known: HashSet<&String> = written
        .chain(inputs)
        .chain(graph.initializer.iter().map(|t| &t.name))
        .collect();
    match graph
        .output
        .iter()
        .find(|output| !known.contains(&output.name))
    {
        Some(output) => Err(format!("nothing writes the graph output '{}'", output.name)),
        None => check_axes(graph),
    }
}

fn check_axes(graph: &GraphProto) -> Result<(), String> {
    for node in &graph.node {
        for attribute in &node.attribute {
            if let Some(axis) = absurd_axis(attribute) {
                let (name, operator) = (&node.name, &node.op_type);
                return Err(format!(
                    "node '{name}' ({operator}) names axis {axis}, \
                     but a tensor has at most {MAX_RANK} dimensions"
                ));
            }
            attribute
                .g
                .iter()
                .chain(&attribute.graphs)
                .try_for_each(check_axes)?;
        }
    }
    Ok(())
}

fn absurd_axis(attribute: &AttributeProto) -> Option<i64> {
    let names_axes = ["axis", "axes", "perm"]
        .iter()
        .any(|part| attribute.name.contains(part));
    let mut axes = std::iter::once(&attribute.i)
        .chain(&attribute.ints)
        .filter(|_| names_axes);
    axes.find(|axis| axis.unsigned_abs() > MAX_RANK as u64)
        .copied()
}
