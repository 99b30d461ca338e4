//! An encoder: four blocks over 128 tokens, each of which heeds all others.

use candle_core::{Result, Tensor};
use orionrt_engines::{Digest, Workload};

use crate::{
    attention::{Block, WIDTH},
    weights::{self, Weights},
};

const BLOCKS: usize = 4;
const TOKENS: usize = 128;

/// The model, its input and its last result.
pub(crate) struct Encoder {
    blocks: Vec<Block>,
    tokens: Tensor,
    result: Option<Tensor>,
}

impl Encoder {
    pub(crate) fn new() -> Result<Self> {
        let mut weights = Weights::new(1);
        let blocks = (0..BLOCKS).map(|_| Block::new(&mut weights));
        Ok(Self {
            blocks: blocks.collect::<Result<_>>()?,
            tokens: weights.tensor(&[TOKENS, WIDTH], 1.0)?,
            result: None,
        })
    }

    fn forward(&self) -> Result<Tensor> {
        let mut tokens = self.tokens.clone();
        for block in &self.blocks {
            tokens = block.forward(&tokens, &block.project(&tokens)?, None)?;
        }
        tokens.mean(0)
    }
}

impl Workload for Encoder {
    fn run(&mut self, _step: usize) {
        self.result = Some(self.forward().expect("the shapes fit"));
    }

    fn digest(&self, digest: &mut Digest) {
        self.result
            .iter()
            .for_each(|result| weights::digest(result, digest));
    }

    fn discard(&mut self) {
        self.result = None;
    }
}
