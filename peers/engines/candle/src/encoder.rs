//! An encoder: four blocks over 128 tokens, each of which heeds all others.

use candle_core::{Result, Tensor};
use orionrt_engines::{Digest, Forward};

use crate::{
    attention::{Block, WIDTH},
    weights::{self, Weights},
};

const BLOCKS: usize = 4;
const TOKENS: usize = 128;

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

    fn compute(&self) -> Result<Tensor> {
        let mut tokens = self.tokens.clone();
        for block in &self.blocks {
            tokens = block.forward(&tokens, &block.project(&tokens)?, None)?;
        }
        tokens.mean(0)
    }
}

impl Forward for Encoder {
    type Output = Tensor;

    fn forward(&self) -> Tensor {
        self.compute().expect("the shapes fit")
    }

    fn digest(output: &Tensor, digest: &mut Digest) {
        weights::digest(output, digest);
    }
}
