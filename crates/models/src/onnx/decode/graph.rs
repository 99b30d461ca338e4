//! Attributes, nodes, graphs, functions, and the model.
//!
//! Stands on `values`. Invariant: each list is counted first, so it is allocated once, at its
//! length, and only if the limits allow it.

use std::collections::HashMap;

use super::values::{ints, name, of_number, sparse, tensor, type_of, value};
use crate::error::ModelError;
use crate::onnx::limits::Limits;
use crate::onnx::syntax::{
    AttributeDef, AttributeValue, FunctionDef, GraphDef, ModelDef, NodeDef, TensorDef,
};
use crate::onnx::wire::{Field, Message};

/// The parts of the model in a file.
pub(crate) fn decode(bytes: &[u8]) -> Result<ModelDef<'_>, ModelError> {
    let message = Message::new(bytes);
    let limits = &mut Limits::default();
    let counts = message.counts("ModelProto")?;
    if counts[7] != 1 {
        return Err(ModelError::Malformed {
            place: "ModelProto".into(),
            found: format!("{} graphs", counts[7]),
            expected: "one".into(),
        });
    }
    let mut model = ModelDef {
        opsets: limits.room(counts[8])?,
        functions: limits.room(counts[25])?,
        ..ModelDef::default()
    };
    for field in message.fields("ModelProto") {
        let field = field?;
        match field.number {
            7 => model.graph = graph(field.message("ModelProto.graph")?, limits)?,
            8 => model.opsets.push(opset(field)?),
            25 => {
                let message = field.message("ModelProto.functions")?;
                model.functions.push(function(message, limits)?);
            }
            _ => {}
        }
    }
    let imports: HashMap<&str, i64> = model.opsets.iter().copied().collect();
    set_opsets(&mut model.graph.nodes, &|domain| {
        imports.get(domain).copied()
    });
    for function in &mut model.functions {
        let own: HashMap<&str, i64> = function.opsets.iter().copied().collect();
        // What a function does not import is taken from the model, as runtimes do.
        let version = |domain: &str| own.get(domain).or_else(|| imports.get(domain)).copied();
        set_opsets(&mut function.nodes, &version);
    }
    Ok(model)
}

/// Gives nodes, and those of their bodies, the version of their operator set.
fn set_opsets(nodes: &mut [NodeDef<'_>], version: &dyn Fn(&str) -> Option<i64>) {
    for node in nodes {
        node.opset = version(node.domain).unwrap_or(0);
        for attribute in &mut node.attributes {
            match &mut attribute.value {
                AttributeValue::Graph(body) => set_opsets(&mut body.nodes, version),
                AttributeValue::Graphs(bodies) => {
                    for body in bodies {
                        set_opsets(&mut body.nodes, version);
                    }
                }
                _ => {}
            }
        }
    }
}

/// `OperatorSetIdProto`.
fn opset(field: Field<'_>) -> Result<(&'_ str, i64), ModelError> {
    let (mut of, mut version) = ("", 0);
    for field in field.message("opset_import")?.fields("OperatorSetIdProto") {
        let field = field?;
        match field.number {
            1 => of = domain(field, "OperatorSetIdProto.domain")?,
            2 => version = field.int("OperatorSetIdProto.version")?,
            _ => {}
        }
    }
    Ok((of, version))
}

/// A domain; the default one has two names.
fn domain<'a>(field: Field<'a>, label: &'static str) -> Result<&'a str, ModelError> {
    Ok(match name(field, label)? {
        "ai.onnx" => "",
        domain => domain,
    })
}

/// `FunctionProto`.
fn function<'a>(message: Message<'a>, limits: &mut Limits) -> Result<FunctionDef<'a>, ModelError> {
    let counts = message.counts("FunctionProto")?;
    limits.nodes(counts[7])?;
    let mut function = FunctionDef {
        inputs: limits.room(counts[4])?,
        outputs: limits.room(counts[5])?,
        attributes: limits.room(counts[6])?,
        nodes: limits.room(counts[7])?,
        opsets: limits.room(counts[9])?,
        defaults: limits.room(counts[11])?,
        stated: limits.room(counts[12])?,
        ..FunctionDef::default()
    };
    for field in message.fields("FunctionProto") {
        let field = field?;
        match field.number {
            1 => function.name = name(field, "FunctionProto.name")?,
            4 => function.inputs.push(name(field, "FunctionProto.input")?),
            5 => function.outputs.push(name(field, "FunctionProto.output")?),
            6 => function
                .attributes
                .push(name(field, "FunctionProto.attribute")?),
            7 => function
                .nodes
                .push(node(field.message("FunctionProto.node")?, limits)?),
            9 => function.opsets.push(opset(field)?),
            10 => function.domain = domain(field, "FunctionProto.domain")?,
            11 => {
                let message = field.message("FunctionProto.attribute_proto")?;
                function.defaults.push(attribute(message, limits)?);
            }
            12 => function
                .stated
                .push(value(field.message("FunctionProto.value_info")?, limits)?),
            13 => function.overload = name(field, "FunctionProto.overload")?,
            _ => {}
        }
    }
    Ok(function)
}

