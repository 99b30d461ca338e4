//! An engine that knows nothing of OrionRT, with new vectors in every layer, under `ReplayAlloc`:
//! `cargo run --release --example replay`.

use std::{
    alloc::System,
    time::{Duration, Instant},
};

use orionrt::{Planner, ReplayAlloc, ReplayError};

#[global_allocator]
static ALLOC: ReplayAlloc<System> = ReplayAlloc::new(System);

/// A layer of an image network: a 2 × 2 filter, a residual sum and a leaky rectifier.
fn layer(input: &[f32], width: usize, weight: f32) -> Vec<f32> {
    let smooth: Vec<f32> = input
        .windows(width + 2)
        .map(|w| weight * (w[0] + w[1] + w[width] + w[width + 1]))
        .collect();
    let joined: Vec<f32> = smooth.iter().zip(input).map(|(s, x)| s + x).collect();
    joined.iter().map(|x| x.max(0.01 * x)).collect()
}

/// The engine: five layers in a row, and the sum of the last one.
fn infer(images: &[Vec<f32>], width: usize) -> Vec<f32> {
    let score = |image: &Vec<f32>| {
        let mut x = image.clone();
        for weight in [0.2, 0.25, 0.3, 0.25, 0.2] {
            x = layer(&x, width, weight);
        }
        x.iter().sum()
    };
    images.iter().map(score).collect()
}

/// The time of the shortest of 31 runs, and the output of the last one.
fn shortest<R>(mut run: impl FnMut() -> R) -> (Duration, R) {
    let mut timed = || {
        let start = Instant::now();
        let output = run();
        (start.elapsed(), output)
    };
    let mut best = timed();
    for _ in 0..30 {
        let (time, output) = timed();
        best = (best.0.min(time), output);
    }
    best
}

fn main() -> Result<(), ReplayError> {
    let width = 512;
    let mut session = ALLOC.session(Planner::new().alignment(64));
    for batch in [1, 4] {
        let image = |seed: usize| {
            (0..width * width)
                .map(|i| (i * seed % 251) as f32)
                .collect()
        };
        let images: Vec<Vec<f32>> = (1..=batch).map(image).collect();

        let (plain, expected) = shortest(|| infer(&images, width));
        // The only change to the program: the first iteration of a batch size is recorded and
        // planned, the others are replayed.
        let (replayed, found) = shortest(|| session.run(batch, || infer(&images, width)));
        assert_eq!(found?, expected);
        println!(
            "batch {batch}: {plain:.2?} an iteration, {replayed:.2?} replayed, with equal results"
        );
    }
    println!("\n{}", session.report());
    Ok(())
}
