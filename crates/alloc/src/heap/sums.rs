//! What samples add up to: estimates of numbers of blocks and of bytes, and of their variances.
//!
//! Stands on nothing. Invariant: of blocks that are sampled independently, a sum is right on
//! average, and so is its variance.

#![forbid(unsafe_code)]

/// What the samples of some blocks add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sums {
    pub(crate) samples: u64,
    /// Estimates of the number of blocks, and of their bytes.
    pub(crate) objects: f64,
    pub(crate) bytes: f64,
    /// Estimates of the variances of these two.
    pub(crate) objects_variance: f64,
    pub(crate) bytes_variance: f64,
}

impl Sums {
    /// Adds a block that is sampled with this probability. (The Horvitz-Thompson estimator, and the
    /// one of its variance.)
    pub(super) fn add(&mut self, bytes: u64, probability: f64) {
        let (bytes, weight) = (bytes as f64, 1.0 / probability);
        let variance = (1.0 - probability) * weight * weight;
        self.samples += 1;
        self.objects += weight;
        self.bytes += bytes * weight;
        self.objects_variance += variance;
        self.bytes_variance += bytes * bytes * variance;
    }
}

/// What a profile knows of one stack.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StackSums {
    /// All blocks since the profile began.
    pub(crate) allocated: Sums,
    /// Those that were live when somebody asked.
    pub(crate) live: Sums,
}