/// `GraphProto`.
fn graph<'a>(message: Message<'a>, limits: &mut Limits) -> Result<GraphDef<'a>, ModelError> {
    limits.enter()?;
    let counts = message.counts("GraphProto")?;
    limits.nodes(counts[1])?;
    let mut graph = GraphDef {
        name: "",
        nodes: limits.room(counts[1])?,
        initializers: limits.room(counts[5])?,
        inputs: limits.room(counts[11])?,
        outputs: limits.room(counts[12])?,
        stated: limits.room(counts[13])?,
        sparse: limits.room(counts[15])?,
    };
    for field in message.fields("GraphProto") {
        let field = field?;
        match field.number {
            1 => graph
                .nodes
                .push(node(field.message("GraphProto.node")?, limits)?),
            2 => graph.name = name(field, "GraphProto.name")?,
            5 => graph
                .initializers
                .push(tensor(field.message("GraphProto.initializer")?, limits)?),
            11 => graph
                .inputs
                .push(value(field.message("GraphProto.input")?, limits)?),
            12 => graph
                .outputs
                .push(value(field.message("GraphProto.output")?, limits)?),
            13 => graph
                .stated
                .push(value(field.message("GraphProto.value_info")?, limits)?),
            15 => {
                let message = field.message("GraphProto.sparse_initializer")?;
                graph.sparse.push(sparse(message, limits)?);
            }
            _ => {}
        }
    }
    limits.leave();
    Ok(graph)
}

/// `NodeProto`.
fn node<'a>(message: Message<'a>, limits: &mut Limits) -> Result<NodeDef<'a>, ModelError> {
    let counts = message.counts("NodeProto")?;
    let mut node = NodeDef {
        inputs: limits.room(counts[1])?,
        outputs: limits.room(counts[2])?,
        attributes: limits.room(counts[5])?,
        ..NodeDef::default()
    };
    for field in message.fields("NodeProto") {
        let field = field?;
        match field.number {
            1 => node.inputs.push(name(field, "NodeProto.input")?),
            2 => node.outputs.push(name(field, "NodeProto.output")?),
            3 => node.name = name(field, "NodeProto.name")?,
            4 => node.operator = name(field, "NodeProto.op_type")?,
            5 => {
                let message = field.message("NodeProto.attribute")?;
                node.attributes.push(attribute(message, limits)?);
            }
            7 => node.domain = domain(field, "NodeProto.domain")?,
            8 => node.overload = name(field, "NodeProto.overload")?,
            _ => {}
        }
    }
    Ok(node)
}

/// `AttributeProto`.
fn attribute<'a>(
    message: Message<'a>,
    limits: &mut Limits,
) -> Result<AttributeDef<'a>, ModelError> {
    let mut attribute = AttributeDef {
        name: "",
        reference: "",
        value: AttributeValue::Other,
    };
    let (mut kind, mut first) = (0, None);
    for field in message.fields("AttributeProto") {
        let field = field?;
        match field.number {
            1 => attribute.name = name(field, "AttributeProto.name")?,
            20 => kind = field.int32("AttributeProto.type")?,
            21 => attribute.reference = name(field, "AttributeProto.ref_attr_name")?,
            number @ (2..=11 | 14 | 22) if first.is_none() => first = Some(number),
            _ => {}
        }
    }
    // Files of the first versions do not state the kind.
    if let Some(number) = field_of_kind(kind).or(first)
        && attribute.reference.is_empty()
    {
        attribute.value = attribute_value(message, number, limits)?;
    }
    Ok(attribute)
}

