//! What the keys of a session may hold, and which of them go when that is too much.
//!
//! Each key holds a plan, and all together the memory of their regions, which they share. Plans may
//! take a quarter of the budget: beyond that, the keys used least recently lose theirs, and are
//! recorded again when they are used again. Regions get the rest.
//!
//! Invariant: the keys without a plan are the first ones in the order in which keys were last used,
//! among those that had one, and no more than needed.

#![forbid(unsafe_code)]

use alloc::vec::Vec;

/// The least that is allowed by default.
const DEFAULT: u64 = 256 << 20;
/// Of the largest region so many are allowed by default, if that is more.
const DEFAULT_REGIONS: u64 = 2;
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
    /// The bytes that its region needs; 0 if it has no plan.
    pub(super) region: u64,
    /// The bytes of its plan and its recording; 0 if it has none.
    pub(super) plan: u64,
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

    /// The bytes that regions may have beside these plans.
    pub(super) fn for_regions(self, keys: &[Holding]) -> u64 {
        let plans = keys.iter().map(|key| key.plan);
        self.bytes(keys)
            .saturating_sub(plans.fold(0, u64::saturating_add))
    }

    /// The positions of the keys that are to lose their plans, so that the others' fit. The key at
    /// `current` keeps its own.
    pub(super) fn losers(self, keys: &[Holding], current: usize) -> Vec<usize> {
        let others = (0..keys.len()).filter(|&key| key != current);
        let mut oldest: Vec<usize> = others.filter(|&key| keys[key].plan > 0).collect();
        oldest.sort_by_key(|&key| keys[key].last_used);
        let mut left: u64 = oldest.iter().map(|&key| keys[key].plan).sum();
        let most = self.bytes(keys) / PLANS;
        let too_many = oldest.iter().take_while(|&&key| {
            let is_too_much = left > most;
            left -= keys[key].plan;
            is_too_much
        });
        let count = too_many.count();
        oldest.truncate(count);
        oldest
    }
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

    proptest! {
        #[test]
        fn the_oldest_plans_go_and_no_more_than_needed(
            keys in keys(), current in any::<prop::sample::Index>(), budget in 0u64..300,
        ) {
            let current = current.index(keys.len());
            let losers = Budget::new(budget).losers(&keys, current);
            prop_assert!(!losers.contains(&current));
            let is_left = |key: &usize| *key != current && !losers.contains(key);
            let left = (0..keys.len()).filter(is_left);
            let plans: u64 = left.clone().map(|key| keys[key].plan).sum();
            prop_assert!(plans <= budget / PLANS);
            let newest = losers.iter().max_by_key(|&&key| keys[key].last_used);
            let Some(&newest) = newest else {
                return Ok(());
            };
            // It could not have kept its plan, and all that are left are younger.
            prop_assert!(plans + keys[newest].plan > budget / PLANS);
            for key in left.filter(|&key| keys[key].plan > 0) {
                prop_assert!(keys[key].last_used > keys[newest].last_used);
            }
        }

        #[test]
        fn regions_get_what_plans_leave(keys in keys(), budget in 0u64..300) {
            let plans: u64 = keys.iter().map(|key| key.plan).sum();
            let for_regions = Budget::new(budget).for_regions(&keys);
            prop_assert_eq!(for_regions, budget.max(plans) - plans);
        }
    }

    #[test]
    fn by_default_two_of_the_largest_regions_fit() {
        let key = |region| Holding {
            last_used: 1,
            region,
            plan: 1,
        };
        let budget = |regions: &[u64]| {
            let keys: Vec<Holding> = regions.iter().copied().map(key).collect();
            Budget::default().bytes(&keys)
        };
        assert_eq!(budget(&[20 << 20, 1]), 256 << 20);
        assert_eq!(budget(&[1 << 30, 300 << 20]), 2 << 30);
    }
}
