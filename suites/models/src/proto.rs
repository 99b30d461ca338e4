//! The messages of an ONNX file, as far as tests write them.
//!
//! Stands on `prost`. Names and field numbers are those of the public `onnx.proto3`. It shares
//! nothing with the reader of `orionrt-models`, which it is there to test.

use prost::{Enumeration, Message, Oneof};

/// The outermost message of a file.
#[derive(Clone, PartialEq, Message)]
#[allow(missing_docs, reason = "the fields have the names of onnx.proto3")]
pub struct ModelProto {
    #[prost(int64, tag = "1")]
    pub ir_version: i64,
    #[prost(message, repeated, tag = "8")]
    pub opset_import: Vec<OperatorSetIdProto>,
    #[prost(message, optional, tag = "7")]
    pub graph: Option<GraphProto>,
    #[prost(message, repeated, tag = "25")]
    pub functions: Vec<FunctionProto>,
}

/// The version of a domain's operators.
#[derive(Clone, PartialEq, Message)]
#[allow(missing_docs, reason = "the fields have the names of onnx.proto3")]
pub struct OperatorSetIdProto {
    #[prost(string, tag = "1")]
    pub domain: String,
    #[prost(int64, tag = "2")]
    pub version: i64,
}

/// A graph or a body.
#[derive(Clone, PartialEq, Message)]
#[allow(missing_docs, reason = "the fields have the names of onnx.proto3")]
pub struct GraphProto {
    #[prost(message, repeated, tag = "1")]
    pub node: Vec<NodeProto>,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(message, repeated, tag = "5")]
    pub initializer: Vec<TensorProto>,
    #[prost(message, repeated, tag = "11")]
    pub input: Vec<ValueInfoProto>,
    #[prost(message, repeated, tag = "12")]
    pub output: Vec<ValueInfoProto>,
    #[prost(message, repeated, tag = "13")]
    pub value_info: Vec<ValueInfoProto>,
}

/// A function of the model.
#[derive(Clone, PartialEq, Message)]
#[allow(missing_docs, reason = "the fields have the names of onnx.proto3")]
pub struct FunctionProto {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, repeated, tag = "4")]
    pub input: Vec<String>,
    #[prost(string, repeated, tag = "5")]
    pub output: Vec<String>,
    #[prost(string, repeated, tag = "6")]
    pub attribute: Vec<String>,
    #[prost(message, repeated, tag = "11")]
    pub attribute_proto: Vec<AttributeProto>,
    #[prost(message, repeated, tag = "7")]
    pub node: Vec<NodeProto>,
    #[prost(message, repeated, tag = "9")]
    pub opset_import: Vec<OperatorSetIdProto>,
    #[prost(string, tag = "10")]
    pub domain: String,
    #[prost(string, tag = "13")]
    pub overload: String,
}

/// An operator with its operands and results.
#[derive(Clone, PartialEq, Message)]
#[allow(missing_docs, reason = "the fields have the names of onnx.proto3")]
pub struct NodeProto {
    #[prost(string, repeated, tag = "1")]
    pub input: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub output: Vec<String>,
    #[prost(string, tag = "3")]
    pub name: String,
    #[prost(string, tag = "4")]
    pub op_type: String,
    #[prost(string, tag = "7")]
    pub domain: String,
    #[prost(string, tag = "8")]
    pub overload: String,
    #[prost(message, repeated, tag = "5")]
    pub attribute: Vec<AttributeProto>,
}

/// An attribute of an operator.
#[derive(Clone, PartialEq, Message)]
#[allow(missing_docs, reason = "the fields have the names of onnx.proto3")]
pub struct AttributeProto {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "21")]
    pub ref_attr_name: String,
    #[prost(enumeration = "attribute_proto::AttributeType", tag = "20")]
    pub r#type: i32,
    #[prost(float, tag = "2")]
    pub f: f32,
    #[prost(int64, tag = "3")]
    pub i: i64,
    #[prost(bytes = "vec", tag = "4")]
    pub s: Vec<u8>,
    #[prost(message, optional, tag = "5")]
    pub t: Option<TensorProto>,
    #[prost(message, optional, tag = "6")]
    pub g: Option<GraphProto>,
    #[prost(float, repeated, tag = "7")]
    pub floats: Vec<f32>,
    #[prost(int64, repeated, tag = "8")]
    pub ints: Vec<i64>,
    #[prost(bytes = "vec", repeated, tag = "9")]
    pub strings: Vec<Vec<u8>>,
}

/// The kinds of attributes.
pub mod attribute_proto {
    use super::Enumeration;

    /// The kind of an attribute.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
    #[repr(i32)]
    #[allow(missing_docs, reason = "the names are those of onnx.proto3")]
    pub enum AttributeType {
        Undefined = 0,
        Float = 1,
        Int = 2,
        String = 3,
        Tensor = 4,
        Graph = 5,
        Floats = 6,
        Ints = 7,
        Strings = 8,
    }
}

