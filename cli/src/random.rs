//! Pseudo-random values that a seed determines.
//!
//! Stands on `fastrand`. Invariant: one seed gives the same values on every machine.

#![forbid(unsafe_code)]

pub(crate) use fastrand::Rng;

/// Values uniform in `-bound..bound`.
pub(crate) fn uniform(rng: &mut Rng, count: usize, bound: f32) -> Vec<f32> {
    let values = (0..count).map(|_| bound * (2.0 * rng.f32() - 1.0));
    values.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_uniform_and_determined_by_the_seed() {
        let values = |seed| uniform(&mut Rng::with_seed(seed), 10_000, 2.0);
        assert!(values(7).iter().all(|v| (-2.0..2.0).contains(v)));
        assert!((values(7).iter().sum::<f32>() / 10_000.0).abs() < 0.05);
        assert_eq!(values(7), values(7));
        assert_ne!(values(7), values(8));
    }
}
