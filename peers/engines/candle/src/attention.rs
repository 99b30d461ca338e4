//! A block of a transformer: attention over keys and values that the caller keeps, and a
//! feed-forward layer.

use candle_core::{D, Result, Tensor};
use candle_nn::ops::{layer_norm, softmax_last_dim};

use crate::weights::Weights;

/// Numbers that stand for a token.
pub(crate) const WIDTH: usize = 256;
/// Heads of attention.
pub(crate) const HEADS: usize = 4;
const HEAD: usize = WIDTH / HEADS;
const INNER: usize = 4 * WIDTH;
const EPSILON: f32 = 1e-5;

/// The weights of a block.
pub(crate) struct Block {
    query_key_value: Tensor,
    out: Tensor,
    up: Tensor,
    down: Tensor,
    scale: Tensor,
    shift: Tensor,
}

/// Queries, keys and values: `[1, HEADS, tokens, HEAD]` each.
pub(crate) struct Projected {
    pub(crate) query: Tensor,
    pub(crate) key: Tensor,
    pub(crate) value: Tensor,
}

impl Block {
    pub(crate) fn new(weights: &mut Weights) -> Result<Self> {
        Ok(Self {
            query_key_value: weights.matrix(WIDTH, 3 * WIDTH)?,
            out: weights.matrix(WIDTH, WIDTH)?,
            up: weights.matrix(WIDTH, INNER)?,
            down: weights.matrix(INNER, WIDTH)?,
            scale: (weights.tensor(&[WIDTH], 0.1)? + 1.0)?,
            shift: weights.tensor(&[WIDTH], 0.1)?,
        })
    }

    /// What attention needs of tokens, `[tokens, WIDTH]`.
    pub(crate) fn project(&self, tokens: &Tensor) -> Result<Projected> {
        let all = self.normed(tokens)?.matmul(&self.query_key_value)?;
        let part = |index: usize| {
            all.narrow(D::Minus1, index * WIDTH, WIDTH)?
                .reshape(((), HEADS, HEAD))?
                .transpose(0, 1)?
                .unsqueeze(0)?
                .contiguous()
        };
        Ok(Projected {
            query: part(0)?,
            key: part(1)?,
            value: part(2)?,
        })
    }

    /// The tokens after the block. `mask` is added to how much a token heeds another one.
    pub(crate) fn forward(
        &self,
        tokens: &Tensor,
        projected: &Projected,
        mask: Option<&Tensor>,
    ) -> Result<Tensor> {
        let Projected { query, key, value } = projected;
        let scores = (query.matmul(&key.t()?.contiguous()?)? * (HEAD as f64).powf(-0.5))?;
        let scores = match mask {
            Some(mask) => scores.broadcast_add(mask)?,
            None => scores,
        };
        let mixed = softmax_last_dim(&scores)?.matmul(&value.contiguous()?)?;
        let mixed = mixed.squeeze(0)?.transpose(0, 1)?.flatten_from(1)?;
        let tokens = (tokens + mixed.matmul(&self.out)?)?;
        let inner = self.normed(&tokens)?.matmul(&self.up)?.gelu()?;
        tokens + inner.matmul(&self.down)?
    }

    fn normed(&self, tokens: &Tensor) -> Result<Tensor> {
        layer_norm(tokens, &self.scale, &self.shift, EPSILON)
    }
}
