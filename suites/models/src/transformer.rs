//! BERT's encoder (Devlin and others, 2019) with weights from a seed.
//!
//! Stands on [`writer`](crate::writer). Written as exporters do it: layer normalisation and GELU in
//! their parts, `Identity` instead of dropout, the projections of an attention as one product that
//! is split along its outermost axis.
//!
//! ```text
//! attention   x ─► product [1, s, 3w] ─► [3, 1, heads, s, w/heads] ─► query, key, value
//!             ─► softmax(q·kᵀ / √ + mask)·v ─► ...
//! layer       x ─► attention ─► + x ─► norm ─► wider ─► GELU ─► narrower ─► + ─► norm ─► ...
//! ```

use std::f32::consts::SQRT_2;

use crate::{
    parts::{int, ints},
    writer::{Element, Network},
};

/// The sizes of an encoder.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The number of words.
    pub vocabulary: i64,
    /// The words of a text.
    pub sequence: i64,
    /// The numbers of a word; a multiple of `heads`.
    pub width: i64,
    /// The heads of an attention.
    pub heads: i64,
    /// The numbers of a word inside the second half of a layer.
    pub inside: i64,
    /// The number of layers.
    pub layers: usize,
    /// The seed of the weights.
    pub seed: u64,
}

impl Default for Layout {
    /// A third of the paper's width and depth.
    fn default() -> Self {
        Self {
            vocabulary: 1000,
            sequence: 128,
            width: 256,
            heads: 4,
            inside: 1024,
            layers: 4,
            seed: 1,
        }
    }
}

/// The bytes of the file.
pub fn file(layout: &Layout) -> Vec<u8> {
    let mut network = Network::new("transformer", layout.seed);
    network.constants(layout);
    let mut x = network.embedded(layout);
    let mask = network.mask(layout);
    for i in 0..layout.layers {
        x = network.layer(&format!("layer{i}"), &x, &mask, layout);
    }
    network.node("Identity", "hidden", &[&x], vec![]);
    network.output("hidden", &[1, layout.sequence, layout.width]);
    network.pooled(&x, layout);
    network.encoded()
}

impl Network {
    /// The constants of all layers.
    fn constants(&mut self, layout: &Layout) {
        let per_head = layout.width / layout.heads;
        let mut scalar = |name: &str, value: f32| self.constant(name, &[], &[value]);
        scalar("half", 0.5);
        scalar("one", 1.0);
        scalar("two", 2.0);
        scalar("sqrt_two", SQRT_2);
        scalar("epsilon", 1e-12);
        scalar("padded", -10_000.0);
        scalar("scale", (per_head as f32).sqrt());
        let mut list = |name: &str, values: &[i64]| {
            self.constant(name, &[values.len() as i64], values);
        };
        list("axis0", &[0]);
        list("axis1", &[1]);
        list("axis2", &[2]);
        list("thirds", &[1; 3]);
        list("apart", &[1, layout.sequence, 3, layout.heads, per_head]);
        list("together", &[1, layout.sequence, layout.width]);
    }

    /// The mask that is added to the scores of every attention: 0 for words (1 in the input
    /// `mask`), and a large negative number for padding (0).
    fn mask(&mut self, layout: &Layout) -> String {
        let mask = self.input::<i64>("mask", &[1, layout.sequence]);
        let x = self.node("Unsqueeze", "mask.heads", &[&mask, "axis1"], vec![]);
        let x = self.node("Unsqueeze", "mask.queries", &[&x, "axis2"], vec![]);
        let to_float = vec![int("to", f32::TYPE as i64)];
        let x = self.node("Cast", "mask.float", &[&x], to_float);
        let x = self.node("Sub", "mask.padding", &["one", &x], vec![]);
        self.node("Mul", "mask.scores", &[&x, "padded"], vec![])
    }

    fn embedded(&mut self, layout: &Layout) -> String {
        let words = self.input::<i64>("words", &[1, layout.sequence]);
        let table = [layout.vocabulary, layout.width];
        let table = self.uniform("embedding.words", &table, 0.0, 1.0);
        let positions = [1, layout.sequence, layout.width];
        let positions = self.uniform("embedding.positions", &positions, 0.0, 1.0);
        let x = self.node("Gather", "embedding", &[&table, &words], vec![]);
        let x = self.node("Add", "embedding.placed", &[&x, &positions], vec![]);
        let x = self.normalised("embedding.norm", &x, layout.width);
        self.node("Identity", "embedding.dropout", &[&x], vec![])
    }

    fn layer(&mut self, layer: &str, x: &str, mask: &str, layout: &Layout) -> String {
        let name = |part: &str| format!("{layer}.{part}");
        let (width, inside) = (layout.width, layout.inside);
        let y = self.attention(&name("attention"), x, mask, layout);
        let x = self.added(&name("attention"), x, &y, width);
        let y = self.linear(&name("wide"), &x, width, inside);
        let y = self.gelu(&name("gelu"), &y);
        let y = self.linear(&name("narrow"), &y, inside, width);
        self.added(&name("feed"), &x, &y, width)
    }

