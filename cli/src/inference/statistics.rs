//! Quartiles of measurements.
//!
//! Stands on nothing. Invariant: `q1 <= median <= q3`.

#![forbid(unsafe_code)]

use serde::Serialize;

/// The values below which a quarter, a half and three quarters of some numbers lie.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Quartiles {
    pub(crate) q1: f64,
    pub(crate) median: f64,
    pub(crate) q3: f64,
}

impl Quartiles {
    /// The quartiles of numbers without NaN, interpolated linearly; `None` if there are none.
    pub(crate) fn of(numbers: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = numbers.into_iter().collect();
        sorted.sort_unstable_by(f64::total_cmp);
        Some(Self {
            q1: quantile(&sorted, 0.25)?,
            median: quantile(&sorted, 0.5)?,
            q3: quantile(&sorted, 0.75)?,
        })
    }
}

fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let position = share * (sorted.len().checked_sub(1)?) as f64;
    let below = position.floor() as usize;
    let (low, high) = (sorted[below], sorted[position.ceil() as usize]);
    Some(low + (high - low) * (position - below as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quartiles(numbers: &[f64]) -> Option<[f64; 3]> {
        let quartiles = Quartiles::of(numbers.iter().copied())?;
        Some([quartiles.q1, quartiles.median, quartiles.q3])
    }

    #[test]
    fn quartiles_are_interpolated_between_the_nearest_numbers() {
        assert_eq!(quartiles(&[]), None);
        assert_eq!(quartiles(&[3.0]), Some([3.0; 3]));
        assert_eq!(quartiles(&[9.0, 1.0, 5.0, 7.0, 3.0]), Some([3.0, 5.0, 7.0]));
        assert_eq!(quartiles(&[4.0, 1.0, 2.0, 3.0]), Some([1.75, 2.5, 3.25]));
        assert_eq!(quartiles(&[2.0, 1.0]), Some([1.25, 1.5, 1.75]));
    }
}
