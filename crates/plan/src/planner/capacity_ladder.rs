//! The capacities that a search tries between the goal and the best peak known.
//!
//! A peak at the goal ends everything, so the goal is the lowest rung; the others lie above it in
//! steps that grow. To prove that a capacity is too low takes too long in nearly all cases, so
//! bisection would be the wrong shape.

/// How many rungs there are, the lowest first.
pub(super) const RUNGS: usize = SHARES.len();

/// The height of each rung, in 64ths of the gap between the goal and the best peak.
const SHARES: [u64; 4] = [0, 2, 12, 40];

/// The capacity of a rung between `least` and a higher `peak`: `least` and a multiple of
/// `granularity`, always below `peak`.
pub(super) fn capacity(rung: usize, least: u64, peak: u64, granularity: u64) -> u64 {
    let gap = peak - 1 - least;
    let above = (u128::from(gap) * u128::from(SHARES[rung]) / 64) as u64;
    least + above / granularity * granularity
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rungs_ascend_from_the_least_capacity_and_stay_below_the_peak() {
        let rungs = |least, peak, granularity| {
            let rungs = 0..RUNGS;
            rungs.map(move |rung| capacity(rung, least, peak, granularity))
        };
        assert!(rungs(100, 165, 1).eq([100, 102, 112, 140]));
        assert!(rungs(100, 165, 8).eq([100, 100, 108, 140]));
        assert!(rungs(100, 101, 1).eq([100; RUNGS]));
        assert!(rungs(0, u64::MAX, 1).all(|capacity| capacity < u64::MAX));
    }
}
