//! What a node of a network can compute: a [`Kernel`] with its weights, over slices of `f32`.
//!
//! Stands on the arithmetic beside it: `matrix`, `rowwise`, `images`. It says how many tensors a kernel reads, how long its result is, and which
//! of its operands that result may overwrite or be a view of; the network tells the planner so.
//!
//! Invariant: a kernel writes every element of its output and nothing else, and the result depends on the values it reads alone, never on where
//! they live. [`run_in_place`](Kernel::run_in_place) computes the same bits as [`run`](Kernel::run): each pair shares its arithmetic. So a network
//! computes the same bits whether its tensors live on the heap or in planned slots, and whether they share bytes or not.
//!
//! All matrices are row-major; `[rows, columns]` says how a slice is read. Kernels panic when the lengths do not fit: the network's
//! builder has derived them.

#![forbid(unsafe_code)]

pub mod images;
pub mod matrix;
pub mod rowwise;

use images::Image;
use matrix::Heads;

/// No kernel reads more tensors than this.
pub const MAX_READS: usize = 2;

/// What one node computes, with its weights.
#[derive(Clone, Debug)]
pub enum Kernel {
    /// [`matrix::linear`].
    Linear {
        /// `[in, out]`.
        weight: Vec<f32>,
        /// `[out]`.
        bias: Vec<f32>,
    },
    /// [`matrix::stacked_linear`].
    StackedLinear {
        /// How many products.
        count: usize,
        /// `[count, in, out]`.
        weight: Vec<f32>,
        /// `[count, out]`.
        bias: Vec<f32>,
    },
    /// [`matrix::attention_scores`] of queries and keys.
    AttentionScores(Heads),
    /// [`matrix::attention_mix`] of probabilities and values.
    AttentionMix(Heads),
    /// [`rowwise::softmax`].
    Softmax {
        /// The length of a row.
        width: usize,
    },
    /// [`rowwise::layer_norm`].
    LayerNorm {
        /// `[width]`.
        gain: Vec<f32>,
        /// `[width]`.
        bias: Vec<f32>,
    },
    /// [`rowwise::gelu`].
    Gelu,
    /// [`rowwise::relu`].
    Relu,
    /// [`rowwise::sigmoid`].
    Sigmoid,
    /// [`rowwise::add`].
    Add,
    /// [`images::im2col`] of this image.
    Im2col(Image),
    /// [`images::depthwise`] of this image.
    Depthwise {
        /// What it reads, and the shape of what it writes.
        image: Image,
        /// `[9, channels]`.
        weight: Vec<f32>,
        /// `[channels]`.
        bias: Vec<f32>,
    },
    /// [`images::max_pool`] of this image.
    MaxPool(Image),
    /// [`images::upsample`] of this image.
    Upsample(Image),
    /// [`images::concat`].
    Concat {
        /// The channels of both operands.
        channels: [usize; 2],
    },
    /// [`matrix::average_rows`].
    AverageRows {
        /// The length of a row.
        width: usize,
    },
    /// A part of what it reads, or all of it in another shape: nothing to compute where the result lies within the operand, otherwise a copy.
    View {
        /// The first element.
        start: usize,
        /// How many elements.
        length: usize,
    },
}

impl Kernel {
    /// How many tensors it reads.
    pub fn arity(&self) -> usize {
        match self {
            Self::AttentionScores(_) | Self::AttentionMix(_) | Self::Add | Self::Concat { .. } => 2,
            _ => 1,
        }
    }

