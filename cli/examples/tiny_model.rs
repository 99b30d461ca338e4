//! A tiny ONNX model on stdout, to try the command line with and to start fuzzing from:
//!
//! ```console
//! cargo run -p orionrt-cli --example tiny_model > target/tiny.onnx
//! orionrt plan target/tiny.onnx --dim batch=8
//! ```
//!
//! x [batch, 3, 8, 8] → conv → relu → conv → add (of both convolutions) → y [batch, 4, 8, 8]

use std::io::{self, Write};

use prost::Message;
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    TensorShapeProto, TypeProto, ValueInfoProto,
    attribute_proto::AttributeType,
    tensor_proto::DataType,
    tensor_shape_proto::{Dimension, dimension::Value as Dim},
    type_proto,
};

fn main() -> io::Result<()> {
    let model = ModelProto {
        ir_version: 8,
        opset_import: vec![OperatorSetIdProto {
            version: 13,
            ..Default::default()
        }],
        graph: Some(graph()),
        ..Default::default()
    };
    io::stdout().write_all(&model.encode_to_vec())
}

fn graph() -> GraphProto {
    let batch = Dim::DimParam("batch".into());
    let shape = |channels| {
        vec![
            batch.clone(),
            Dim::DimValue(channels),
            Dim::DimValue(8),
            Dim::DimValue(8),
        ]
    };
    GraphProto {
        name: "tiny".into(),
        input: vec![value("x", shape(3))],
        node: vec![
            conv("x", "w1", "a"),
            node("Relu", &["a"], "b"),
            conv("b", "w2", "c"),
            node("Add", &["a", "c"], "y"),
        ],
        output: vec![value("y", shape(4))],
        initializer: vec![weights("w1", &[4, 3, 3, 3]), weights("w2", &[4, 4, 3, 3])],
        ..Default::default()
    }
}

fn value(name: &str, dims: Vec<Dim>) -> ValueInfoProto {
    let dim = |value| Dimension {
        value: Some(value),
        ..Default::default()
    };
    let tensor = type_proto::Tensor {
        elem_type: DataType::Float as i32,
        shape: Some(TensorShapeProto {
            dim: dims.into_iter().map(dim).collect(),
        }),
    };
    ValueInfoProto {
        name: name.into(),
        r#type: Some(TypeProto {
            value: Some(type_proto::Value::TensorType(tensor)),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn node(operator: &str, inputs: &[&str], output: &str) -> NodeProto {
    NodeProto {
        name: format!("{operator}_{output}"),
        op_type: operator.into(),
        input: inputs.iter().map(ToString::to_string).collect(),
        output: vec![output.into()],
        ..Default::default()
    }
}

/// Filters of 3 × 3, padded so that the picture keeps its size.
fn conv(input: &str, weights: &str, output: &str) -> NodeProto {
    let ints = |name: &str, ints: &[i64]| AttributeProto {
        name: name.into(),
        ints: ints.into(),
        r#type: AttributeType::Ints as i32,
        ..Default::default()
    };
    NodeProto {
        attribute: vec![ints("pads", &[1; 4]), ints("kernel_shape", &[3, 3])],
        ..node("Conv", &[input, weights], output)
    }
}

fn weights(name: &str, dims: &[i64]) -> TensorProto {
    let count = dims.iter().product::<i64>() as usize;
    TensorProto {
        name: name.into(),
        dims: dims.into(),
        data_type: DataType::Float as i32,
        raw_data: vec![0; count * size_of::<f32>()],
        ..Default::default()
    }
}
