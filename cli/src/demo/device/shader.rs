//! The kernels as compute shaders in WGSL.
//!
//! Stands on nothing. The file of a shader holds a function `compute(i)`, which computes one
//! element of the result, one row, or one tile. What is around it is the same for all and is made
//! here: the buffers, and a `main` that calls `compute` for every `i` below the first of the sizes.
//!
//! ```text
//! result, x, other     tensors
//! weight, bias, sizes  constants; sizes[0] is how often `compute` is called
//! ```
//!
//! All of them are declared as read-write: wgpu refuses a dispatch that reads one range of a buffer
//! as read-only and writes another one, and all tensors are ranges of one buffer.
//!
//! Invariant: a shader in place does what the shader with a result of its own does, with `result`
//! for another name of `x`; so no buffer is bound twice, and both give the same bits.

#![forbid(unsafe_code)]

#[cfg(any(feature = "vulkan-demo", feature = "wgpu"))]
use std::fmt::Write;

/// The invocations of a workgroup.
pub const GROUP: u32 = 64;

/// The most workgroups in a row: what every device can do.
const GROUPS_IN_A_ROW: u32 = 65_535;

/// What a shader computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Formula {
    /// Linear, blocked and stacked products.
    Product,
    /// Queries and keys.
    AttentionScores,
    /// Probabilities and values.
    AttentionMix,
    /// The mean of all rows.
    AverageRows,
    /// Rows that sum to 1.
    Softmax,
    /// Rows of mean 0 and variance 1.
    LayerNorm,
    /// The Gaussian error linear unit.
    Gelu,
    /// Negative values become 0.
    Relu,
    /// Between 0 and 1.
    Sigmoid,
    /// A sum of two tensors.
    Add,
    /// A convolution.
    Convolution,
    /// The largest of four pixels.
    MaxPool,
    /// Four pixels of one.
    Upsample,
    /// Some elements of another tensor.
    Copy,
}

/// A compute shader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shader {
    /// What it computes.
    pub formula: Formula,
    /// Whether it computes over its first operand.
    pub in_place: bool,
}

impl Formula {
    /// All of them.
    #[cfg(test)]
    pub const ALL: [Self; 14] = [
        Self::Product,
        Self::AttentionScores,
        Self::AttentionMix,
        Self::AverageRows,
        Self::Softmax,
        Self::LayerNorm,
        Self::Gelu,
        Self::Relu,
        Self::Sigmoid,
        Self::Add,
        Self::Convolution,
        Self::MaxPool,
        Self::Upsample,
        Self::Copy,
    ];

    /// Its function `compute`, in WGSL.
    #[cfg(any(feature = "vulkan-demo", feature = "wgpu"))]
    fn source(self) -> &'static str {
        match self {
            Self::Product => include_str!("shaders/product.wgsl"),
            Self::AttentionScores => include_str!("shaders/attention_scores.wgsl"),
            Self::AttentionMix => include_str!("shaders/attention_mix.wgsl"),
            Self::AverageRows => include_str!("shaders/average_rows.wgsl"),
            Self::Softmax => include_str!("shaders/softmax.wgsl"),
            Self::LayerNorm => include_str!("shaders/layer_norm.wgsl"),
            Self::Gelu => include_str!("shaders/gelu.wgsl"),
            Self::Relu => include_str!("shaders/relu.wgsl"),
            Self::Sigmoid => include_str!("shaders/sigmoid.wgsl"),
            Self::Add => include_str!("shaders/add.wgsl"),
            Self::Convolution => include_str!("shaders/convolution.wgsl"),
            Self::MaxPool => include_str!("shaders/max_pool.wgsl"),
            Self::Upsample => include_str!("shaders/upsample.wgsl"),
            Self::Copy => include_str!("shaders/copy.wgsl"),
        }
    }

    /// Whether it reads two tensors.
    fn reads_two(self) -> bool {
        matches!(self, Self::AttentionScores | Self::AttentionMix | Self::Add)
    }

    /// Whether it has a weight and a bias.
    fn is_weighted(self) -> bool {
        matches!(self, Self::Product | Self::LayerNorm | Self::Convolution)
    }
}

