//! A decoder that writes a text token by token, each chosen from those before.
//!
//! What attention needs of earlier tokens is kept in a cache, in one of two ways:
//!
//! - *preallocated*: the cache has room for the whole text from the start. A token heeds as many
//!   places as the next power of two, with a mask for those that are not written yet, so all tokens
//!   of a bucket allocate the same. The key is the bucket.
//! - *grown*: each token gets a cache that is a token longer, and the key is the length. This is
//!   how many programs do it, and what planned memory serves worst.

use candle_core::{Device, Result, Tensor};
use orionrt_engines::{Digest, Key, Workload};

use crate::{
    attention::{Block, HEADS, Projected, WIDTH},
    weights::{self, Weights},
};

const BLOCKS: usize = 4;
const VOCABULARY: usize = 1000;
const LEAST_BUCKET: usize = 64;

/// How earlier tokens are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cache {
    Preallocated,
    Grown,
}

/// The model, its cache, and the text so far.
pub(crate) struct Decoder {
    blocks: Vec<Block>,
    embedding: Tensor,
    positions: Tensor,
    tokens: usize,
    cache: Cache,
    /// Keys and values of each block.
    kept: Vec<Option<(Tensor, Tensor)>>,
    /// The masks of all lengths: a row for each.
    masks: Tensor,
    last: u32,
    result: Option<Tensor>,
}

impl Decoder {
    pub(crate) fn new(tokens: usize, cache: Cache) -> Result<Self> {
        let mut weights = Weights::new(3);
        let blocks = (0..BLOCKS).map(|_| Block::new(&mut weights));
        let room = bucket(tokens);
        let empty = || {
            let shape = (1, HEADS, room, WIDTH / HEADS);
            Tensor::zeros(shape, candle_core::DType::F32, &Device::Cpu)
        };
        let kept = (0..BLOCKS).map(|_| match cache {
            Cache::Preallocated => Ok(Some((empty()?, empty()?))),
            Cache::Grown => Ok(None),
        });
        // Places from `room - length` on are heeded: a mask is a part of one sequence.
        let mask = (0..2 * room).map(|at| if at < room { 0.0 } else { f32::NEG_INFINITY });
        Ok(Self {
            blocks: blocks.collect::<Result<_>>()?,
            embedding: weights.tensor(&[VOCABULARY, WIDTH], 1.0)?,
            positions: weights.tensor(&[room, WIDTH], 1.0)?,
            tokens,
            cache,
            kept: kept.collect::<Result<_>>()?,
            masks: Tensor::from_vec(mask.collect::<Vec<f32>>(), (2 * room,), &Device::Cpu)?,
            last: 0,
            result: None,
        })
    }

    fn forward(&mut self, step: usize) -> Result<Tensor> {
        let length = step + 1;
        let token = self.embedding.narrow(0, self.last as usize, 1)?;
        let mut token = (token + self.positions.narrow(0, step, 1)?)?;
        for index in 0..BLOCKS {
            let projected = self.blocks[index].project(&token)?;
            let (projected, mask) = match self.cache {
                Cache::Preallocated => self.write(index, projected, length)?,
                Cache::Grown => (self.append(index, projected)?, None),
            };
            token = self.blocks[index].forward(&token, &projected, mask.as_ref())?;
        }
        token.matmul(&self.embedding.t()?)
    }

    /// Writes a token's key and value to their places, and returns those of its bucket.
    fn write(
        &self,
        index: usize,
        projected: Projected,
        length: usize,
    ) -> Result<(Projected, Option<Tensor>)> {
        let Some((keys, values)) = &self.kept[index] else {
            unreachable!("made with the decoder");
        };
        keys.slice_set(&projected.key, 2, length - 1)?;
        values.slice_set(&projected.value, 2, length - 1)?;
        let (bucket, room) = (bucket(length), keys.dim(2)?);
        let mask = self.masks.narrow(0, room - length, bucket)?;
        let projected = Projected {
            query: projected.query,
            key: keys.narrow(2, 0, bucket)?,
            value: values.narrow(2, 0, bucket)?,
        };
        Ok((projected, Some(mask)))
    }

    /// Makes keys and values that are a token longer, keeps them, and returns them.
    fn append(&mut self, index: usize, projected: Projected) -> Result<Projected> {
        let Projected { query, key, value } = projected;
        let (key, value) = match self.kept[index].take() {
            Some((keys, values)) => (
                Tensor::cat(&[&keys, &key], 2)?,
                Tensor::cat(&[&values, &value], 2)?,
            ),
            None => (key, value),
        };
        self.kept[index] = Some((key.clone(), value.clone()));
        Ok(Projected { query, key, value })
    }
}

impl Workload for Decoder {
    fn steps(&self) -> usize {
        self.tokens
    }

    fn key(&self, step: usize) -> Key {
        let key = match self.cache {
            Cache::Preallocated => bucket(step + 1),
            Cache::Grown => step + 1,
        };
        Key::Exact(key as u64)
    }

    fn run(&mut self, step: usize) {
        self.result = Some(self.forward(step).expect("the shapes fit"));
    }

    fn digest(&self, digest: &mut Digest) {
        self.result
            .iter()
            .for_each(|result| weights::digest(result, digest));
    }

    fn discard(&mut self) {
        // The next token is the most likely one.
        if let Some(result) = self.result.take() {
            let scores = result.flatten_all().and_then(|flat| flat.to_vec1::<f32>());
            let scores = scores.expect("a tensor of floats");
            let best = (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b]));
            self.last = best.map_or(0, |best| best as u32);
        }
    }

    fn begin(&mut self) {
        self.last = 0;
        if self.cache == Cache::Grown {
            self.kept.fill_with(|| None);
        }
    }
}

/// The places that a token heeds: a power of two.
fn bucket(length: usize) -> usize {
    length.next_power_of_two().max(LEAST_BUCKET)
}
