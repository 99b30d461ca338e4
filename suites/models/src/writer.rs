//! Builds a network node by node, as exporters write it, with weights from a seed.
//!
//! Stands on [`parts`](crate::parts). Invariant: the same calls give the same file, byte for byte,
//! on every machine.
//!
//! ```text
//! Network::new ─► input, constant, uniform, node, ... each by its name ─► output ─► encoded
//! ```

use crate::proto::{AttributeProto, GraphProto, NodeProto, TensorProto, tensor_proto::DataType};

use crate::parts::{encoded, sized_value};

/// The elements of a tensor.
pub trait Element: Copy {
    /// Their type in the file.
    const TYPE: DataType;

    /// The bytes of one element in the file.
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

/// A network under construction. Methods that add a tensor return its name.
#[derive(Debug)]
pub struct Network {
    graph: GraphProto,
    rng: fastrand::Rng,
}

impl Network {
    /// A network without nodes.
    pub fn new(name: &str, seed: u64) -> Self {
        let graph = GraphProto {
            name: name.into(),
            ..Default::default()
        };
        Self {
            graph,
            rng: fastrand::Rng::with_seed(seed),
        }
    }

    /// Adds an input of the network.
    pub fn input<E: Element>(&mut self, name: &str, dims: &[i64]) -> String {
        self.graph.input.push(sized_value(name, E::TYPE, dims));
        name.into()
    }

    /// Makes a tensor of floats an output of the network.
    pub fn output(&mut self, name: &str, dims: &[i64]) {
        self.graph.output.push(sized_value(name, f32::TYPE, dims));
    }

    /// Adds a node that writes a tensor of this name.
    pub fn node(
        &mut self,
        operator: &str,
        name: &str,
        inputs: &[&str],
        attributes: Vec<AttributeProto>,
    ) -> String {
        let [output] = self.node_with_outputs(operator, [name], inputs, attributes);
        output
    }

    /// Adds a node that writes several tensors and is named after the first of them.
    pub fn node_with_outputs<const N: usize>(
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

    /// Adds a constant.
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

    /// Adds weights that are uniform within `reach` of `centre`.
    pub fn uniform(&mut self, name: &str, dims: &[i64], centre: f32, reach: f32) -> String {
        let count = dims.iter().product::<i64>();
        let value = |rng: &mut fastrand::Rng| centre + reach * (2.0 * rng.f32() - 1.0);
        let values: Vec<f32> = (0..count).map(|_| value(&mut self.rng)).collect();
        self.constant(name, dims, &values)
    }

    /// The bytes of the file.
    pub fn encoded(self) -> Vec<u8> {
        encoded(self.graph)
    }
}
