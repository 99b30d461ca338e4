//! U-Net (Ronneberger and others, 2015) with weights from a seed.
//!
//! Stands on [`writer`](crate::writer). Convolutions are padded and batch-normalised, as is common
//! today. The result of a level on the way down is kept for the way up, so that the largest tensors
//! live longest.
//!
//! ```text
//! picture ─► twice ───────────── skip ─────────────► concat ─► twice ─► 1×1 ─► sigmoid ─► mask
//!              └─► pool ─► twice ── skip ──► concat ─► twice ─► up ─┘
//!                            └─► pool ─► ... ─► up ─┘
//!
//! twice: 3×3 ─► normalise ─► ReLU ─► 3×3 ─► normalise ─► ReLU
//! ```

use crate::{
    parts::{int, ints},
    writer::Network,
};

/// The sizes of a U-Net.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The picture's height and width; halved for every level but the first.
    pub side: i64,
    /// The channels of each level, from the finest to the coarsest.
    pub levels: Vec<i64>,
    /// The number of classes of a pixel.
    pub classes: i64,
    /// The seed of the weights.
    pub seed: u64,
}

impl Default for Layout {
    /// Half as many channels as in the paper, and one level fewer.
    fn default() -> Self {
        Self {
            side: 128,
            levels: vec![32, 64, 128, 256],
            classes: 1,
            seed: 1,
        }
    }
}

/// The bytes of the file.
pub fn file(layout: &Layout) -> Vec<u8> {
    let mut network = Network::new("unet", layout.seed);
    let picture = network.input::<f32>("picture", &[1, 3, layout.side, layout.side]);
    let x = network.level(0, &picture, 3, &layout.levels);
    network.masked(&x, layout);
    network.encoded()
}

impl Network {
    /// A level and all coarser ones, which have the channels `channels`; `x` has `from` channels.
    fn level(&mut self, depth: usize, x: &str, from: i64, channels: &[i64]) -> String {
        let [here, beneath @ ..] = channels else {
            return x.into();
        };
        let skip = self.twice(&format!("down{depth}"), x, from, *here);
        let [wider, ..] = beneath else {
            return skip;
        };
        let halves = vec![ints("kernel_shape", &[2; 2]), ints("strides", &[2; 2])];
        let x = self.node("MaxPool", &format!("pool{depth}"), &[&skip], halves);
        let x = self.level(depth + 1, &x, *here, beneath);
        let x = self.doubled(&format!("double{depth}"), &x, *wider, *here);
        let joined = format!("joined{depth}");
        let x = self.node("Concat", &joined, &[&skip, &x], vec![int("axis", 1)]);
        self.twice(&format!("up{depth}"), &x, 2 * here, *here)
    }

    /// Twice a convolution, normalisation and ReLU.
    fn twice(&mut self, name: &str, x: &str, from: i64, to: i64) -> String {
        let x = self.conv_norm_relu(&format!("{name}.first"), x, from, to);
        self.conv_norm_relu(&format!("{name}.second"), &x, to, to)
    }

    fn conv_norm_relu(&mut self, name: &str, x: &str, from: i64, to: i64) -> String {
        let part = |part: &str| format!("{name}.{part}");
        let weights = self.filters(&part("weight"), [to, from, 3, 3], 9 * from);
        let padded = vec![ints("kernel_shape", &[3; 2]), ints("pads", &[1; 4])];
        let x = self.node("Conv", &part("conv"), &[x, &weights], padded);
        let statistics = [
            ("gain", 1.0, 0.1),
            ("bias", 0.0, 0.1),
            ("mean", 0.0, 0.1),
            ("variance", 1.0, 0.5),
        ];
        let [gain, bias, mean, variance] =
            statistics.map(|(of, centre, reach)| self.uniform(&part(of), &[to], centre, reach));
        let inputs = [&x, &gain, &bias, &mean, &variance].map(String::as_str);
        let x = self.node("BatchNormalization", &part("normal"), &inputs, vec![]);
        self.node("Relu", name, &[&x], vec![])
    }

    /// Twice the height and width.
    fn doubled(&mut self, name: &str, x: &str, from: i64, to: i64) -> String {
        // Every pixel of the result comes from one pixel of `x`.
        let weights = self.filters(&format!("{name}.weight"), [from, to, 2, 2], from);
        let bias = self.uniform(&format!("{name}.bias"), &[to], 0.0, 0.1);
        let attributes = vec![ints("kernel_shape", &[2; 2]), ints("strides", &[2; 2])];
        self.node("ConvTranspose", name, &[x, &weights, &bias], attributes)
    }

    /// The classes of each pixel, from the channels of the first level.
    fn masked(&mut self, x: &str, layout: &Layout) {
        let (from, to) = (layout.levels[0], layout.classes);
        let weights = self.filters("scores.weight", [to, from, 1, 1], from);
        let bias = self.uniform("scores.bias", &[to], 0.0, 0.1);
        let pointwise = vec![ints("kernel_shape", &[1; 2])];
        let x = self.node("Conv", "scores", &[x, &weights, &bias], pointwise);
        self.node("Sigmoid", "mask", &[&x], vec![]);
        self.output("mask", &[1, to, layout.side, layout.side]);
    }

    /// Weights of variance 2 / inputs, since a ReLU halves the variance.
    fn filters(&mut self, name: &str, dims: [i64; 4], inputs: i64) -> String {
        self.uniform(name, &dims, 0.0, (6.0 / inputs as f32).sqrt())
    }
}
