//! ONNX files as exporters write them, of a network's nodes and of weights that a seed determines; the examples with a folder stand on it.
//!
//! Owns the format and the weights' random numbers, and knows no network. Invariant: the same calls give the same file, byte for byte,
//! on every machine.
//!
//! ```text
//! Network::new ─► input, constant, uniform, node, ... each by its name ─► output ─► encoded
//! ```

use prost::Message;
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    TensorShapeProto, TypeProto, ValueInfoProto,
    attribute_proto::AttributeType,
    tensor_proto::DataType,
    tensor_shape_proto::{Dimension, dimension::Value as Dim},
    type_proto,
};

/// What tensors are made of.
pub trait Element: Copy {
    const TYPE: DataType;

    fn bytes(self) -> impl IntoIterator<Item = u8>;
}

impl Element for f32 {
    const TYPE: DataType = DataType::Float;

    fn bytes(self) -> impl IntoIterator<Item = u8> {
        self.to_le_bytes()
    }
}

impl Element for i64 {
    const TYPE: DataType = DataType::Int64;

    fn bytes(self) -> impl IntoIterator<Item = u8> {
        self.to_le_bytes()
    }
}

/// A network in the making. What adds a tensor returns its name.
pub struct Network {
    graph: GraphProto,
    seed: u64,
}

impl Network {
    pub fn new(name: &str, seed: u64) -> Self {
        let graph = GraphProto {
            name: name.into(),
            ..Default::default()
        };
        Self { graph, seed }
    }

    pub fn input<E: Element>(&mut self, name: &str, dims: &[i64]) -> String {
        self.graph.input.push(value(name, E::TYPE, dims));
        name.into()
    }

    /// Says that a tensor of floats is a result.
    pub fn output(&mut self, name: &str, dims: &[i64]) {
        self.graph.output.push(value(name, f32::TYPE, dims));
    }

    /// Adds a node that writes a tensor of its own name.
    pub fn node(
        &mut self,
        operator: &str,
        name: &str,
        inputs: &[&str],
        attributes: Vec<AttributeProto>,
    ) -> String {
        let [output] = self.node_of_several(operator, [name], inputs, attributes);
        output
    }

    /// Adds a node that writes several tensors; its name is the first one's.
    pub fn node_of_several<const N: usize>(
        &mut self,
        operator: &str,
        outputs: [&str; N],
        inputs: &[&str],
        attribute: Vec<AttributeProto>,
    ) -> [String; N] {
        let names = outputs.map(String::from);
        self.graph.node.push(NodeProto {
            name: format!("{}/{operator}", outputs[0]),
            op_type: operator.into(),
            input: inputs.iter().map(ToString::to_string).collect(),
            output: names.to_vec(),
            attribute,
            ..Default::default()
        });
        names
    }

    pub fn constant<E: Element>(&mut self, name: &str, dims: &[i64], values: &[E]) -> String {
        self.graph.initializer.push(TensorProto {
            name: name.into(),
            dims: dims.into(),
            data_type: E::TYPE as i32,
            raw_data: values.iter().flat_map(|v| v.bytes()).collect(),
            ..Default::default()
        });
        name.into()
    }

    /// Weights that are at most `reach` away from `centre`.
    pub fn uniform(&mut self, name: &str, dims: &[i64], centre: f32, reach: f32) -> String {
        let count = dims.iter().product::<i64>();
        let values: Vec<f32> = (0..count).map(|_| centre + reach * self.draw()).collect();
        self.constant(name, dims, &values)
    }

    /// Uniform in -1..1; SplitMix64 (Steele, Lea, Flood 2014).
    fn draw(&mut self) -> f32 {
        self.seed = self.seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.seed ^ (self.seed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        // 24 bits are what an `f32` holds exactly.
        ((z ^ (z >> 31)) >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    }

    /// The bytes of the file.
    pub fn encoded(self) -> Vec<u8> {
        // Normalisations and GELU have operators of their own only later.
        let opset = OperatorSetIdProto {
            version: 13,
            ..Default::default()
        };
        let model = ModelProto {
            ir_version: 8,
            opset_import: vec![opset],
            graph: Some(self.graph),
            ..Default::default()
        };
        model.encode_to_vec()
    }
}

fn value(name: &str, data_type: DataType, dims: &[i64]) -> ValueInfoProto {
    let dim = |&number: &i64| Dimension {
        value: Some(Dim::DimValue(number)),
        ..Default::default()
    };
    let tensor = type_proto::Tensor {
        elem_type: data_type as i32,
        shape: Some(TensorShapeProto {
            dim: dims.iter().map(dim).collect(),
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

pub fn int(name: &str, i: i64) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        i,
        r#type: AttributeType::Int as i32,
        ..Default::default()
    }
}

pub fn ints(name: &str, ints: &[i64]) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        ints: ints.into(),
        r#type: AttributeType::Ints as i32,
        ..Default::default()
    }
}
