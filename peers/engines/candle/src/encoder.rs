//! An encoder: four blocks over 128 tokens, each of which heeds all others.

use candle_core::{Result, Tensor};
use orionrt_engines::{Digest, Forward};

use crate::{
    attention::{Block, WIDTH},
    weights::{self, Weights},
};

const BLOCKS: usize = 4;
pub(crate) const TOKENS: usize = 128;

/// The model and its input.
pub(crate) struct Encoder {
    blocks: Vec<Block>,
    tokens: Tensor,
}

impl Encoder {
    pub(crate) fn new() -> Result<Self> {
        let mut weights = Weights::new(1);
        let blocks = (0..BLOCKS).map(|_| Block::new(&mut weights));
        Ok(Self {
            blocks: blocks.collect::<Result<_>>()?,
            tokens: weights.tensor(&[TOKENS, WIDTH], 1.0)?,
        })
    }

    /// Encodes the first tokens of the input.
    pub(crate) fn encode(&self, length: usize) -> Result<Tensor> {
        let mut tokens = self.tokens.narrow(0, 0, length)?;
        for block in &self.blocks {
            tokens = block.forward(&tokens, &block.project(&tokens)?, None)?;
        }
        tokens.mean(0)
    }
}

impl Forward for Encoder {
    type Output = Tensor;

    fn forward(&self) -> Tensor {
        self.encode(TOKENS).expect("the shapes fit")
    }

    fn digest(output: &Tensor, digest: &mut Digest) {
        weights::digest(output, digest);
    }
}