    /// The operands that the result may overwrite, the preferred first: those of [`run_in_place`](Self::run_in_place).
    pub fn overwrites(&self) -> &'static [usize] {
        match self {
            Self::Softmax { .. } | Self::LayerNorm { .. } => &[0],
            Self::Gelu | Self::Relu | Self::Sigmoid => &[0],
            Self::Add => &[0, 1],
            _ => &[],
        }
    }

    /// Where in its operand the result begins, in elements, if it is a view.
    pub fn view_start(&self) -> Option<usize> {
        match self {
            Self::View { start, .. } => Some(*start),
            _ => None,
        }
    }

    /// How many elements it writes when the tensors it reads have `read` elements.
    pub fn written(&self, read: &[usize]) -> usize {
        match self {
            Self::Linear { weight, bias } => read[0] * bias.len() / (weight.len() / bias.len()),
            Self::StackedLinear {
                count,
                weight,
                bias,
            } => read[0] * count * bias.len() / (weight.len() / (bias.len() / count)),
            Self::AttentionScores(heads) => heads.count * (read[0] / heads.width).pow(2),
            Self::AttentionMix(_) => read[1],
            Self::Im2col(image) => image.elements() * images::WINDOW_PIXELS,
            Self::MaxPool(image) => image.elements() / 4,
            Self::Upsample(image) => image.elements() * 4,
            Self::Concat { .. } => read[0] + read[1],
            Self::AverageRows { width } => *width,
            Self::View { length, .. } => *length,
            _ => read[0],
        }
    }

    /// Computes `output` from `inputs`, as many as the network says.
    ///
    /// # Panics
    /// When the inputs are not those of a node with this kernel.
    pub fn run(&self, inputs: &[&[f32]], output: &mut [f32]) {
        match (self, inputs) {
            (Self::Linear { weight, bias }, [x]) => matrix::linear(x, weight, bias, output),
            (
                Self::StackedLinear {
                    count,
                    weight,
                    bias,
                },
                [x],
            ) => matrix::stacked_linear(x, *count, weight, bias, output),
            (Self::AttentionScores(heads), [q, k]) => {
                matrix::attention_scores(q, k, *heads, output)
            }
            (Self::AttentionMix(heads), [p, v]) => matrix::attention_mix(p, v, *heads, output),
            (Self::Softmax { width }, [x]) => rowwise::softmax(x, *width, output),
            (Self::LayerNorm { gain, bias }, [x]) => rowwise::layer_norm(x, gain, bias, output),
            (Self::Gelu, [x]) => rowwise::gelu(x, output),
            (Self::Relu, [x]) => rowwise::relu(x, output),
            (Self::Sigmoid, [x]) => rowwise::sigmoid(x, output),
            (Self::Add, [a, b]) => rowwise::add(a, b, output),
            (Self::Im2col(image), [x]) => images::im2col(x, *image, output),
            (
                Self::Depthwise {
                    image,
                    weight,
                    bias,
                },
                [x],
            ) => images::depthwise(x, *image, weight, bias, output),
            (Self::MaxPool(image), [x]) => images::max_pool(x, *image, output),
            (Self::Upsample(image), [x]) => images::upsample(x, *image, output),
            (Self::Concat { channels }, [a, b]) => images::concat(a, b, *channels, output),
            (Self::AverageRows { .. }, [x]) => matrix::average_rows(x, output),
            (Self::View { start, length }, [x]) => output.copy_from_slice(&x[*start..][..*length]),
            (_, inputs) => self.wrong_inputs(inputs.len()),
        }
    }

    /// Computes the result over one of its operands, `x`, of those that [`overwrites`](Self::overwrites) lists; `others` are the
    /// remaining ones.
    ///
    /// # Panics
    /// When the kernel overwrites no operand, or `others` are not those of a node with this kernel.
    pub fn run_in_place(&self, x: &mut [f32], others: &[&[f32]]) {
        match (self, others) {
            (Self::Softmax { width }, []) => rowwise::softmax_in_place(x, *width),
            (Self::LayerNorm { gain, bias }, []) => rowwise::layer_norm_in_place(x, gain, bias),
            (Self::Gelu, []) => rowwise::gelu_in_place(x),
            (Self::Relu, []) => rowwise::relu_in_place(x),
            (Self::Sigmoid, []) => rowwise::sigmoid_in_place(x),
            // Which of the operands `x` is makes no difference to a sum.
            (Self::Add, [other]) => rowwise::add_in_place(x, other),
            (_, others) => self.wrong_inputs(others.len() + 1),
        }
    }

    fn wrong_inputs(&self, given: usize) -> ! {
        let expected = self.arity();
        panic!("a kernel of {expected} inputs was given {given}, or cannot overwrite any")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kernels() -> Vec<Kernel> {
        vec![
            Kernel::Softmax { width: 8 },
            Kernel::LayerNorm {
                gain: (0..8).map(|i| 1.0 + i as f32 / 7.0).collect(),
                bias: (0..8).map(|i| i as f32 / 3.0).collect(),
            },
            Kernel::Gelu,
            Kernel::Relu,
            Kernel::Sigmoid,
            Kernel::Add,
        ]
    }

    #[test]
    fn in_place_computes_the_same_bits_over_either_operand() {
        let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        for kernel in kernels() {
            for seed in 0..20 {
                let mut draw = crate::draw::Draw(seed);
                let operands: Vec<Vec<f32>> =
                    (0..kernel.arity()).map(|_| draw.values(48, 9.0)).collect();
                let inputs: Vec<&[f32]> = operands.iter().map(Vec::as_slice).collect();
                let mut expected = vec![f32::NAN; 48];
                kernel.run(&inputs, &mut expected);
                for &operand in kernel.overwrites() {
                    let mut others = inputs.clone();
                    let mut x = others.remove(operand).to_vec();
                    kernel.run_in_place(&mut x, &others);
                    assert_eq!(bits(&x), bits(&expected), "{kernel:?} over {operand}");
                }
            }
            assert_eq!(kernel.overwrites().len(), kernel.arity(), "{kernel:?}");
        }
    }

    #[test]
    fn a_view_that_has_bytes_of_its_own_is_a_copy() {
        let view = Kernel::View {
            start: 2,
            length: 3,
        };
        let mut y = [f32::NAN; 3];
        view.run(&[&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]], &mut y);
        assert_eq!((y, view.written(&[6])), ([2.0, 3.0, 4.0], 3));
    }

    #[test]
    #[should_panic(expected = "cannot overwrite")]
    fn a_pool_cannot_overwrite_what_it_reads() {
        let image = Image {
            height: 2,
            width: 2,
            channels: 1,
        };
        Kernel::MaxPool(image).run_in_place(&mut [0.0; 4], &[]);
    }
}
