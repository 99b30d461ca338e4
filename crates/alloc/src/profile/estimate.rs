//! [`Estimate`]: a number that was sampled, and how far it may be off.

#![forbid(unsafe_code)]

use core::ops::AddAssign;

/// A number that is estimated from samples.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Estimate {
    /// The estimate, which is right on average.
    pub value: f64,
    /// The estimate of its variance.
    pub variance: f64,
}

impl Estimate {
    /// The range that contains the true number with a probability of 95 %, if the samples are not
    /// few: the normal approximation, and never below zero.
    #[must_use]
    pub fn interval(self) -> (f64, f64) {
        const QUANTILE: f64 = 1.959_964;
        let most = QUANTILE * self.variance.sqrt();
        ((self.value - most).max(0.0), self.value + most)
    }
}

impl AddAssign for Estimate {
    fn add_assign(&mut self, other: Self) {
        self.value += other.value;
        self.variance += other.variance;
    }
}
