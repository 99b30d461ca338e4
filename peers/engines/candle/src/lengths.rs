//! The encoder with inputs of all lengths in random order: one key stands for all of them.
//!
//! Invariant: a pass begins with the longest input, as an engine is warmed up, and its lengths are
//! those of any other pass.

use candle_core::{Result, Tensor};
use orionrt_engines::{Digest, Key, Random, Workload};

use crate::{
    encoder::{Encoder, TOKENS},
    weights,
};

/// Inputs of a pass.
const INPUTS: usize = 16;

/// The model, and the length of each input.
pub(crate) struct Lengths {
    encoder: Encoder,
    lengths: Vec<usize>,
    output: Option<Tensor>,
}

impl Lengths {
    pub(crate) fn new() -> Result<Self> {
        let mut random = Random::new(3);
        let mut lengths = vec![TOKENS];
        lengths.resize_with(INPUTS, || 1 + random.below(TOKENS as u64) as usize);
        Ok(Self {
            encoder: Encoder::new()?,
            lengths,
            output: None,
        })
    }
}

impl Workload for Lengths {
    fn steps(&self) -> usize {
        self.lengths.len()
    }

    fn key(&self, _step: usize) -> Key {
        Key::AtMost(0)
    }

    fn run(&mut self, step: usize) {
        let output = self.encoder.encode(self.lengths[step]);
        self.output = Some(output.expect("the shapes fit"));
    }

    fn digest(&self, digest: &mut Digest) {
        let outputs = self.output.iter();
        outputs.for_each(|output| weights::digest(output, digest));
    }

    fn discard(&mut self) {
        self.output = None;
    }
}
