//! Parts of models, and messages byte by byte for what no writer makes.

use orionrt_test_models::parts::{encode, model, node, value};
use orionrt_test_models::proto::attribute_proto::AttributeType;
use orionrt_test_models::proto::tensor_proto::DataType::{Bool, Float, Int64};
use orionrt_test_models::proto::{
    AttributeProto, FunctionProto, GraphProto, NodeProto, OperatorSetIdProto, TensorProto,
};

pub fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

pub fn header(field: u64, length: usize) -> Vec<u8> {
    [varint(field << 3 | 2), varint(length as u64)].concat()
}

pub fn slice(field: u64, bytes: &[u8]) -> Vec<u8> {
    [&header(field, bytes.len()), bytes].concat()
}

/// A model with a version, and the fields of its graph.
pub fn raw(graph: &[u8]) -> Vec<u8> {
    [&[8, 8][..], &slice(7, graph)].concat()
}

pub fn graph(nodes: Vec<NodeProto>) -> GraphProto {
    GraphProto {
        node: nodes,
        input: vec![value("x", Float, &["4"]), value("c", Bool, &[])],
        output: vec![value("y", Float, &["4"])],
        ..Default::default()
    }
}

pub fn of(nodes: Vec<NodeProto>) -> Vec<u8> {
    encode(&model(graph(nodes), 17))
}

pub fn with(mut node: NodeProto, attributes: Vec<AttributeProto>) -> NodeProto {
    node.attribute = attributes;
    node
}

pub fn body(name: &str, graph: GraphProto) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        g: Some(graph),
        r#type: AttributeType::Graph as i32,
        ..Default::default()
    }
}

/// A body with one result.
pub fn branch(nodes: Vec<NodeProto>, result: &str) -> GraphProto {
    GraphProto {
        name: "b".into(),
        node: nodes,
        output: vec![value(result, Float, &["4"])],
        ..Default::default()
    }
}

pub fn whole_numbers(name: &str, numbers: &[i64]) -> TensorProto {
    TensorProto {
        name: name.into(),
        dims: vec![numbers.len() as i64],
        data_type: Int64 as i32,
        int64_data: numbers.into(),
        ..Default::default()
    }
}

pub fn names(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|i| format!("{prefix}{i}")).collect()
}

/// `x` through this many nodes to `y`.
pub fn chain(count: usize) -> Vec<NodeProto> {
    let at = |i: usize| match i {
        0 => "x".into(),
        i if i == count => "y".into(),
        i => format!("t{i}"),
    };
    let link = |i: usize| node("Relu", &[&at(i)], &[&at(i + 1)]);
    (0..count).map(link).collect()
}

pub fn function(name: &str, nodes: Vec<NodeProto>) -> FunctionProto {
    FunctionProto {
        domain: "own".into(),
        name: name.into(),
        input: vec!["a".into()],
        output: vec!["b".into()],
        node: nodes,
        opset_import: vec![OperatorSetIdProto {
            version: 17,
            ..Default::default()
        }],
        ..Default::default()
    }
}

pub fn call(name: &str, function: &str, operand: &str, result: &str) -> NodeProto {
    NodeProto {
        name: name.into(),
        domain: "own".into(),
        ..node(function, &[operand], &[result])
    }
}