/// The field of `AttributeProto` with the value of a kind (`AttributeProto.AttributeType`).
fn field_of_kind(kind: i32) -> Option<u32> {
    match kind {
        // FLOAT, INT, STRING, TENSOR, GRAPH; FLOATS, INTS, STRINGS, TENSORS, GRAPHS.
        1..=10 => u32::try_from(kind + 1).ok(),
        11 => Some(22),
        12 => Some(23),
        13 => Some(14),
        14 => Some(15),
        _ => None,
    }
}

/// The value of an attribute, which lies in the fields of one number.
fn attribute_value<'a>(
    message: Message<'a>,
    number: u32,
    limits: &mut Limits,
) -> Result<AttributeValue<'a>, ModelError> {
    let mut fields = Vec::new();
    let count = message.counts("AttributeProto")?[number as usize & 31];
    if !matches!(number, 7 | 8) {
        fields = limits.room::<Field<'a>>(count)?;
        of_number(message, number, "AttributeProto", |field| {
            fields.push(field);
            Ok(())
        })?;
    }
    // A number that is left out is zero.
    let last = fields.last().copied();
    Ok(match number {
        2 => AttributeValue::Float(match last {
            Some(field) => field.float("AttributeProto.f")?,
            None => 0.0,
        }),
        3 => AttributeValue::Int(match last {
            Some(field) => field.int("AttributeProto.i")?,
            None => 0,
        }),
        4 => AttributeValue::String(match last {
            Some(field) => field.bytes("AttributeProto.s")?,
            None => &[],
        }),
        5 => AttributeValue::Tensor(one_tensor(&fields, "AttributeProto.t", limits)?),
        6 => {
            let message = only(&fields, "AttributeProto.g")?;
            limits.room::<GraphDef<'_>>(1)?;
            AttributeValue::Graph(Box::new(graph(message, limits)?))
        }
        7 => AttributeValue::Floats(floats(message, limits)?),
        8 => AttributeValue::Ints(ints(message, 8, "AttributeProto.ints", limits)?),
        9 => {
            let mut all = limits.room(count)?;
            for field in fields {
                all.push(field.bytes("AttributeProto.strings")?);
            }
            AttributeValue::Strings(all)
        }
        10 => {
            let mut all = limits.room(count)?;
            for field in fields {
                all.push(tensor(field.message("AttributeProto.tensors")?, limits)?);
            }
            AttributeValue::Tensors(all)
        }
        11 => {
            let mut all = limits.room(count)?;
            for field in fields {
                all.push(graph(field.message("AttributeProto.graphs")?, limits)?);
            }
            AttributeValue::Graphs(all)
        }
        14 => AttributeValue::Type(type_of(only(&fields, "AttributeProto.tp")?, 0, limits)?),
        22 => {
            let message = only(&fields, "AttributeProto.sparse_tensor")?;
            AttributeValue::SparseTensor(sparse(message, limits)?)
        }
        _ => AttributeValue::Other,
    })
}

fn one_tensor<'a>(
    fields: &[Field<'a>],
    label: &'static str,
    limits: &mut Limits,
) -> Result<TensorDef<'a>, ModelError> {
    tensor(only(fields, label)?, limits)
}

/// The message of a field that must occur once.
fn only<'a>(fields: &[Field<'a>], label: &'static str) -> Result<Message<'a>, ModelError> {
    match fields {
        [field] => field.message(label),
        _ => Err(ModelError::Malformed {
            place: label.into(),
            found: format!("{} of them", fields.len()),
            expected: "one, as the attribute's type says".into(),
        }),
    }
}

/// `AttributeProto.floats`.
fn floats(message: Message<'_>, limits: &mut Limits) -> Result<Vec<f32>, ModelError> {
    let label = "AttributeProto.floats";
    let mut count = 0;
    of_number(message, 7, label, |field| {
        field.floats(label, |_| count += 1)
    })?;
    let mut all = limits.room(count)?;
    of_number(message, 7, label, |field| {
        field.floats(label, |value| all.push(value))
    })?;
    Ok(all)
}