impl Shader {
    /// The names of the tensors that it is given, in the order of their bindings.
    pub fn tensors(self) -> impl Iterator<Item = &'static str> {
        let result = (!self.in_place).then_some("result");
        let other = self.formula.reads_two().then_some("other");
        result.into_iter().chain(["x"]).chain(other)
    }

    /// The names of the constants that it is given after the tensors.
    pub fn constants(self) -> &'static [&'static str] {
        match self.formula.is_weighted() {
            true => &["weight", "bias", "sizes"],
            false => &["sizes"],
        }
    }

    /// The number of its buffers.
    pub fn bindings(self) -> u32 {
        (self.tensors().count() + self.constants().len()) as u32
    }

    /// The whole shader, in WGSL, with the entry point `main`.
    #[cfg(any(feature = "vulkan-demo", feature = "wgpu"))]
    pub fn wgsl(self) -> String {
        let mut text = String::new();
        let names = self.tensors().chain(self.constants().iter().copied());
        for (binding, name) in names.enumerate() {
            let element = if name == "sizes" { "u32" } else { "f32" };
            // Writing to a string cannot fail, here and below.
            let _ = writeln!(
                text,
                "@group(0) @binding({binding}) var<storage, read_write> {name}: array<{element}>;"
            );
        }
        let _ = write!(
            text,
            "
@compute @workgroup_size({GROUP})
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {{
    let i = id.y * groups.x * {GROUP}u + id.x;
    if i < sizes[0] {{
        compute(i);
    }}
}}

"
        );
        let source = self.formula.source();
        match self.in_place {
            true => text + &source.replace("result[", "x["),
            false => text + source,
        }
    }
}

/// The workgroups for this many calls of `compute`, in rows.
pub fn groups(calls: u32) -> [u32; 2] {
    let groups = calls.div_ceil(GROUP);
    let across = groups.clamp(1, GROUPS_IN_A_ROW);
    [across, groups.div_ceil(across)]
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// All shaders that a program can have.
    pub fn shaders() -> impl Iterator<Item = Shader> {
        let in_place = |formula: &Formula| {
            matches!(
                formula,
                Formula::Softmax
                    | Formula::LayerNorm
                    | Formula::Gelu
                    | Formula::Relu
                    | Formula::Sigmoid
                    | Formula::Add
            )
        };
        let apart = Formula::ALL.into_iter().map(|formula| (formula, false));
        let over = Formula::ALL.into_iter().filter(in_place);
        let all = apart.chain(over.map(|formula| (formula, true)));
        all.map(|(formula, in_place)| Shader { formula, in_place })
    }

    #[test]
    fn groups_call_every_element_and_keep_to_the_limit() {
        for calls in [0, 1, 64, 65, 4_194_240, 4_194_241, 268_435_456, u32::MAX] {
            let [x, y] = groups(calls);
            assert!((1..=GROUPS_IN_A_ROW).contains(&x) && y <= GROUPS_IN_A_ROW);
            let called = u64::from(x) * u64::from(y) * u64::from(GROUP);
            assert!(called >= u64::from(calls), "{calls}");
            // At most one row more than is needed.
            assert!(called < u64::from(calls) + u64::from(x + 1) * u64::from(GROUP));
        }
    }

    #[cfg(any(feature = "vulkan-demo", feature = "wgpu"))]
    #[test]
    fn a_shader_in_place_has_one_buffer_less_and_no_other_name_for_it() {
        for shader in shaders().filter(|shader| shader.in_place) {
            let apart = Shader {
                in_place: false,
                ..shader
            };
            assert_eq!(shader.bindings() + 1, apart.bindings());
            assert!(apart.wgsl().contains("result["), "{shader:?}");
            assert!(!shader.wgsl().contains("result["), "{shader:?}");
        }
    }
}