/// A constant.
#[derive(Clone, PartialEq, Message)]
#[allow(missing_docs, reason = "the fields have the names of onnx.proto3")]
pub struct TensorProto {
    #[prost(int64, repeated, tag = "1")]
    pub dims: Vec<i64>,
    #[prost(enumeration = "tensor_proto::DataType", tag = "2")]
    pub data_type: i32,
    #[prost(float, repeated, tag = "4")]
    pub float_data: Vec<f32>,
    #[prost(int32, repeated, tag = "5")]
    pub int32_data: Vec<i32>,
    #[prost(int64, repeated, tag = "7")]
    pub int64_data: Vec<i64>,
    #[prost(string, tag = "8")]
    pub name: String,
    #[prost(bytes = "vec", tag = "9")]
    pub raw_data: Vec<u8>,
    #[prost(message, repeated, tag = "13")]
    pub external_data: Vec<StringStringEntryProto>,
    #[prost(int32, tag = "14")]
    pub data_location: i32,
}

/// A key with its value.
#[derive(Clone, PartialEq, Message)]
#[allow(missing_docs, reason = "the fields have the names of onnx.proto3")]
pub struct StringStringEntryProto {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(string, tag = "2")]
    pub value: String,
}

/// The types of elements.
pub mod tensor_proto {
    use super::Enumeration;

    /// The type of a tensor's elements.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
    #[repr(i32)]
    #[allow(missing_docs, reason = "the names are those of onnx.proto3")]
    pub enum DataType {
        Undefined = 0,
        Float = 1,
        Uint8 = 2,
        Int8 = 3,
        Uint16 = 4,
        Int16 = 5,
        Int32 = 6,
        Int64 = 7,
        String = 8,
        Bool = 9,
        Float16 = 10,
        Double = 11,
        Uint32 = 12,
        Uint64 = 13,
        Complex64 = 14,
        Complex128 = 15,
        Bfloat16 = 16,
        Float8e4m3fn = 17,
        Float8e4m3fnuz = 18,
        Float8e5m2 = 19,
        Float8e5m2fnuz = 20,
        Uint4 = 21,
        Int4 = 22,
        Float4e2m1 = 23,
    }
}

/// The name and the type of a value.
#[derive(Clone, PartialEq, Message)]
#[allow(missing_docs, reason = "the fields have the names of onnx.proto3")]
pub struct ValueInfoProto {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(message, optional, tag = "2")]
    pub r#type: Option<TypeProto>,
}

/// The type of a value.
#[derive(Clone, PartialEq, Message)]
#[allow(missing_docs, reason = "the fields have the names of onnx.proto3")]
pub struct TypeProto {
    #[prost(oneof = "type_proto::Value", tags = "1, 4, 9")]
    pub value: Option<type_proto::Value>,
}

/// The kinds of values.
pub mod type_proto {
    use super::{Message, Oneof, TensorShapeProto, TypeProto};

    /// What a value is.
    #[derive(Clone, PartialEq, Oneof)]
    #[allow(missing_docs, reason = "the names are those of onnx.proto3")]
    pub enum Value {
        #[prost(message, tag = "1")]
        TensorType(Tensor),
        #[prost(message, tag = "4")]
        SequenceType(Box<Element>),
        #[prost(message, tag = "9")]
        OptionalType(Box<Element>),
    }

    /// A tensor's element type and shape.
    #[derive(Clone, PartialEq, Message)]
    #[allow(missing_docs, reason = "the fields have the names of onnx.proto3")]
    pub struct Tensor {
        #[prost(int32, tag = "1")]
        pub elem_type: i32,
        #[prost(message, optional, tag = "2")]
        pub shape: Option<TensorShapeProto>,
    }

    /// The type of the elements of a sequence, or of an optional value.
    #[derive(Clone, PartialEq, Message)]
    #[allow(missing_docs, reason = "the fields have the names of onnx.proto3")]
    pub struct Element {
        #[prost(message, optional, boxed, tag = "1")]
        pub elem_type: Option<Box<TypeProto>>,
    }
}

/// A shape.
#[derive(Clone, PartialEq, Message)]
#[allow(missing_docs, reason = "the fields have the names of onnx.proto3")]
pub struct TensorShapeProto {
    #[prost(message, repeated, tag = "1")]
    pub dim: Vec<tensor_shape_proto::Dimension>,
}

/// The parts of a shape.
pub mod tensor_shape_proto {
    use super::Message;

    /// A dimension; without a value it is not known.
    #[derive(Clone, PartialEq, Message)]
    #[allow(missing_docs, reason = "the fields have the names of onnx.proto3")]
    pub struct Dimension {
        #[prost(oneof = "dimension::Value", tags = "1, 2")]
        pub value: Option<dimension::Value>,
    }

    /// The kinds of dimensions.
    pub mod dimension {
        use super::super::Oneof;

        /// A dimension's size or name.
        #[derive(Clone, PartialEq, Eq, Oneof)]
        #[allow(missing_docs, reason = "the names are those of onnx.proto3")]
        pub enum Value {
            #[prost(int64, tag = "1")]
            DimValue(i64),
            #[prost(string, tag = "2")]
            DimParam(String),
        }
    }
}
