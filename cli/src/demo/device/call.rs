//! Which shader computes a kernel, and with which weights and sizes.
//!
//! Stands on [`shader`](super::shader) and on the kernels of the processor. Invariant: the sizes
//! are those that the shader's text names, and the first one is how often `compute` is called.

#![forbid(unsafe_code)]

use super::shader::Formula;
use crate::demo::kernels::{Kernel, images::Image, matrix::Heads};

/// The rows and columns of a result that one call of the shader of products computes; a convolution
/// computes as many channels of one pixel.
const TILE: usize = 4;

/// How a kernel is computed.
pub struct Call<'k> {
    /// What the shader computes.
    pub formula: Formula,
    /// The weight and the bias, if there are any.
    pub weights: Vec<&'k [f32]>,
    /// What the shader knows as `sizes`.
    pub sizes: Vec<u32>,
}

/// How `kernel` is computed if the tensors that it reads have `read` elements, and its result has
/// `written`.
pub fn call<'k>(kernel: &'k Kernel, read: &[usize], written: usize) -> Call<'k> {
    let plain = |formula, sizes: &[usize]| Call {
        formula,
        weights: Vec::new(),
        sizes: sizes.iter().copied().map(size).collect(),
    };
    match kernel {
        Kernel::Linear { weight, bias } => {
            product(weight, bias, &[weight.len() / bias.len()], 1, written)
        }
        Kernel::BlockedLinear {
            columns,
            weight,
            bias,
        } => product(weight, bias, columns, 1, written),
        Kernel::StackedLinear {
            count,
            weight,
            bias,
        } => product(weight, bias, &[weight.len() / bias.len()], *count, written),
        Kernel::AttentionScores(heads) => {
            let depth = heads.width / heads.count;
            let mut call = attention(Formula::AttentionScores, *heads, read[0], written);
            call.sizes.push((depth as f32).sqrt().recip().to_bits());
            call
        }
        Kernel::AttentionMix(heads) => attention(Formula::AttentionMix, *heads, read[1], written),
        Kernel::Softmax { width } => plain(Formula::Softmax, &[written / width, *width]),
        Kernel::LayerNorm { gain, bias } => Call {
            weights: vec![gain, bias],
            ..plain(Formula::LayerNorm, &[written / gain.len(), gain.len()])
        },
        Kernel::Gelu => plain(Formula::Gelu, &[written]),
        Kernel::Relu => plain(Formula::Relu, &[written]),
        Kernel::Sigmoid => plain(Formula::Sigmoid, &[written]),
        Kernel::Add => plain(Formula::Add, &[written]),
        Kernel::Convolution {
            blocks,
            weight,
            bias,
        } => convolution(weight, bias, blocks, written),
        Kernel::MaxPool(image) => plain(Formula::MaxPool, &[written, image.width, image.channels]),
        Kernel::Upsample(image) => {
            plain(Formula::Upsample, &[written, image.width, image.channels])
        }
        Kernel::AverageRows { width } => plain(Formula::AverageRows, &[*width, read[0] / width]),
        Kernel::View { start, length } => plain(Formula::Copy, &[*length, *start, 0]),
        // Its operands are copied, one by one.
        Kernel::Concat => plain(Formula::Copy, &[written, 0, 0]),
    }
}

/// As many products of `x`, which has blocks with these numbers of columns.
fn product<'k>(
    weight: &'k [f32],
    bias: &'k [f32],
    columns: &[usize],
    products: usize,
    written: usize,
) -> Call<'k> {
    let outputs = bias.len() / products;
    let rows = written / products / outputs;
    let tiles = products * rows.div_ceil(TILE) * outputs.div_ceil(TILE);
    let sizes = [tiles, rows, outputs, columns.iter().sum(), columns.len()];
    Call {
        formula: Formula::Product,
        weights: vec![weight, bias],
        sizes: sizes.iter().chain(columns).copied().map(size).collect(),
    }
}

/// The convolution of images with the same sides.
fn convolution<'k>(
    weight: &'k [f32],
    bias: &'k [f32],
    blocks: &[Image],
    written: usize,
) -> Call<'k> {
    let outputs = bias.len();
    let tiles = written / outputs * outputs.div_ceil(TILE);
    let [height, width] = blocks.first().map_or([0, 0], |of| [of.height, of.width]);
    let sizes = [tiles, height, width, outputs, blocks.len()];
    let channels = blocks.iter().map(|image| image.channels);
    Call {
        formula: Formula::Convolution,
        weights: vec![weight, bias],
        sizes: sizes.into_iter().chain(channels).map(size).collect(),
    }
}

fn attention(formula: Formula, heads: Heads, columns: usize, written: usize) -> Call<'static> {
    let (positions, depth) = (columns / heads.width, heads.width / heads.count);
    Call {
        formula,
        weights: Vec::new(),
        sizes: [written, positions, heads.width, depth].map(size).to_vec(),
    }
}

/// A size as shaders know it. It fits: `Kernel::accepts` takes no tensor of 4 GiB.
pub fn size(value: usize) -> u32 {
    value as u32
}
