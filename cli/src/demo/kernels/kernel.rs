//! All kernels as one type, with their weights.
//!
//! Stands on the arithmetic in `matrix`, `rowwise`, `images` and `convolution`. Knows how many
//! tensors a kernel reads, and which operands the result may overwrite or be a view of; the network
//! declares that to the planner. Kernels panic if the lengths do not fit, which the network's
//! builder rules out.
//!
//! Invariant: [`run_in_place`](Kernel::run_in_place) computes the same bits as
//! [`run`](Kernel::run), since both forms of a kernel share their arithmetic.

#![forbid(unsafe_code)]

use super::{
    convolution::convolution,
    images::{self, Image},
    matrix::{self, Heads},
    rowwise,
};

/// The most tensors that a kernel reads.
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
    /// [`matrix::blocked_linear`].
    BlockedLinear {
        /// The columns of each block.
        columns: Vec<usize>,
        /// For each block `[columns, out]`.
        weight: Vec<f32>,
        /// `[out]`.
        bias: Vec<f32>,
    },
    /// [`matrix::stacked_linear`].
    StackedLinear {
        /// The number of products.
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
    /// [`convolution`] of images whose channels lie in blocks.
    Convolution {
        /// The shape of each block.
        blocks: Vec<Image>,
        /// For each block `[9, channels, out]`.
        weight: Vec<f32>,
        /// `[out]`.
        bias: Vec<f32>,
    },
    /// [`images::max_pool`] of this image.
    MaxPool(Image),
    /// [`images::upsample`] of this image.
    Upsample(Image),
    /// Both operands, one after the other: what lies within the result already is not copied.
    Concat,
    /// [`matrix::average_rows`].
    AverageRows {
        /// The length of a row.
        width: usize,
    },
    /// A part of the operand, or all of it in another shape: a copy, unless the result lies within
    /// the operand.
    View {
        /// The first element.
        start: usize,
        /// The number of elements.
        length: usize,
    },
}

impl Kernel {
    /// The number of tensors it reads.
    pub fn arity(&self) -> usize {
        match self {
            Self::AttentionScores(_) | Self::AttentionMix(_) | Self::Add | Self::Concat => 2,
            _ => 1,
        }
    }

    /// Its weights that are large, without the bias.
    pub fn weight(&self) -> Option<&[f32]> {
        match self {
            Self::Linear { weight, .. }
            | Self::BlockedLinear { weight, .. }
            | Self::StackedLinear { weight, .. }
            | Self::Convolution { weight, .. } => Some(weight),
            _ => None,
        }
    }

    /// The operands that [`run_in_place`](Self::run_in_place) can overwrite, the preferred one
    /// first.
    pub fn overwrites(&self) -> &'static [usize] {
        match self {
            Self::Softmax { .. } | Self::LayerNorm { .. } => &[0],
            Self::Gelu | Self::Relu | Self::Sigmoid => &[0],
            Self::Add => &[0, 1],
            _ => &[],
        }
    }

    /// The element of the operand at which the result begins, if it is a view.
    pub fn view_start(&self) -> Option<usize> {
        match self {
            Self::View { start, .. } => Some(*start),
            _ => None,
        }
    }

    /// Whether the result has the elements of all operands as they are, one after the other.
    pub fn is_concatenation(&self) -> bool {
        matches!(self, Self::Concat)
    }

    /// Computes `output` from `inputs`. After those of a kernel with a [`weight`](Self::weight) may
    /// come another one, to be used in its place.
    ///
    /// # Panics
    /// When the inputs are not those of a node with this kernel.
    pub fn run(&self, inputs: &[&[f32]], output: &mut [f32]) {
        match (self, inputs) {
            (Self::Linear { weight, bias }, [x]) => matrix::linear(x, weight, bias, output),
            (Self::Linear { bias, .. }, [x, weight]) => matrix::linear(x, weight, bias, output),
            (Self::BlockedLinear { columns, bias, .. }, [x, weight]) => {
                matrix::blocked_linear(x, columns, weight, bias, output)
            }
            (Self::StackedLinear { count, bias, .. }, [x, weight]) => {
                matrix::stacked_linear(x, *count, weight, bias, output)
            }
            (
                Self::BlockedLinear {
                    columns,
                    weight,
                    bias,
                },
                [x],
            ) => matrix::blocked_linear(x, columns, weight, bias, output),
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
            (
                Self::Convolution {
                    blocks,
                    weight,
                    bias,
                },
                [x],
            ) => convolution(x, blocks, weight, bias, output),
            (Self::Convolution { blocks, bias, .. }, [x, weight]) => {
                convolution(x, blocks, weight, bias, output)
            }
            (Self::MaxPool(image), [x]) => images::max_pool(x, *image, output),
            (Self::Upsample(image), [x]) => images::upsample(x, *image, output),
            (Self::Concat, [a, b]) => {
                let (first, second) = output.split_at_mut(a.len());
                first.copy_from_slice(a);
                second.copy_from_slice(b);
            }
            (Self::AverageRows { .. }, [x]) => matrix::average_rows(x, output),
            (Self::View { start, length }, [x]) => output.copy_from_slice(&x[*start..][..*length]),
            (_, inputs) => self.wrong_inputs(inputs.len()),
        }
    }

    /// Computes the result over `x`, one of the operands that [`overwrites`](Self::overwrites)
    /// lists; `others` are the remaining operands.
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
            // Addition is commutative, also bit by bit.
            (Self::Add, [other]) => rowwise::add_in_place(x, other),
            (_, others) => self.wrong_inputs(others.len() + 1),
        }
    }

    fn wrong_inputs(&self, given: usize) -> ! {
        let expected = self.arity();
        panic!("a kernel of {expected} inputs was given {given}, or cannot overwrite any of them")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Rng, uniform};

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
                let mut rng = Rng::with_seed(seed);
                let operands = (0..kernel.arity()).map(|_| uniform(&mut rng, 48, 9.0));
                let operands: Vec<Vec<f32>> = operands.collect();
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
    fn running_a_view_copies_its_part() {
        let view = Kernel::View {
            start: 2,
            length: 3,
        };
        let mut y = [f32::NAN; 3];
        view.run(&[&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]], &mut y);
        assert_eq!((y, view.written(&[6])), ([2.0, 3.0, 4.0], 3));
    }

    #[test]
    fn a_concatenation_has_its_operands_one_after_the_other() {
        let mut y = [f32::NAN; 3];
        Kernel::Concat.run(&[&[1.0, 2.0], &[3.0]], &mut y);
        assert_eq!((y, Kernel::Concat.written(&[2, 1])), ([1.0, 2.0, 3.0], 3));
        let is_one = |kernel: &Kernel| kernel.is_concatenation();
        assert!(is_one(&Kernel::Concat) && !kernels().iter().any(is_one));
    }

    #[test]
    #[should_panic(expected = "cannot overwrite")]
    fn a_pool_cannot_overwrite_its_operand() {
        let image = Image {
            height: 2,
            width: 2,
            channels: 1,
        };
        Kernel::MaxPool(image).run_in_place(&mut [0.0; 4], &[]);
    }
}
