//! How many elements a kernel reads and writes.
//!
//! Stands on [`kernel`](super::kernel). Invariant: a kernel that [`accepts`](Kernel::accepts) the
//! lengths of its operands reads within them and within its weights, and writes
//! [`written`](Kernel::written) elements, on the processor and on a device.

#![forbid(unsafe_code)]

use super::{
    Kernel,
    images::{Image, WINDOW_PIXELS},
    matrix::Heads,
};

/// The most elements of a tensor: a device counts its bytes in 32 bits.
const MOST_ELEMENTS: usize = u32::MAX as usize / size_of::<f32>();

impl Kernel {
    /// The number of elements it writes if the tensors it reads have `read` elements.
    pub fn written(&self, read: &[usize]) -> usize {
        match self {
            Self::Linear { weight, bias }
            | Self::BlockedLinear { weight, bias, .. }
            | Self::StackedLinear { weight, bias, .. } => {
                read[0] * bias.len() / (weight.len() / bias.len())
            }
            Self::AttentionScores(heads) => heads.count * (read[0] / heads.width).pow(2),
            Self::AttentionMix(_) => read[1],
            Self::Convolution { blocks, bias, .. } => {
                let pixels = blocks.first().map(|image| image.height * image.width);
                pixels.unwrap_or(0) * bias.len()
            }
            Self::MaxPool(image) => image.elements() / 4,
            Self::Upsample(image) => image.elements() * 4,
            Self::Concat => read[0] + read[1],
            Self::AverageRows { width } => *width,
            Self::View { length, .. } => *length,
            _ => read[0],
        }
    }

    /// Whether it can be computed on tensors of these lengths, with the weights that it has.
    pub fn accepts(&self, read: &[usize]) -> bool {
        let weight = self.weight().map_or(0, <[f32]>::len);
        let mut lengths = read.iter().chain([&weight]);
        lengths.all(|&of| of <= MOST_ELEMENTS)
            && self.fits(read)
            && self.written(read) <= MOST_ELEMENTS
    }

    /// Whether the lengths are those of its shapes.
    fn fits(&self, read: &[usize]) -> bool {
        match self {
            Self::Linear { weight, bias } => is_product(weight, bias, weight.len(), 1, read[0]),
            Self::BlockedLinear {
                columns,
                weight,
                bias,
            } => {
                let inputs = columns.iter().sum::<usize>();
                let are_columns = columns.iter().all(|&columns| columns > 0);
                are_columns && is_product(weight, bias, inputs * bias.len(), 1, read[0])
            }
            Self::StackedLinear {
                count,
                weight,
                bias,
            } => is_product(weight, bias, weight.len(), *count, read[0]),
            Self::AttentionScores(heads) => read[0] == read[1] && positions(*heads, read[0]) > 0,
            Self::AttentionMix(heads) => {
                let positions = positions(*heads, read[1]);
                positions > 0 && read[0] == heads.count * positions.pow(2)
            }
            Self::Softmax { width } | Self::AverageRows { width } => are_rows(read[0], *width),
            Self::LayerNorm { gain, bias } => {
                gain.len() == bias.len() && are_rows(read[0], gain.len())
            }
            Self::Gelu | Self::Relu | Self::Sigmoid | Self::Concat => true,
            Self::Add => read[0] == read[1],
            Self::Convolution {
                blocks,
                weight,
                bias,
            } => {
                let channels = blocks.iter().map(|image| image.channels).sum::<usize>();
                let sides = blocks.iter().map(|image| (image.height, image.width));
                blocks.iter().all(|&image| has_pixels(image))
                    && sides.clone().all(|(_, width)| width >= 2)
                    && sides.clone().zip(sides.skip(1)).all(|(a, b)| a == b)
                    && read[0] == blocks.iter().map(|image| image.elements()).sum::<usize>()
                    && weight.len() == WINDOW_PIXELS * channels * bias.len()
                    && !blocks.is_empty()
                    && !bias.is_empty()
            }
            Self::MaxPool(image) => {
                let is_even = image.height % 2 == 0 && image.width % 2 == 0;
                has_pixels(*image) && read[0] == image.elements() && is_even
            }
            Self::Upsample(image) => has_pixels(*image) && read[0] == image.elements(),
            Self::View { start, length } => {
                let end = start.checked_add(*length);
                end.is_some_and(|end| end <= read[0])
            }
        }
    }
}

