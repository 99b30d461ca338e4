//! Which allocations a profile samples: each byte that is allocated is picked with the same small
//! probability, and a block is sampled if one of its bytes is. (Poisson sampling, as of tcmalloc
//! and jemalloc.)
//!
//! So a block of `s` bytes is sampled with probability `p = 1 - exp(-s / mean)`, independently of
//! all others, and stands for `1 / p` blocks like itself. For objects of one size, the number of
//! those from one sample to the next is geometric: it is drawn once, and then merely counted down.
//! Large blocks draw each for itself, so threads need no common countdown.
//!
//! Invariant: a number is drawn for one purpose and used once. Whoever sees an epoch sees the mean
//! that it came with, or a later one, whose epoch is still to be seen.

#![forbid(unsafe_code)]

use core::sync::atomic::{
    AtomicU32, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

use super::{
    bin_word::MOST_POPS,
    class::{CLASSES, Class},
};
use orionrt_sys::clock;

/// How often a heap profile samples: once in so many bytes, on average.
///
/// ```
/// use orionrt_alloc::{OrionAlloc, profile::Sampling};
///
/// static ALLOC: OrionAlloc = OrionAlloc::new().with_profile(Sampling::every(256 << 10));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sampling {
    mean: u64,
    seed: u64,
}

impl Sampling {
    /// One sample in 512 KiB.
    pub const DEFAULT: Self = Self::every(512 << 10);

    /// One sample in so many bytes; 0 counts as 1.
    #[must_use]
    pub const fn every(bytes: usize) -> Self {
        let mean = if bytes == 0 { 1 } else { bytes as u64 };
        Self { mean, seed: 0 }
    }

    /// Draws numbers from a seed that is not 0, for experiments that are to be repeated; otherwise
    /// the clock is one.
    #[must_use]
    pub const fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The bytes from one sample to the next, on average.
    #[must_use]
    pub const fn mean(self) -> u64 {
        self.mean
    }
}

impl Default for Sampling {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What all threads of a heap share of its sampling. All zero is one that is off.
#[derive(Debug)]
pub(crate) struct Sampler {
    /// The bytes from one sample to the next; 0 if there are none.
    mean: AtomicU64,
    /// How often the mean has changed.
    epoch: AtomicU32,
    random: AtomicU64,
}

impl Sampler {
    /// Samples like this from now on, or not at all. Threads follow on their next slow path.
    pub(super) fn set(&self, sampling: Option<Sampling>) {
        let mean = sampling.map_or(0, Sampling::mean);
        if let Some(sampling) = sampling {
            let seed = match sampling.seed {
                0 => clock::precise().as_nanos() as u64,
                seed => seed,
            };
            self.random.store(mix(seed), Relaxed);
        }
        self.mean.store(mean, Relaxed);
        // If two threads set a mean at once, the last epoch comes after both.
        self.epoch.fetch_add(1, Release);
    }

    /// Samples like this from the start, before anybody else knows of it.
    pub(super) fn set_first(&self, sampling: Option<Sampling>) {
        if sampling.is_some() {
            self.set(sampling);
        }
    }

    pub(super) fn mean(&self) -> u64 {
        self.mean.load(Relaxed)
    }

    /// How often the mean has changed; to be read before the mean.
    pub(super) fn epoch(&self) -> u32 {
        self.epoch.load(Acquire)
    }

    /// The number of objects of a size up to and with the next one that is sampled.
    pub(super) fn pops(&self, size: usize, mean: u64) -> u64 {
        if mean == 0 {
            return MOST_POPS;
        }
        // What is too large for an integer becomes the largest one.
        ((self.distance(mean) / size as f64) as u64).min(MOST_POPS - 1) + 1
    }

    /// The bytes before the next one that is picked, for objects of any sizes; [`u64::MAX`] if none
    /// is.
    pub(super) fn bytes(&self, mean: u64) -> u64 {
        match mean {
            0 => u64::MAX,
            _ => self.distance(mean) as u64,
        }
    }

    /// A distance between two picked bytes: exponential, with this mean.
    fn distance(&self, mean: u64) -> f64 {
        -self.uniform().ln() * mean as f64
    }

    /// Whether a block of so many bytes is sampled.
    pub(super) fn draws(&self, bytes: usize, mean: u64) -> bool {
        mean != 0 && self.uniform() < probability(bytes, mean)
    }

