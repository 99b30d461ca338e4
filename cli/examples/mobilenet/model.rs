//! MobileNetV2 (Sandler and others, 2018) as an ONNX file: its layers, and weights that a seed determines.
//!
//! Batch normalisation is folded into the convolutions, as exporters do it; the weights are what training begins with. Invariant: one
//! layout gives one file, byte for byte, on every machine.
//!
//! ```text
//! inverted residual   x ─► 1×1 wider ─► ReLU6 ─► 3×3 depthwise ─► ReLU6 ─► 1×1 narrower ─► + x ─► ...
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

/// Inverted residuals that follow each other.
#[derive(Clone, Copy, Debug)]
pub struct Stage {
    /// How many times more channels they have inside.
    pub expansion: i64,
    /// Channels that they write.
    pub channels: i64,
    /// How many there are.
    pub count: usize,
    /// By how much the first of them shrinks the sides.
    pub stride: i64,
}

/// What there is to a network of this kind.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The picture's height and width.
    pub side: i64,
    /// Channels of the first convolution, which halves the sides.
    pub stem: i64,
    /// What comes between the first convolution and the last.
    pub stages: Vec<Stage>,
    /// Channels of the last convolution.
    pub head: i64,
    /// What is told apart.
    pub classes: i64,
    /// Of the weights.
    pub seed: u64,
}

impl Default for Layout {
    /// As in the paper, at width 1.
    fn default() -> Self {
        let stage = |(expansion, channels, count, stride)| Stage {
            expansion,
            channels,
            count,
            stride,
        };
        let stages = [
            (1, 16, 1, 1),
            (6, 24, 2, 2),
            (6, 32, 3, 2),
            (6, 64, 4, 2),
            (6, 96, 3, 1),
            (6, 160, 3, 2),
            (6, 320, 1, 1),
        ];
        Self {
            side: 224,
            stem: 32,
            stages: stages.map(stage).into(),
            head: 1280,
            classes: 1000,
            seed: 1,
        }
    }
}

/// The bytes of the file.
pub fn encoded(layout: &Layout) -> Vec<u8> {
    let mut network = Network {
        graph: GraphProto {
            name: "mobilenet".into(),
            input: vec![value("picture", &[1, 3, layout.side, layout.side])],
            output: vec![value("scores", &[1, layout.classes])],
            initializer: vec![tensor("zero", &[], &[0.0]), tensor("six", &[], &[6.0])],
            ..Default::default()
        },
        seed: layout.seed,
    };
    network.classify(layout);
    let opset = OperatorSetIdProto {
        version: 13,
        ..Default::default()
    };
    let model = ModelProto {
        ir_version: 8,
        opset_import: vec![opset],
        graph: Some(network.graph),
        ..Default::default()
    };
    model.encode_to_vec()
}

/// A convolution, padded so that the sides shrink by its stride alone.
struct Conv {
    channels: [i64; 2],
    side: i64,
    stride: i64,
    /// 1, or as many as it has channels.
    groups: i64,
}

impl Conv {
    fn pointwise(from: i64, to: i64) -> Self {
        Self {
            channels: [from, to],
            side: 1,
            stride: 1,
            groups: 1,
        }
    }

    fn depthwise(channels: i64, stride: i64) -> Self {
        Self {
            channels: [channels; 2],
            side: 3,
            stride,
            groups: channels,
        }
    }
}

struct Network {
    graph: GraphProto,
    seed: u64,
}

impl Network {
    fn classify(&mut self, layout: &Layout) {
        let stem = Conv {
            channels: [3, layout.stem],
            side: 3,
            stride: 2,
            groups: 1,
        };
        let mut x = self.active("stem", "picture", &stem);
        let (mut channels, mut block) = (layout.stem, 0);
        for stage in &layout.stages {
            for i in 0..stage.count {
                let stride = if i == 0 { stage.stride } else { 1 };
                x = self.residual(&format!("block{block}"), &x, channels, stage, stride);
                (channels, block) = (stage.channels, block + 1);
            }
        }
        x = self.active("head", &x, &Conv::pointwise(channels, layout.head));
        x = self.node("GlobalAveragePool", "mean", &[&x], vec![]);
        x = self.node("Flatten", "features", &[&x], vec![]);
        let [weights, bias] = self.weights("scores", &[layout.classes, layout.head]);
        let transposed = vec![int("transB", 1)];
        self.node("Gemm", "scores", &[&x, &weights, &bias], transposed);
    }

