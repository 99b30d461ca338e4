//! Decoding token by token with planned memory: a transformer that knows nothing of OrionRT, whose
//! cache of keys and values is allocated in advance: `cargo run --release --example decoding`.
//!
//! What a step allocates depends on the capacity of the cache, its bucket, and not on the number
//! of tokens in it. So the bucket is the key: each is recorded once, and all other tokens are
//! replayed. A cache that is full moves to the next bucket between two steps.

use std::{
    alloc::System,
    time::{Duration, Instant},
};

use orionrt::{Planner, ReplayAlloc, ReplayError};

#[global_allocator]
static ALLOC: ReplayAlloc<System> = ReplayAlloc::new(System);

const WIDTH: usize = 256;
const HEADS: usize = 4;
const HEAD: usize = WIDTH / HEADS;
const LAYERS: usize = 2;
const VOCABULARY: usize = 512;
const FIRST_BUCKET: usize = 64;
const TOKENS: usize = 300;

/// A matrix, row by row.
struct Matrix {
    columns: usize,
    weights: Vec<f32>,
}

impl Matrix {
    /// Weights that look random.
    fn new(rows: usize, columns: usize, seed: u64) -> Self {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        };
        let scale = (3.0 / columns as f32).sqrt();
        let weights = (0..rows * columns).map(|_| scale * next()).collect();
        Self { columns, weights }
    }

    fn times(&self, x: &[f32]) -> Vec<f32> {
        let rows = self.weights.chunks_exact(self.columns);
        rows.map(|row| dot(row, x)).collect()
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn sum(a: &[f32], b: &[f32]) -> Vec<f32> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

fn normalised(x: &[f32]) -> Vec<f32> {
    let scale = 1.0 / (dot(x, x) / x.len() as f32 + 1e-6).sqrt();
    x.iter().map(|x| x * scale).collect()
}

/// The weights of each row of scores.
fn softmax(scores: &[f32], columns: usize) -> Vec<f32> {
    let mut weights = Vec::with_capacity(scores.len());
    for row in scores.chunks_exact(columns) {
        let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let total: f32 = row.iter().map(|score| (score - most).exp()).sum();
        weights.extend(row.iter().map(|score| (score - most).exp() / total));
    }
    weights
}

/// The keys and values of all tokens so far, with room for as many as the bucket has.
struct Cache {
    bucket: usize,
    len: usize,
    /// For each layer.
    keys: Vec<Vec<f32>>,
    values: Vec<Vec<f32>>,
}

impl Cache {
    fn new(bucket: usize) -> Self {
        let empty = || vec![vec![0.0; bucket * WIDTH]; LAYERS];
        Self {
            bucket,
            len: 0,
            keys: empty(),
            values: empty(),
        }
    }

    /// Moves to a bucket of twice the size. To be called between two steps.
    fn grow(&mut self) {
        self.bucket *= 2;
        let each = self.keys.iter_mut().chain(&mut self.values);
        each.for_each(|rows| rows.resize(self.bucket * WIDTH, 0.0));
    }

    fn write(&mut self, layer: usize, key: &[f32], value: &[f32]) {
        let row = self.len * WIDTH..(self.len + 1) * WIDTH;
        self.keys[layer][row.clone()].copy_from_slice(key);
        self.values[layer][row].copy_from_slice(value);
    }
}

struct Layer {
    query: Matrix,
    key: Matrix,
    value: Matrix,
    output: Matrix,
    up: Matrix,
    down: Matrix,
}

impl Layer {
    fn new(seed: u64) -> Self {
        let square = |i| Matrix::new(WIDTH, WIDTH, seed + i);
        Self {
            query: square(1),
            key: square(2),
            value: square(3),
            output: square(4),
            up: Matrix::new(2 * WIDTH, WIDTH, seed + 5),
            down: Matrix::new(WIDTH, 2 * WIDTH, seed + 6),
        }
    }

    /// Attention over the whole bucket: rows without a token are masked.
    fn attend(&self, number: usize, cache: &mut Cache, x: &[f32]) -> Vec<f32> {
        let (query, key, value) = (self.query.times(x), self.key.times(x), self.value.times(x));
        cache.write(number, &key, &value);
        let mut scores = Vec::with_capacity(HEADS * cache.bucket);
        for head in (0..WIDTH).step_by(HEAD) {
            let part = head..head + HEAD;
            let rows = cache.keys[number].chunks_exact(WIDTH).enumerate();
            scores.extend(rows.map(|(token, row)| match token <= cache.len {
                true => dot(&row[part.clone()], &query[part.clone()]) / (HEAD as f32).sqrt(),
                false => f32::NEG_INFINITY,
            }));
        }
        let weights = softmax(&scores, cache.bucket);
        let mut mixed = vec![0.0; WIDTH];
        for (head, weights) in weights.chunks_exact(cache.bucket).enumerate() {
            let part = head * HEAD..(head + 1) * HEAD;
            let rows = cache.values[number].chunks_exact(WIDTH);
            for (weight, row) in weights.iter().zip(rows) {
                let values = row[part.clone()].iter();
                let mixed = mixed[part.clone()].iter_mut().zip(values);
                mixed.for_each(|(mixed, value)| *mixed += weight * value);
            }
        }
        self.output.times(&mixed)
    }

    fn run(&self, number: usize, cache: &mut Cache, x: &[f32]) -> Vec<f32> {
        let x = sum(x, &self.attend(number, cache, &normalised(x)));
        let hidden = self.up.times(&normalised(&x));
        let hidden: Vec<f32> = hidden.iter().map(|x| x.max(0.0)).collect();
        sum(&x, &self.down.times(&hidden))
    }
}

struct Model {
    embedding: Matrix,
    layers: Vec<Layer>,
}

impl Model {
    fn new() -> Self {
        Self {
            embedding: Matrix::new(VOCABULARY, WIDTH, 7),
            layers: (1..=LAYERS as u64).map(|i| Layer::new(100 * i)).collect(),
        }
    }

    /// One step: the token that follows. It is the same whatever the bucket.
    fn step(&self, cache: &mut Cache, token: usize) -> usize {
        let mut x = self.embedding.weights[token * WIDTH..(token + 1) * WIDTH].to_vec();
        for (number, layer) in self.layers.iter().enumerate() {
            x = layer.run(number, cache, &x);
        }
        cache.len += 1;
        let scores = self.embedding.times(&normalised(&x));
        let best = (1..VOCABULARY).max_by(|&a, &b| scores[a].total_cmp(&scores[b]));
        best.unwrap_or(0)
    }
}

/// Decodes; `run` runs each step, whose bucket it is told. Returns the tokens and the time.
fn decode(
    model: &Model,
    mut run: impl FnMut(usize, &mut dyn FnMut() -> usize) -> Result<usize, ReplayError>,
) -> Result<(Vec<usize>, Duration), ReplayError> {
    let start = Instant::now();
    let (mut cache, mut token) = (Cache::new(FIRST_BUCKET), 1);
    let mut tokens = Vec::with_capacity(TOKENS);
    for _ in 0..TOKENS {
        if cache.len == cache.bucket {
            cache.grow();
        }
        let bucket = cache.bucket;
        token = run(bucket, &mut || model.step(&mut cache, token))?;
        tokens.push(token);
    }
    Ok((tokens, start.elapsed()))
}

fn main() -> Result<(), ReplayError> {
    let model = Model::new();
    let (expected, plain) = decode(&model, |_, step| Ok(step()))?;

    let mut session = ALLOC.session(Planner::new());
    let (tokens, replayed) = decode(&model, |bucket, step| session.run(bucket, step))?;
    assert_eq!(tokens, expected);

    let report = session.report();
    println!("{TOKENS} tokens: {plain:.2?} plainly, {replayed:.2?} replayed, with equal tokens\n");
    println!("{report}");
    // 64, 128, 256 and 512 tokens: each bucket was recorded once, and then served in full.
    let recorded: Vec<u64> = report.keys.iter().map(|key| key.recorded).collect();
    assert_eq!(recorded, [1; 4]);
    for key in &report.keys {
        assert_eq!((key.hit_rate(), key.advice.len()), (1.0, 0), "{key}");
        assert!(key.served_share() > 0.99, "{key}");
    }
    Ok(())
}