    /// A number above 0 and below 1.
    fn uniform(&self) -> f64 {
        let state = self.random.fetch_add(0x9e37_79b9_7f4a_7c15, Relaxed);
        ((mix(state) >> 12) as f64 + 0.5) / (1u64 << 52) as f64
    }
}

/// The probability with which a block of so many bytes is sampled.
fn probability(bytes: usize, mean: u64) -> f64 {
    -(-(bytes as f64) / mean as f64).exp_m1()
}

/// A block that was drawn to be sampled, at a mean.
#[derive(Clone, Copy, Debug)]
pub(super) enum Drawn {
    /// An object of this class.
    Object(Class, u64),
    /// A large block of so many bytes.
    Large(usize, u64),
    /// A block of an owned heap, by so many bytes.
    Owned(usize, u64),
}

/// The probabilities of objects of each class, every one of which is computed once for a mean.
#[derive(Debug)]
pub(super) struct Probabilities {
    mean: u64,
    /// 0 where it was not computed yet.
    of_class: [f64; CLASSES],
}

impl Probabilities {
    pub(super) const fn new() -> Self {
        Self {
            mean: 0,
            of_class: [0.0; CLASSES],
        }
    }

    /// The probability with which such a block is drawn.
    pub(super) fn of(&mut self, drawn: Drawn) -> f64 {
        match drawn {
            Drawn::Object(class, mean) => self.of_object(class, mean),
            Drawn::Large(bytes, mean) | Drawn::Owned(bytes, mean) => probability(bytes, mean),
        }
    }

    fn of_object(&mut self, class: Class, mean: u64) -> f64 {
        if self.mean != mean {
            (self.mean, self.of_class) = (mean, [0.0; CLASSES]);
        }
        let known = &mut self.of_class[class.index()];
        if *known == 0.0 {
            *known = probability(class.size(), mean);
        }
        *known
    }
}

/// The finalizer of SplitMix64 (Steele, Lea and Flood, 2014): a bijection.
pub(super) fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWS: u64 = 20_000;

    fn sampler(mean: usize) -> Sampler {
        let sampler = Sampler {
            mean: AtomicU64::new(0),
            epoch: AtomicU32::new(0),
            random: AtomicU64::new(0),
        };
        sampler.set(Some(Sampling::every(mean).with_seed(7)));
        sampler
    }

    /// Of a geometric distribution, the mean and the share of ones are known.
    #[test]
    fn distances_between_samples_are_geometric() {
        for (size, mean) in [(16, 1), (16, 64), (4096, 4096), (112, 512 << 10)] {
            let sampler = sampler(mean);
            let p = probability(size, sampler.mean());
            let (mut sum, mut ones) = (0, 0);
            for _ in 0..DRAWS {
                let pops = sampler.pops(size, sampler.mean());
                sum += pops;
                ones += u64::from(pops == 1);
            }
            let (draws, n) = (DRAWS as f64, 5.0);
            let deviation = n * ((1.0 - p).sqrt() / p) / draws.sqrt() + 1e-9;
            assert!((sum as f64 / draws - 1.0 / p).abs() <= deviation, "{size}");
            let deviation = n * (p * (1.0 - p) / draws).sqrt() + 1e-9;
            assert!((ones as f64 / draws - p).abs() <= deviation, "{size}");
        }
        assert_eq!(sampler(64).pops(16, 0), MOST_POPS);
    }

    #[test]
    fn probabilities_of_classes_are_those_of_their_sizes_and_of_the_mean() {
        let mut probabilities = Probabilities::new();
        for mean in [1, 4096, 512 << 10, 4096] {
            for class in Class::all().chain(Class::all()) {
                let expected = probability(class.size(), mean);
                assert_eq!(probabilities.of(Drawn::Object(class, mean)), expected);
            }
        }
    }

    #[test]
    fn blocks_are_drawn_with_their_probability() {
        let sampler = sampler(1 << 20);
        for bytes in [40 << 10, 1 << 20, 64 << 20] {
            let p = probability(bytes, sampler.mean());
            let drawn = (0..DRAWS).filter(|_| sampler.draws(bytes, sampler.mean()));
            let deviation = 5.0 * (p * (1.0 - p) * DRAWS as f64).sqrt() + 1e-9;
            let expected = p * DRAWS as f64;
            assert!((drawn.count() as f64 - expected).abs() <= deviation);
            assert!(!sampler.draws(bytes, 0));
        }
    }
}