    fn residual(
        &mut self,
        block: &str,
        x: &str,
        channels: i64,
        stage: &Stage,
        stride: i64,
    ) -> String {
        let name = |part: &str| format!("{block}.{part}");
        let inside = channels * stage.expansion;
        let mut y = x.to_string();
        if stage.expansion > 1 {
            y = self.active(&name("wide"), &y, &Conv::pointwise(channels, inside));
        }
        y = self.active(&name("depth"), &y, &Conv::depthwise(inside, stride));
        y = self.conv(
            &name("narrow"),
            &y,
            &Conv::pointwise(inside, stage.channels),
        );
        if stride == 1 && channels == stage.channels {
            y = self.node("Add", &name("sum"), &[x, &y], vec![]);
        }
        y
    }

    /// A convolution and ReLU6.
    fn active(&mut self, name: &str, x: &str, conv: &Conv) -> String {
        let y = self.conv(name, x, conv);
        self.node(
            "Clip",
            &format!("{name}.relu6"),
            &[&y, "zero", "six"],
            vec![],
        )
    }

    fn conv(&mut self, name: &str, x: &str, conv: &Conv) -> String {
        let [from, to] = conv.channels;
        let dims = [to, from / conv.groups, conv.side, conv.side];
        let [weights, bias] = self.weights(name, &dims);
        let attributes = vec![
            ints("kernel_shape", &[conv.side; 2]),
            ints("strides", &[conv.stride; 2]),
            ints("pads", &[conv.side / 2; 4]),
            int("group", conv.groups),
        ];
        self.node("Conv", name, &[x, &weights, &bias], attributes)
    }

    /// Adds a node, which writes a tensor of its own name.
    fn node(
        &mut self,
        operator: &str,
        name: &str,
        inputs: &[&str],
        attribute: Vec<AttributeProto>,
    ) -> String {
        self.graph.node.push(NodeProto {
            name: format!("{name}/{operator}"),
            op_type: operator.into(),
            input: inputs.iter().map(ToString::to_string).collect(),
            output: vec![name.into()],
            attribute,
            ..Default::default()
        });
        name.into()
    }

    /// Weights of variance 2 / inputs, as a ReLU halves what it is given, and a bias; `dims` begin with the outputs.
    fn weights(&mut self, name: &str, dims: &[i64]) -> [String; 2] {
        let inputs: i64 = dims[1..].iter().product();
        let parts = [
            ("weight", dims, (6.0 / inputs as f32).sqrt()),
            ("bias", &dims[..1], 0.1),
        ];
        parts.map(|(part, dims, bound)| {
            let name = format!("{name}.{part}");
            let count = dims.iter().product::<i64>();
            let values: Vec<f32> = (0..count).map(|_| bound * self.draw()).collect();
            self.graph.initializer.push(tensor(&name, dims, &values));
            name
        })
    }

    /// Uniform in -1..1; SplitMix64 (Steele, Lea, Flood 2014).
    fn draw(&mut self) -> f32 {
        self.seed = self.seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.seed ^ (self.seed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        // 24 bits are what an `f32` holds exactly.
        ((z ^ (z >> 31)) >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    }
}

fn tensor(name: &str, dims: &[i64], values: &[f32]) -> TensorProto {
    TensorProto {
        name: name.into(),
        dims: dims.into(),
        data_type: DataType::Float as i32,
        raw_data: values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        ..Default::default()
    }
}

fn value(name: &str, dims: &[i64]) -> ValueInfoProto {
    let dim = |&number: &i64| Dimension {
        value: Some(Dim::DimValue(number)),
        ..Default::default()
    };
    let tensor = type_proto::Tensor {
        elem_type: DataType::Float as i32,
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

fn int(name: &str, i: i64) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        i,
        r#type: AttributeType::Int as i32,
        ..Default::default()
    }
}

fn ints(name: &str, ints: &[i64]) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        ints: ints.into(),
        r#type: AttributeType::Ints as i32,
        ..Default::default()
    }
}
