//! Makes the decoded file small and safe before tract builds its model from it.
//!
//! Stands on the protobuf types. Weights lose their bytes and become inputs that are remembered by
//! name ([`detach_weights`]), declared dimensions keep only the symbols that a graph input binds
//! ([`simplify_dims`]), and what makes tract fail badly is refused ([`check`]). Invariant: nothing
//! here changes what the model computes or the shape of a tensor.

use std::collections::HashSet;

use tract_onnx::pb::{
    AttributeProto, GraphProto, TensorProto, TensorShapeProto, TypeProto, ValueInfoProto,
    tensor_proto::{DataLocation, DataType},
    tensor_shape_proto::{Dimension, dimension::Value as Dim},
    type_proto,
};
use tract_onnx::tract_hir::internal::DatumType;

use super::{bounded::worth_knowing, dims::MAX_RANK};

/// Replaces each large initialiser by a graph input of its type and shape, and returns their names:
/// a plan needs the sizes of weights, never their bytes, which need not even be on this machine.
pub(super) fn detach_weights(graph: &mut GraphProto) -> HashSet<String> {
    let (kept, detached): (Vec<_>, Vec<_>) = std::mem::take(&mut graph.initializer)
        .into_iter()
        .partition(|t| !is_detachable(t));
    graph.initializer = kept;
    let names: HashSet<String> = detached.iter().map(|t| t.name.clone()).collect();
    graph.input.retain(|input| !names.contains(&input.name));
    graph.input.extend(detached.into_iter().map(as_input));
    names
}

/// Whether the bytes are many and as many as the shape claims; tract reports a mismatch.
fn is_detachable(tensor: &TensorProto) -> bool {
    let Some(dt) = DataType::try_from(tensor.data_type)
        .ok()
        .and_then(|t| DatumType::try_from(t).ok())
    else {
        return false;
    };
    let volume = tensor
        .dims
        .iter()
        .try_fold(1usize, |v, &d| v.checked_mul(usize::try_from(d).ok()?));
    let Some((volume, bytes)) = volume.and_then(|v| Some((v, v.checked_mul(dt.size_of())?))) else {
        return false;
    };
    let elements = tensor.float_data.len()
        + tensor.int32_data.len()
        + tensor.int64_data.len()
        + tensor.double_data.len()
        + tensor.uint64_data.len();
    let is_external = tensor.data_location == Some(DataLocation::External as i32);
    let is_complete =
        tensor.raw_data.len() == bytes || tensor.raw_data.is_empty() && elements == volume;
    (is_external || is_complete) && !worth_knowing(dt, bytes)
}

fn as_input(tensor: TensorProto) -> ValueInfoProto {
    let dim = |&d: &i64| Dimension {
        value: Some(Dim::DimValue(d)),
        ..Dimension::default()
    };
    let shape = TensorShapeProto {
        dim: tensor.dims.iter().map(dim).collect(),
    };
    let r#type = type_proto::Tensor {
        elem_type: tensor.data_type,
        shape: Some(shape),
    };
    let value = Some(type_proto::Value::TensorType(r#type));
    ValueInfoProto {
        name: tensor.name,
        r#type: Some(TypeProto {
            value,
            ..TypeProto::default()
        }),
        ..ValueInfoProto::default()
    }
}

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
