//! The rules by which a repair weighs choices: bytes, moments and seconds.
//!
//! Stands on [`Loads`]. Invariant: of two choices that differ in seconds alone, the cheaper one has
//! the better score, unless scores are changed at random.

use core::ops::Range;

use super::{choices::Choice, loads::Loads};
use crate::planner::random::Random;

/// Added to seconds that are divided by.
const LEAST_SECONDS: f64 = 1e-30;

/// How a repair weighs bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    /// Whether only the bytes that are too many count.
    pub(super) by_excess: bool,
    /// Whether the number of moments counts that are too full.
    pub(super) by_moments: bool,
    /// Whether operands of what is recomputed may stay in the fullest moment.
    pub(super) may_stay: bool,
    /// A seed, by which scores are changed at random; 0 to leave them as they are.
    pub(super) noise: u64,
}

impl Rule {
    /// One of the rules, with scores that are changed at random.
    pub(super) fn noisy(random: &mut Random) -> Self {
        let rule = Self::ALL[random.below(Self::ALL.len() as u64) as usize];
        Self {
            noise: 1 + random.below(u64::MAX),
            ..rule
        }
    }

    /// By how much the score of a choice is changed.
    pub(super) fn factor(self, idle: u32, choice: Choice) -> f64 {
        if self.noise == 0 {
            return 1.0;
        }
        let what = u64::from(idle) << 32 | u64::from(choice.back) << 2 | choice.way as u64;
        let part = Random::new(self.noise ^ what).below(1 << 16) as f64 / f64::from(1 << 16);
        // From 0.8 to 5, mostly near 1.
        1.0 / (0.2 + part)
    }

    /// The rules that the first repairs go by.
    pub(super) const ALL: [Self; 6] = [
        rule(true, true, true),
        rule(true, true, false),
        rule(false, true, true),
        rule(true, false, true),
        rule(false, false, true),
        rule(false, false, false),
    ];
}

const fn rule(by_excess: bool, by_moments: bool, may_stay: bool) -> Rule {
    Rule {
        by_excess,
        by_moments,
        may_stay,
        noise: 0,
    }
}

/// How good a choice is that frees so many bytes, of which so many are too many.
pub(super) fn score(
    loads: &Loads,
    rule: Rule,
    absence: &Range<u32>,
    gain: i64,
    excess: i64,
    seconds: f64,
) -> f64 {
    let bytes = if rule.by_excess {
        gain.min(excess)
    } else {
        gain
    };
    let [start, end] = [absence.start, absence.end].map(|moment| loads.too_full[moment as usize]);
    let moments = if rule.by_moments {
        (end - start).max(1)
    } else {
        1
    };
    bytes as f64 * f64::from(moments) / (seconds.max(0.0) + LEAST_SECONDS)
}
