//! Which tensors of several models may share bytes, by definition: every two tensors are compared
//! in all of their runs.
//!
//! Shares no code with the library's analyzer, and computes with wider integers.

use std::collections::BTreeMap;

use orionrt_plan::{
    TensorId,
    multi_model::{ModelId, ModelTensor},
};
use proptest::prelude::*;

use crate::model_sets::runs;

/// A model and when it runs.
#[derive(Clone, Debug)]
pub struct ModelCase {
    /// Its tensors: rows `(lower, upper, size)`.
    pub rows: Vec<(i64, i64, u64)>,
    /// The steps at which its runs start.
    pub starts: Vec<i64>,
}

/// A tensor on the common clock.
pub struct Tensor {
    /// Its model, and its index there.
    pub owner: ModelTensor,
    /// In bytes.
    pub size: u64,
    /// The steps at which it is alive, run by run, without empty ranges.
    lives: Vec<(i128, i128)>,
}

/// All tensors of the models, in their order.
pub fn tensors(models: &[ModelCase]) -> Vec<Tensor> {
    let mut all = Vec::new();
    for (m, model) in models.iter().enumerate() {
        for (t, &(lower, upper, size)) in model.rows.iter().enumerate() {
            let starts = model.starts.iter().map(|&start| i128::from(start));
            let lives = starts.map(|start| (start + i128::from(lower), start + i128::from(upper)));
            let owner = ModelTensor {
                model: ModelId::new(m as u32),
                tensor: TensorId::new(t as u32),
            };
            all.push(Tensor {
                owner,
                size,
                lives: lives.filter(|(lower, upper)| lower < upper).collect(),
            });
        }
    }
    all
}

/// Whether two tensors of different models have bytes, but never at the same step.
pub fn may_share(a: &Tensor, b: &Tensor) -> bool {
    let alive = |x: &Tensor| x.size > 0 && !x.lives.is_empty();
    let apart = |x: &(i128, i128)| b.lives.iter().all(|y| x.1 <= y.0 || y.1 <= x.0);
    a.owner.model != b.owner.model && alive(a) && alive(b) && a.lives.iter().all(apart)
}

/// All pairs of tensors that may share bytes, with the bytes that they may share.
pub fn sharing_pairs(models: &[ModelCase]) -> BTreeMap<[ModelTensor; 2], u64> {
    let all = tensors(models);
    let mut pairs = BTreeMap::new();
    for (i, b) in all.iter().enumerate() {
        for a in all[..i].iter().filter(|a| may_share(a, b)) {
            pairs.insert([a.owner, b.owner], a.size.min(b.size));
        }
    }
    pairs
}

/// At most `models` models with at most `rows` tensors each, which run at most `runs` + 1 times; in
/// few steps, so that many tensors are live together.
pub fn models_in_runs(
    models: usize,
    rows: usize,
    runs: usize,
) -> impl Strategy<Value = Vec<ModelCase>> {
    let length = prop_oneof![1 => Just(0i64), 12 => 1..6i64, 2 => 1..40i64];
    let size = prop_oneof![1 => Just(0u64), 6 => 1..9u64, 3 => 1..200u64, 1 => Just(1u64 << 40)];
    let row = (-5..40i64, length, size);
    let row = row.prop_map(|(lower, length, size)| (lower, lower + length, size));
    let rows = proptest::collection::vec(row, 0..=rows);
    let gaps = proptest::collection::vec(prop_oneof![0..6i64, 0..80i64], 0..=runs);
    let model =
        (rows, -60..60i64, gaps).prop_map(|(rows, first, gaps)| scheduled(rows, first, gaps));
    proptest::collection::vec(model, 0..=models)
}

fn scheduled(rows: Vec<(i64, i64, u64)>, first: i64, gaps: Vec<i64>) -> ModelCase {
    let occupying = rows.iter().filter(|row| row.2 > 0);
    let longest = occupying.map(|row| row.1 - row.0).max().unwrap_or(0);
    let starts = runs(first, gaps, longest);
    ModelCase { rows, starts }
}
