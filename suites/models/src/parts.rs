//! The parts of an ONNX file, and a file from its graph.
//!
//! Stands on [`proto`](crate::proto). A dimension is written as text: a number, a
//! symbol, or nothing for a dimension that is not known.

use crate::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    TensorShapeProto, TypeProto, ValueInfoProto,
    attribute_proto::AttributeType,
    tensor_proto::DataType,
    tensor_shape_proto::{Dimension, dimension::Value as Dim},
    type_proto,
};
use prost::Message;

/// The version of the operators in [`encoded`]: in later ones, normalisations and GELU have
/// operators of their own.
pub const OPSET: i64 = 13;

/// A dimension: a number, a symbol, or `""` for neither.
pub fn dim(text: &str) -> Dimension {
    let value = match (text, text.parse()) {
        ("", _) => None,
        (_, Ok(number)) => Some(Dim::DimValue(number)),
        _ => Some(Dim::DimParam(text.into())),
    };
    Dimension {
        value,
        ..Default::default()
    }
}

/// The name, type and shape of a tensor whose dimensions are all numbers.
pub fn sized_value(name: &str, data_type: DataType, dims: &[i64]) -> ValueInfoProto {
    let dims: Vec<String> = dims.iter().map(ToString::to_string).collect();
    let dims: Vec<&str> = dims.iter().map(String::as_str).collect();
    value(name, data_type, &dims)
}

/// The name, type and shape of a tensor.
pub fn value(name: &str, data_type: DataType, dims: &[&str]) -> ValueInfoProto {
    let dims = dims.iter().map(|text| dim(text));
    let shape = Some(TensorShapeProto {
        dim: dims.collect(),
    });
    let tensor = type_proto::Tensor {
        elem_type: data_type as i32,
        shape,
    };
    let r#type = TypeProto {
        value: Some(type_proto::Value::TensorType(tensor)),
        ..Default::default()
    };
    ValueInfoProto {
        name: name.into(),
        r#type: Some(r#type),
        ..Default::default()
    }
}

/// The name and type of a tensor whose shape the file does not state.
pub fn unshaped_value(name: &str, data_type: DataType) -> ValueInfoProto {
    let tensor = type_proto::Tensor {
        elem_type: data_type as i32,
        shape: None,
    };
    ValueInfoProto {
        name: name.into(),
        r#type: Some(TypeProto {
            value: Some(type_proto::Value::TensorType(tensor)),
        }),
    }
}

/// A node that is named after its operator and its first output.
pub fn node(operator: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
    NodeProto {
        name: format!("{operator}_{}", outputs[0]),
        op_type: operator.into(),
        input: inputs.iter().map(ToString::to_string).collect(),
        output: outputs.iter().map(ToString::to_string).collect(),
        ..Default::default()
    }
}

/// An attribute that is a number.
pub fn int(name: &str, i: i64) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        i,
        r#type: AttributeType::Int as i32,
        ..Default::default()
    }
}

/// An attribute that is a list of numbers.
pub fn ints(name: &str, ints: &[i64]) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        ints: ints.into(),
        r#type: AttributeType::Ints as i32,
        ..Default::default()
    }
}

/// A tensor of zeros.
pub fn zeros(name: &str, dims: &[i64]) -> TensorProto {
    let count = dims.iter().product::<i64>() as usize;
    TensorProto {
        name: name.into(),
        dims: dims.into(),
        data_type: DataType::Float as i32,
        raw_data: vec![0; count * size_of::<f32>()],
        ..Default::default()
    }
}

/// The model of a graph, with this version of the operators.
pub fn model(graph: GraphProto, version: i64) -> ModelProto {
    let opset = OperatorSetIdProto {
        version,
        ..Default::default()
    };
    ModelProto {
        ir_version: 8,
        opset_import: vec![opset],
        graph: Some(graph),
        ..Default::default()
    }
}

/// The bytes of a model's file.
pub fn encode(model: &ModelProto) -> Vec<u8> {
    model.encode_to_vec()
}

/// The bytes of the file of a graph's model.
pub fn encoded(graph: GraphProto) -> Vec<u8> {
    encode(&model(graph, OPSET))
}
