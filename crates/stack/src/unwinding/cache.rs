//! The rules of addresses seen before: a table of atomic words, direct-mapped, never locked.
//!
//! A word is the whole of an entry, its address and its [`Rule`], so a thread reads an entry as
//! another wrote it. An address of 47 bits times an odd number, modulo 2^47, names it as well as
//! the address does: its upper bits choose the word, and the others are the tag in it, so an entry
//! is never taken for that of another address.
//!
//! The cache is emptied when modules have come or gone. A thread that found a rule before that and
//! stores it after it takes it back: it tells by the generation, which is raised before the words
//! are emptied and once more after it.
//!
//! Invariant: a thread that reads the generation and then a word, and finds the same generation
//! later, when nobody empties the cache, has read no rule of before.

use core::sync::atomic::{AtomicU64, Ordering::*};

use super::rule::{RULE_BITS, Rule};

/// How many bits an address of a process has: half of what the processor can map is the kernel's.
const ADDRESS_BITS: u32 = 47;
const INDEX_BITS: u32 = 12;
const TAG_BITS: u32 = ADDRESS_BITS - INDEX_BITS;
const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

const _: () = assert!(TAG_BITS + RULE_BITS <= 64);

/// The rules of all threads: 32 KiB.
pub(crate) static CACHE: RuleCache = RuleCache::new();

pub(crate) struct RuleCache {
    words: [AtomicU64; 1 << INDEX_BITS],
    generation: AtomicU64,
}

/// How often the cache had begun or ended to be emptied when somebody began to look for a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Generation(u64);

impl Generation {
    /// That of a cache that was never emptied.
    pub(crate) const FIRST: Self = Generation(0);
}

impl RuleCache {
    pub(crate) const fn new() -> Self {
        RuleCache {
            words: [const { AtomicU64::new(0) }; 1 << INDEX_BITS],
            generation: AtomicU64::new(0),
        }
    }

    /// The rule at `pc`, if it is there.
    #[inline(always)]
    pub(crate) fn get(&self, pc: usize) -> Option<Rule> {
        let (index, tag) = place(pc)?;
        let word = self.words[index].load(Relaxed);
        // No rule is zero, so neither is a word with one.
        (word >> RULE_BITS == tag && word != 0)
            .then(|| Rule::from_bits(word as u32 & ((1 << RULE_BITS) - 1)))
    }

    /// To be asked for before a rule is looked for.
    #[inline(always)]
    pub(crate) fn generation(&self) -> Generation {
        Generation(self.generation.load(SeqCst))
    }

    /// Keeps the rule at `pc`, in the place of another, unless the cache was emptied since that
    /// generation.
    pub(crate) fn insert(&self, pc: usize, rule: Rule, found: Generation) {
        let Some((index, tag)) = place(pc) else {
            return;
        };
        if self.generation() != found {
            return;
        }
        let word = tag << RULE_BITS | u64::from(rule.bits());
        self.words[index].store(word, SeqCst);
        // All of this has one order with `clear`: either the word was there to be emptied, or the
        // new generation is seen here.
        if self.generation() != found {
            let _ = self.words[index].compare_exchange(word, 0, SeqCst, Relaxed);
        }
    }

    /// Forgets all rules, those too that threads are just looking for.
    pub(crate) fn clear(&self) {
        self.generation.fetch_add(1, SeqCst);
        for word in &self.words {
            word.store(0, SeqCst);
        }
        // Who has the generation of above may have read rules of before, and kept them.
        self.generation.fetch_add(1, SeqCst);
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
                cache.insert(pc, rule, cache.generation());
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
        cache.insert(1 << 47, Rule::END, cache.generation());
        assert_eq!(cache.get(1 << 47), None);
        assert_eq!(cache.get(0), None);
    }

    /// As a thread keeps the rules of its last walk while the generation stays.
    #[test]
    fn a_rule_of_before_is_not_read_in_the_generation_after_the_cache_was_emptied() {
        const ROUNDS: u32 = 2000;
        let cache = Box::new(RuleCache::new());
        // Its word is emptied last.
        let last = cache.words.len() - 1;
        let pc = (1..).find(|&pc| place(pc).is_some_and(|(index, _)| index == last));
        let (pc, both) = (pc.unwrap(), std::sync::Barrier::new(2));
        let stale = std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    both.wait();
                    cache.clear();
                    both.wait();
                }
            });
            let mut stale = 0;
            for round in 0..ROUNDS {
                cache.insert(pc, Rule::END, cache.generation());
                both.wait();
                for _ in 0..round {
                    core::hint::spin_loop();
                }
                let generation = cache.generation();
                let found = cache.get(pc);
                both.wait();
                stale += u32::from(found.is_some() && generation == cache.generation());
            }
            stale
        });
        assert_eq!(stale, 0);
    }

    #[test]
    fn a_rule_found_before_the_cache_was_emptied_is_not_kept() {
        let cache = Box::new(RuleCache::new());
        let before = cache.generation();
        cache.insert(4096, Rule::END, before);
        assert_eq!(cache.get(4096), Some(Rule::END));
        cache.clear();
        assert_eq!(cache.get(4096), None);
        cache.insert(4096, Rule::END, before);
        assert_eq!(cache.get(4096), None);
        cache.insert(4096, Rule::END, cache.generation());
        // Nor in the place of a newer one.
        cache.insert(4096, Rule::new(Base::Sp, 8, 0).unwrap(), before);
        assert_eq!(cache.get(4096), Some(Rule::END));
    }
}
