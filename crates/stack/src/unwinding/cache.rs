//! The rules of addresses seen before: a table of atomic words, direct-mapped, never locked.
//!
//! A word is the whole of an entry, its address and its [`Rule`], so a thread reads an entry as
//! another wrote it. An address of 47 bits times an odd number, modulo 2^47, names it as well as
//! the address does: its upper bits choose the word, and the others are the tag in it, so an entry
//! is never taken for that of another address.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::rule::{RULE_BITS, Rule};

/// How many bits an address of a process has: half of what the processor can map is the kernel's.
const ADDRESS_BITS: u32 = 47;
const INDEX_BITS: u32 = 12;
const TAG_BITS: u32 = ADDRESS_BITS - INDEX_BITS;
const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

const _: () = assert!(TAG_BITS + RULE_BITS <= 64);

/// The rules of all threads: 32 KiB.
pub(crate) static CACHE: RuleCache = RuleCache::new();

pub(crate) struct RuleCache([AtomicU64; 1 << INDEX_BITS]);

impl RuleCache {
    pub(crate) const fn new() -> Self {
        RuleCache([const { AtomicU64::new(0) }; 1 << INDEX_BITS])
    }

    /// The rule at `pc`, if it is there.
    #[inline(always)]
    pub(crate) fn get(&self, pc: usize) -> Option<Rule> {
        let (index, tag) = place(pc)?;
        let word = self.0[index].load(Relaxed);
        // No rule is zero, so neither is a word with one.
        (word >> RULE_BITS == tag && word != 0)
            .then(|| Rule::from_bits(word as u32 & ((1 << RULE_BITS) - 1)))
    }

    /// Keeps the rule at `pc`, in the place of another.
    pub(crate) fn insert(&self, pc: usize, rule: Rule) {
        if let Some((index, tag)) = place(pc) {
            self.0[index].store(tag << RULE_BITS | u64::from(rule.bits()), Relaxed);
        }
    }

    pub(crate) fn clear(&self) {
        for word in &self.0 {
            word.store(0, Relaxed);
        }
    }
}

/// The word of an address, and its tag.
#[inline(always)]
fn place(pc: usize) -> Option<(usize, u64)> {
    let pc = pc as u64;
    if pc >> ADDRESS_BITS != 0 {
        return None;
    }
    let name = pc.wrapping_mul(ODD) & ((1 << ADDRESS_BITS) - 1);
    Some(((name >> TAG_BITS) as usize, name & ((1 << TAG_BITS) - 1)))
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::boxed::Box;
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::super::rule::Base;
    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        /// A map is the oracle: the cache may have forgotten, but never has a rule of another
        /// address.
        #[test]
        fn a_rule_is_that_of_its_address(
            steps in prop::collection::vec((0_usize..1 << 47, 0_i64..8192), 1..2000),
            near in prop::collection::vec((0_usize..1 << 16, 0_i64..8192), 1..2000),
        ) {
            let cache = Box::new(RuleCache::new());
            let mut all = HashMap::new();
            for (pc, words) in steps.into_iter().chain(near) {
                let rule = Rule::new(Base::Sp, words * 8, 16).unwrap();
                cache.insert(pc, rule);
                all.insert(pc, rule);
                prop_assert_eq!(cache.get(pc), Some(rule));
            }
            for (pc, rule) in &all {
                prop_assert!(cache.get(*pc).is_none_or(|found| found == *rule));
            }
            for pc in 0..4096 {
                prop_assert!(all.contains_key(&pc) || cache.get(pc).is_none());
            }
        }
    }

    #[test]
    fn an_address_of_the_kernel_is_not_kept() {
        let cache = Box::new(RuleCache::new());
        cache.insert(1 << 47, Rule::END);
        assert_eq!(cache.get(1 << 47), None);
        assert_eq!(cache.get(0), None);
    }
}
