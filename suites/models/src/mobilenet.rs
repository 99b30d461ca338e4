//! MobileNetV2 (Sandler and others, 2018) with weights from a seed.
//!
//! Stands on [`writer`](crate::writer). Batch normalisation is folded into the convolutions, as
//! exporters do it; the weights are distributed as before training.
//!
//! ```text
//! inverted residual
//! x ─► 1×1 wider ─► ReLU6 ─► 3×3 depthwise ─► ReLU6 ─► 1×1 narrower ─► + x ─► ...
//! ```

use crate::{
    parts::{int, ints},
    writer::Network,
};

/// A run of inverted residuals.
#[derive(Clone, Copy, Debug)]
pub struct Stage {
    /// The factor by which they have more channels inside.
    pub expansion: i64,
    /// The channels that they write.
    pub channels: i64,
    /// The number of them.
    pub count: usize,
    /// The stride of the first of them.
    pub stride: i64,
}

/// The sizes of a MobileNetV2.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The picture's height and width.
    pub side: i64,
    /// Channels of the first convolution, which halves the sides.
    pub stem: i64,
    /// The stages between the first convolution and the last.
    pub stages: Vec<Stage>,
    /// Channels of the last convolution.
    pub head: i64,
    /// The number of classes.
    pub classes: i64,
    /// The seed of the weights.
    pub seed: u64,
}

impl Default for Layout {
    /// The sizes of the paper, at width 1.
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
pub fn file(layout: &Layout) -> Vec<u8> {
    let mut network = Network::new("mobilenet", layout.seed);
    network.input::<f32>("picture", &[1, 3, layout.side, layout.side]);
    network.output("scores", &[1, layout.classes]);
    network.constant("zero", &[], &[0.0f32]);
    network.constant("six", &[], &[6.0f32]);
    network.classify(layout);
    network.encoded()
}

/// A convolution, padded so that only its stride shrinks the sides.
struct Conv {
    channels: [i64; 2],
    side: i64,
    stride: i64,
    /// 1, or the number of channels.
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

impl Network {
    fn classify(&mut self, layout: &Layout) {
        let stem = Conv {
            channels: [3, layout.stem],
            side: 3,
            stride: 2,
            groups: 1,
        };
        let mut x = self.conv_relu6("stem", "picture", &stem);
        let (mut channels, mut block) = (layout.stem, 0);
        for stage in &layout.stages {
            for i in 0..stage.count {
                let stride = if i == 0 { stage.stride } else { 1 };
                x = self.residual(&format!("block{block}"), &x, channels, stage, stride);
                (channels, block) = (stage.channels, block + 1);
            }
        }
        x = self.conv_relu6("head", &x, &Conv::pointwise(channels, layout.head));
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
            y = self.conv_relu6(&name("wide"), &y, &Conv::pointwise(channels, inside));
        }
        y = self.conv_relu6(&name("depth"), &y, &Conv::depthwise(inside, stride));
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
    fn conv_relu6(&mut self, name: &str, x: &str, conv: &Conv) -> String {
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

    /// A bias, and weights of variance 2 / inputs, since a ReLU halves the variance; `dims` begin
    /// with the outputs.
    fn weights(&mut self, name: &str, dims: &[i64]) -> [String; 2] {
        let inputs: i64 = dims[1..].iter().product();
        let parts = [
            ("weight", dims, (6.0 / inputs as f32).sqrt()),
            ("bias", &dims[..1], 0.1),
        ];
        parts.map(|(part, dims, bound)| self.uniform(&format!("{name}.{part}"), dims, 0.0, bound))
    }
}