    fn attention(&mut self, name: &str, x: &str, mask: &str, layout: &Layout) -> String {
        let part = |part: &str| format!("{name}.{part}");
        let transposed = |order: &[i64]| vec![ints("perm", order)];
        let [query, key, value] = self.projected(name, x, layout);
        let order = transposed(&[0, 1, 3, 2]);
        let key = self.node("Transpose", &part("key.turned"), &[&key], order);
        let x = self.node("MatMul", &part("scores"), &[&query, &key], vec![]);
        let x = self.node("Div", &part("scaled"), &[&x, "scale"], vec![]);
        let x = self.node("Add", &part("masked"), &[&x, mask], vec![]);
        let x = self.node("Softmax", &part("softmax"), &[&x], vec![int("axis", -1)]);
        let x = self.node("Identity", &part("dropout"), &[&x], vec![]);
        let x = self.node("MatMul", &part("context"), &[&x, &value], vec![]);
        let order = transposed(&[0, 2, 1, 3]);
        let x = self.node("Transpose", &part("by_word"), &[&x], order);
        let x = self.node("Reshape", &part("together"), &[&x, "together"], vec![]);
        self.linear(&part("out"), &x, layout.width, layout.width)
    }

    /// Query, key and value, each [1, heads, sequence, width / heads], one after the other in
    /// memory.
    fn projected(&mut self, name: &str, x: &str, layout: &Layout) -> [String; 3] {
        let part = |part: &str| format!("{name}.{part}");
        let x = self.linear(&part("qkv"), x, layout.width, 3 * layout.width);
        let x = self.node("Reshape", &part("apart"), &[&x, "apart"], vec![]);
        let order = vec![ints("perm", &[2, 0, 3, 1, 4])];
        let x = self.node("Transpose", &part("by_head"), &[&x], order);
        let thirds = ["query.of_3", "key.of_3", "value.of_3"].map(part);
        let thirds = thirds.each_ref().map(String::as_str);
        let outermost = vec![int("axis", 0)];
        let thirds = self.node_with_outputs("Split", thirds, &[&x, "thirds"], outermost);
        let squeezed = thirds.map(|x| (x.trim_end_matches(".of_3").to_string(), x));
        squeezed.map(|(name, x)| self.node("Squeeze", &name, &[&x, "axis0"], vec![]))
    }

    /// Dropout, the residual `x + y`, and its normalisation.
    fn added(&mut self, name: &str, x: &str, y: &str, width: i64) -> String {
        let y = self.node("Identity", &format!("{name}.out_dropout"), &[y], vec![]);
        let sum = self.node("Add", &format!("{name}.sum"), &[&y, x], vec![]);
        self.normalised(&format!("{name}.norm"), &sum, width)
    }

    /// (x - mean) / √(variance + ε) · gain + bias, along the last axis.
    fn normalised(&mut self, name: &str, x: &str, width: i64) -> String {
        let part = |part: &str| format!("{name}.{part}");
        let last = || vec![ints("axes", &[-1])];
        let gain = self.uniform(&part("gain"), &[width], 1.0, 0.1);
        let bias = self.uniform(&part("bias"), &[width], 0.0, 0.1);
        let mean = self.node("ReduceMean", &part("mean"), &[x], last());
        let x = self.node("Sub", &part("centred"), &[x, &mean], vec![]);
        let y = self.node("Pow", &part("squares"), &[&x, "two"], vec![]);
        let y = self.node("ReduceMean", &part("variance"), &[&y], last());
        let y = self.node("Add", &part("positive"), &[&y, "epsilon"], vec![]);
        let y = self.node("Sqrt", &part("deviation"), &[&y], vec![]);
        let x = self.node("Div", &part("unit"), &[&x, &y], vec![]);
        let x = self.node("Mul", &part("gained"), &[&x, &gain], vec![]);
        self.node("Add", name, &[&x, &bias], vec![])
    }

    /// x · (erf(x / √2) + 1) / 2
    fn gelu(&mut self, name: &str, x: &str) -> String {
        let part = |part: &str| format!("{name}.{part}");
        let y = self.node("Div", &part("narrowed"), &[x, "sqrt_two"], vec![]);
        let y = self.node("Erf", &part("erf"), &[&y], vec![]);
        let y = self.node("Add", &part("positive"), &[&y, "one"], vec![]);
        let y = self.node("Mul", &part("doubled"), &[x, &y], vec![]);
        self.node("Mul", name, &[&y, "half"], vec![])
    }

    /// A product with weights that keep the variance, and a bias.
    fn linear(&mut self, name: &str, x: &str, from: i64, to: i64) -> String {
        let part = |part: &str| format!("{name}.{part}");
        let reach = (3.0 / from as f32).sqrt();
        let weights = self.uniform(&part("weight"), &[from, to], 0.0, reach);
        let bias = self.uniform(&part("bias"), &[to], 0.0, 0.1);
        let x = self.node("MatMul", &part("product"), &[x, &weights], vec![]);
        self.node("Add", name, &[&bias, &x], vec![])
    }

    /// The pooler: a linear layer and tanh over the first word.
    fn pooled(&mut self, x: &str, layout: &Layout) {
        let inputs = [x, "axis0", "axis1", "axis1"];
        let x = self.node("Slice", "pooler.first", &inputs, vec![]);
        let x = self.node("Flatten", "pooler.features", &[&x], vec![]);
        let (width, reach) = (layout.width, (3.0 / layout.width as f32).sqrt());
        let weights = self.uniform("pooler.weight", &[width, width], 0.0, reach);
        let bias = self.uniform("pooler.bias", &[width], 0.0, 0.1);
        let transposed = vec![int("transB", 1)];
        let x = self.node("Gemm", "pooler", &[&x, &weights, &bias], transposed);
        self.node("Tanh", "pooled", &[&x], vec![]);
        self.output("pooled", &[1, width]);
    }
}