/// Whether a weight of this length is that of `products` matrix products, with a bias for each
/// column, of rows that are `read` elements together.
fn is_product(weight: &[f32], bias: &[f32], length: usize, products: usize, read: usize) -> bool {
    let is_weight = weight.len() == length && are_rows(length, bias.len());
    is_weight && are_rows(bias.len(), products) && are_rows(read, length / bias.len())
}

/// Whether so many elements are whole rows of this width.
fn are_rows(elements: usize, width: usize) -> bool {
    width > 0 && elements.is_multiple_of(width)
}

/// Whether an image has pixels, and they have values.
fn has_pixels(image: Image) -> bool {
    image.height > 0 && image.width > 0 && image.channels > 0
}

/// The positions of attention over so many elements; none if they are not whole rows of all heads.
fn positions(heads: Heads, elements: usize) -> usize {
    match are_rows(elements, heads.width) && are_rows(heads.width, heads.count) {
        true => elements / heads.width,
        false => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operands_that_are_too_short_or_too_long_are_refused() {
        let image = Image {
            height: 2,
            width: 4,
            channels: 3,
        };
        let empty = Image {
            channels: 0,
            ..image
        };
        let large = Image {
            width: 1 << 28,
            ..image
        };
        let heads = Heads { count: 2, width: 6 };
        let linear = |inputs: usize| Kernel::Linear {
            weight: vec![0.0; inputs * 5],
            bias: vec![0.0; 5],
        };
        let blocked = |first, weights| Kernel::BlockedLinear {
            columns: vec![first, 1],
            weight: vec![0.0; weights],
            bias: vec![0.0; 5],
        };
        let stacked = |count, weights| Kernel::StackedLinear {
            count,
            weight: vec![0.0; weights],
            bias: vec![0.0; 4],
        };
        let convolution = |weights, width| Kernel::Convolution {
            blocks: vec![image, Image { width, ..image }],
            weight: vec![0.0; weights],
            bias: vec![0.0; 5],
        };
        let norm = Kernel::LayerNorm {
            gain: vec![0.0; 4],
            bias: vec![0.0; 4],
        };
        let view = |start| Kernel::View { start, length: 3 };
        let cases: [(Kernel, &[usize], bool); 37] = [
            (linear(3), &[6], true),
            (linear(3), &[7], false),
            (blocked(2, 15), &[6], true),
            (blocked(2, 20), &[6], false),
            (blocked(2, 15), &[5], false),
            (blocked(0, 5), &[6], false),
            (stacked(2, 12), &[6], true),
            (stacked(3, 12), &[6], false),
            (stacked(0, 12), &[6], false),
            (stacked(2, 12), &[7], false),
            (Kernel::AttentionScores(heads), &[24, 24], true),
            (Kernel::AttentionScores(heads), &[24, 18], false),
            (Kernel::AttentionMix(heads), &[32, 24], true),
            (Kernel::AttentionMix(heads), &[31, 24], false),
            (Kernel::AttentionMix(heads), &[32, 25], false),
            (Kernel::Softmax { width: 4 }, &[8], true),
            (Kernel::Softmax { width: 4 }, &[9], false),
            (Kernel::AverageRows { width: 0 }, &[8], false),
            (norm.clone(), &[8], true),
            (norm, &[9], false),
            (Kernel::Add, &[8, 8], true),
            (Kernel::Add, &[8, 7], false),
            (convolution(9 * 6 * 5, 4), &[48], true),
            (convolution(9 * 6 * 5, 4), &[24], false),
            (convolution(9 * 3 * 5, 4), &[48], false),
            (convolution(9 * 6 * 5, 5), &[54], false),
            (convolution(9 * 6 * 5, 0), &[24], false),
            (Kernel::MaxPool(image), &[24], true),
            (Kernel::MaxPool(image), &[23], false),
            (Kernel::Upsample(image), &[25], false),
            (Kernel::Upsample(empty), &[0], false),
            (Kernel::Upsample(large), &[large.elements()], false),
            (view(5), &[8], true),
            (view(6), &[8], false),
            (view(usize::MAX), &[8], false),
            (Kernel::Concat, &[MOST_ELEMENTS, 1], false),
            (Kernel::Relu, &[MOST_ELEMENTS + 1], false),
        ];
        for (kernel, read, accepted) in cases {
            assert_eq!(kernel.accepts(read), accepted, "{kernel:?} of {read:?}");
        }
    }
}
