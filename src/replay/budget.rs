//! What the keys of a session may hold, and which of them go when that is too much.
//!
//! A key holds a region, which is most of its memory, and a plan with its recording, without which
//! it would have to be recorded again. Keys go in the order in which they were last used: first
//! their regions, and with them the plans of those for which no quarter of the budget is left.
//!
//! ```text
//! last used    k1 ─── k2 ─── k3 ─── k4 ─── k5, which runs now: it holds what it needs
//!              │ neither  │ plan only      │ region and plan
//! ```
//!
//! Invariant: the keys without a region, and those without a plan, are the first ones in this
//! order among those that had one, and no more than needed.

#![forbid(unsafe_code)]

use alloc::vec::Vec;

/// The least that is allowed by default.
const DEFAULT: u64 = 256 << 20;
/// Of the largest region so many are allowed by default, if that is more.
const DEFAULT_REGIONS: u64 = 5;
/// Plans get one part in so many.
const PLANS: u64 = 4;

/// The most that all keys of a session may hold, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Budget(Option<u64>);

/// What one key holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Holding {
    /// When it was last used, on any clock.
    pub(super) last_used: u64,
    /// The bytes of its region; 0 if it has none.
    pub(super) region: u64,
    /// The bytes of its plan and its recording; 0 if it has none.
    pub(super) plan: u64,
}

/// What a key is to give up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    Region,
    /// And its region, if it has one.
    Plan,
}

impl Budget {
    pub(super) fn new(bytes: u64) -> Self {
        Self(Some(bytes))
    }

    /// The budget in bytes.
    pub(super) fn bytes(self, keys: &[Holding]) -> u64 {
        let largest = keys.iter().map(|key| key.region).max().unwrap_or(0);
        let default = DEFAULT.max(largest.saturating_mul(DEFAULT_REGIONS));
        self.0.unwrap_or(default)
    }

    /// What keys are to give up, by their positions, so that all fit. The key at `current` is to
    /// hold what it says and gives up nothing.
    pub(super) fn losses(self, keys: &[Holding], current: usize) -> Vec<(usize, Loss)> {
        let budget = self.bytes(keys);
        let mut oldest: Vec<usize> = (0..keys.len()).filter(|&key| key != current).collect();
        oldest.sort_by_key(|&key| keys[key].last_used);
        let of_plans = |key: &usize| keys[*key].plan;
        let without_plan = first_until_fit(&oldest, of_plans, budget / PLANS);
        let (forgotten, others) = oldest.split_at(without_plan);
        let plans: u64 = others.iter().map(of_plans).sum();
        let own = keys
            .get(current)
            .map_or(0, |key| key.region.saturating_add(key.plan));
        let for_regions = budget.saturating_sub(plans).saturating_sub(own);
        let of_regions = |key: &usize| keys[*key].region;
        let without_region = first_until_fit(others, of_regions, for_regions);
        let had_plan = forgotten.iter().filter(|&&key| keys[key].plan > 0);
        let had_region = others[..without_region].iter();
        let had_region = had_region.filter(|&&key| keys[key].region > 0);
        let lost = |loss| move |&key: &usize| (key, loss);
        had_plan
            .map(lost(Loss::Plan))
            .chain(had_region.map(lost(Loss::Region)))
            .collect()
    }
}

/// The least number of keys that go, from the first on, until the rest fits.
fn first_until_fit(keys: &[usize], bytes: impl Fn(&usize) -> u64, most: u64) -> usize {
    let mut left: u64 = keys.iter().map(&bytes).sum();
    let mut gone = 0;
    while left > most && gone < keys.len() {
        left -= bytes(&keys[gone]);
        gone += 1;
    }
    gone
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn holding() -> impl Strategy<Value = Holding> {
        let region = prop_oneof![1 => Just(0), 4 => 1u64..100];
        let plan = prop_oneof![1 => Just(0), 4 => 1u64..10];
        (region, plan).prop_map(|(region, plan)| Holding {
            last_used: 0,
            // There is no region without a plan.
            region: if plan == 0 { 0 } else { region },
            plan,
        })
    }

    fn keys() -> impl Strategy<Value = Vec<Holding>> {
        let orders = |keys: Vec<Holding>| {
            let count = keys.len() as u64;
            (
                Just(keys),
                Just((0..count).collect::<Vec<_>>()).prop_shuffle(),
            )
        };
        let holdings = proptest::collection::vec(holding(), 1..20);
        holdings
            .prop_flat_map(orders)
            .prop_map(|(mut keys, order)| {
                let each = keys.iter_mut().zip(order);
                each.for_each(|(key, last_used)| key.last_used = last_used);
                keys
            })
    }

    /// What is left of the keys.
    fn left(keys: &[Holding], losses: &[(usize, Loss)]) -> Vec<Holding> {
        let mut left = keys.to_vec();
        for &(key, loss) in losses {
            left[key].region = 0;
            if loss == Loss::Plan {
                left[key].plan = 0;
            }
        }
        left
    }

    fn total(keys: &[Holding], of: impl Fn(&Holding) -> u64) -> u64 {
        keys.iter().map(of).sum()
    }

    proptest! {
        #[test]
        fn the_oldest_go_and_no_more_than_needed(
            keys in keys(), current in any::<prop::sample::Index>(), budget in 0u64..600,
        ) {
            let current = current.index(keys.len());
            let losses = Budget::new(budget).losses(&keys, current);
            let left = left(&keys, &losses);
            prop_assert_eq!(left[current], keys[current]);
            // All fits, or nothing but the current key is left of what could go.
            let all = |key: &Holding| key.region + key.plan;
            let own = all(&keys[current]);
            let plans = total(&left, |key| key.plan) - keys[current].plan;
            let regions = total(&left, |key| key.region) - keys[current].region;
            prop_assert!(plans <= budget / PLANS);
            prop_assert!(own + plans + regions <= budget || regions == 0);
            for (i, loser) in left.iter().enumerate() {
                prop_assert!(keys[i].region > 0 || loser.region == 0);
                for (j, winner) in left.iter().enumerate() {
                    if i == current || j == current || keys[i].last_used < keys[j].last_used {
                        continue;
                    }
                    // `i` was used after `j`: it loses nothing before `j` has lost it.
                    prop_assert!(loser.region == keys[i].region || winner.region == 0);
                    prop_assert!(loser.plan == keys[i].plan || winner.plan == 0);
                }
            }
            // The last one that lost its plan, or its region, could not have kept it.
            let newest = |loss| {
                let of_kind = losses.iter().filter(|lost| lost.1 == loss);
                of_kind.map(|lost| lost.0).max_by_key(|&key| keys[key].last_used)
            };
            if let Some(key) = newest(Loss::Plan) {
                prop_assert!(plans + keys[key].plan > budget / PLANS);
            }
            if let Some(key) = newest(Loss::Region) {
                prop_assert!(own + plans + regions + keys[key].region > budget);
            }
        }
    }

    #[test]
    fn by_default_five_of_the_largest_regions_fit() {
        let key = |i: u64, region| Holding {
            last_used: i,
            region,
            plan: 1,
        };
        let small: Vec<Holding> = (0..10).map(|i| key(i, 20 << 20)).collect();
        assert_eq!(Budget::default().losses(&small, 9), []);
        let mut large: Vec<Holding> = (0..4).map(|i| key(i, (1 << 30) - 10)).collect();
        large.push(key(4, 1 << 30));
        assert_eq!(Budget::default().losses(&large, 4), []);
        large.push(key(5, 1 << 30));
        assert_eq!(Budget::default().losses(&large, 5), [(0, Loss::Region)]);
    }
}
