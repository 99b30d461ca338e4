//! A small network that tells tones apart, without a heap: its tensors lie in one [`plan::Arena`],
//! at offsets that were planned while the firmware was built.
//!
//! ```text
//! samples ── convolve ── features ── pool ── pooled ── classify ── scores
//! ```
//!
//! It runs on a microcontroller and, for tests, on the machine that builds it.

#![no_std]

pub mod sizes;

/// The plan that the build script has made.
pub mod plan {
    include!(concat!(env!("OUT_DIR"), "/plan.rs"));
}

use plan::{Arena, Disjoint, FEATURES, POOLED, SAMPLES as INPUT, SCORES};
use sizes::{CHANNELS, CLASSES, KERNEL, SAMPLES, STEPS, STRIDE, WINDOW};

// The tensors of each operator. Two that share bytes would not compile.
const CONVOLVE: Disjoint<f32, 2> = Disjoint::of([INPUT, FEATURES]);
const POOL: Disjoint<f32, 2> = Disjoint::of([FEATURES, POOLED]);
const CLASSIFY: Disjoint<f32, 2> = Disjoint::of([POOLED, SCORES]);

/// Runs the network.
pub fn infer(arena: &mut Arena, signal: &[f32; SAMPLES]) -> [f32; CLASSES] {
    let [samples, features] = arena.lend(CONVOLVE);
    samples.copy_from_slice(signal);
    convolve(samples, features);

    let [features, pooled] = arena.lend(POOL);
    pool(features, pooled);

    let [pooled, scores] = arena.lend(CLASSIFY);
    classify(pooled, scores);
    core::array::from_fn(|class| scores[class])
}

/// The class with the highest score.
pub fn best(scores: &[f32; CLASSES]) -> usize {
    let better = |best: usize, class: usize| {
        if scores[class] > scores[best] {
            class
        } else {
            best
        }
    };
    (0..CLASSES).fold(0, better)
}

/// A square wave with this many samples in each half of a period.
pub fn tone(half: usize) -> [f32; SAMPLES] {
    core::array::from_fn(|at| if at / half % 2 == 0 { 1.0 } else { -1.0 })
}

/// Each channel looks for a tone of its own.
pub fn convolve(samples: &[f32], features: &mut [f32]) {
    for (channel, feature) in features.chunks_exact_mut(STEPS).enumerate() {
        let windows = samples.windows(KERNEL).step_by(STRIDE);
        for (value, window) in feature.iter_mut().zip(windows) {
            let products = (0..)
                .zip(window)
                .map(|(at, sample)| sample * kernel(channel, at));
            *value = products.sum::<f32>().max(0.0);
        }
    }
}

/// The largest of each window.
pub fn pool(features: &[f32], pooled: &mut [f32]) {
    let windows = features
        .chunks_exact(STEPS)
        .flat_map(|f| f.chunks_exact(WINDOW));
    for (value, window) in pooled.iter_mut().zip(windows) {
        *value = window.iter().copied().fold(0.0, f32::max);
    }
}

/// The sum of two channels for each class.
pub fn classify(pooled: &[f32], scores: &mut [f32]) {
    let per_class = pooled.len() / CLASSES;
    for (score, channels) in scores.iter_mut().zip(pooled.chunks_exact(per_class)) {
        *score = channels.iter().sum::<f32>() / per_class as f32;
    }
}

/// The weights: a square wave, whose period grows with the class.
fn kernel(channel: usize, at: usize) -> f32 {
    let half = 1 << (channel * CLASSES / CHANNELS);
    let sign = if at / half % 2 == 0 { 1.0 } else { -1.0 };
    sign * if channel % 2 == 0 { 1.0 } else { -1.0 }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::{boxed::Box, vec};

    use super::*;

    #[test]
    fn tones_are_told_apart_in_one_arena() {
        let mut arena = Box::new(Arena::new());
        for class in [2, 0, 3, 1, 2] {
            let scores = infer(&mut arena, &tone(1 << class));
            assert_eq!(best(&scores), class, "{scores:?}");
        }
    }

    #[test]
    fn the_result_is_that_of_buffers_of_their_own() {
        let mut arena = Box::new(Arena::new());
        let signal: [f32; SAMPLES] = core::array::from_fn(|at| ((at * at) % 37) as f32 - 18.0);
        let mut features = vec![0.0; sizes::FEATURES];
        let mut pooled = vec![0.0; sizes::POOLED];
        let mut scores = vec![0.0; CLASSES];
        convolve(&signal, &mut features);
        pool(&features, &mut pooled);
        classify(&pooled, &mut scores);
        assert_eq!(infer(&mut arena, &signal)[..], scores);
    }

    #[test]
    fn tensors_share_bytes_and_those_that_do_are_not_lent_together() {
        let sum: usize = plan::TENSORS.iter().map(|tensor| tensor.bytes).sum();
        assert!(plan::ARENA_BYTES < sum);
        assert!(Disjoint::<f32, 2>::try_of([INPUT, POOLED]).is_none());
        assert_eq!(plan::OPERATORS, ["convolve", "pool", "classify"]);
    }
}
