//! [`Estimate`]: a number that was sampled, and how far it may be off.
//!
//! Stands on nothing. Invariant: values and variances of samples add up, since each block is
//! sampled independently of the others.

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
    /// The 95 % confidence interval by the normal approximation, and never below zero.
    ///
    /// It is too narrow where samples are few, or where most of a count is small blocks of which
    /// none was sampled.
    #[must_use]
    pub fn confidence_interval(self) -> (f64, f64) {
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
