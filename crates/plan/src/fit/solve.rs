//! The search: starts by all rules and by some at random, moves from the best of them, then kicks.
//!
//! A start is looked for by one rule after the other, whatever work that takes, until one is found
//! or until their [`DeadEnds`] are hopeless. All other rules are tried as long as there is
//! work left.
//!
//! Stands on the repair, the moves and the kicks. Invariant: what comes out costs no more than any
//! choices that were seen to fit.

use alloc::vec::Vec;

use super::{
    choices::{Choices, Way},
    model::{Model, NONE},
    repair::Unfit,
    rules::Rule,
    search::{Banned, Search, Solution},
};

/// How many starts moves begin from.
const MOST_STARTS: usize = 3;

/// Bytes are far above the capacity that exceed it by more than this part.
const PART_TOO_FAR: u64 = 8;

/// The best choices that are found with so much work; `None` if none fit. `goal` is a lower bound
/// on the cost of all choices: the search ends when it is reached.
pub(super) fn solve(mut search: Search<'_>) -> Option<Solution> {
    let mut starts: Vec<Solution> = Vec::new();
    let mut dead_ends = DeadEnds::new(search.capacity);
    for (at, rule) in Rule::ALL.into_iter().enumerate() {
        let mut banned = search.nothing_banned();
        let choices = Choices::new(search.model);
        let may_help = starts.is_empty() && !dead_ends.are_hopeless;
        let is_needed = at == 0 || may_help && !search.is_cancelled();
        let found = match search.repair(choices, rule, &mut banned, is_needed) {
            Ok(found) => found,
            Err(unfit) => {
                dead_ends.note(rule, unfit);
                continue;
            }
        };
        let polished = search.polished(found, NONE);
        if search.is_best(&polished) {
            return Some(polished);
        }
        starts.push(polished);
    }
    starts.extend(search.with_one_way());
    starts.extend(search.noisy_starts(starts.len()));
    starts.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    starts.dedup_by(|a, b| a.seconds == b.seconds);
    starts.truncate(MOST_STARTS);
    let improved = starts.into_iter().map(|start| search.improved(start));
    let best = improved.min_by(|a, b| a.seconds.total_cmp(&b.seconds))?;
    Some(search.kicked(best))
}

impl Search<'_> {
    /// Starts that free bytes in one way alone, where there are several.
    fn with_one_way(&mut self) -> Vec<Solution> {
        let model = self.model;
        let ways = Way::FREEING.into_iter();
        let ways: Vec<Way> = ways.filter(|&way| is_possible(model, way)).collect();
        let mut starts = Vec::new();
        if ways.len() < 2 {
            return starts;
        }
        for way in ways {
            let mut banned = self.nothing_banned();
            banned.fill(Banned::but(way));
            let choices = Choices::new(model);
            let found = self.repair(choices, Rule::ALL[0], &mut banned, false);
            starts.extend(found.ok().map(|found| self.polished(found, NONE)));
        }
        starts
    }
}

/// Where repairs found no choices that help.
///
/// They are hopeless if two of them end in the same moment with the same bytes, of which one lets
/// operands of what is recomputed stay there and one does not, and if these bytes are far above the
/// capacity. The other rules differ in their scores alone: they lead elsewhere, but not that far.
#[derive(Debug)]
struct DeadEnds {
    known: Vec<(bool, Unfit)>,
    /// More bytes than this are far above the capacity.
    far: u64,
    are_hopeless: bool,
}

impl DeadEnds {
    fn new(capacity: u64) -> Self {
        Self {
            known: Vec::new(),
            far: capacity.saturating_add(capacity / PART_TOO_FAR),
            are_hopeless: false,
        }
    }

    fn note(&mut self, rule: Rule, unfit: Unfit) {
        if matches!(unfit, Unfit::Full { load, .. } if load as u64 > self.far) {
            self.are_hopeless |= self.known.contains(&(!rule.may_stay, unfit));
            self.known.push((rule.may_stay, unfit));
        }
    }
}

/// Whether any root can be treated so.
fn is_possible(model: &Model, way: Way) -> bool {
    match way {
        Way::Keep => true,
        Way::Spill => model.can_spill,
        Way::Compress => model.can_compress,
        Way::Recompute => model.can_recompute,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dead_ends_are_hopeless_where_rules_of_both_kinds_meet_far_above_the_capacity() {
        let full = |moment, load| Unfit::Full { moment, load };
        let [stays, leaves] = [Rule::ALL[0], Rule::ALL[1]];
        assert!(stays.may_stay && !leaves.may_stay);
        let are_hopeless = |found: &[(Rule, Unfit)]| {
            let mut dead_ends = DeadEnds::new(80);
            for &(rule, unfit) in found {
                dead_ends.note(rule, unfit);
            }
            dead_ends.are_hopeless
        };
        assert!(are_hopeless(&[(stays, full(3, 91)), (leaves, full(3, 91))]));
        assert!(!are_hopeless(&[
            (stays, full(3, 90)),
            (leaves, full(3, 90))
        ]));
        assert!(!are_hopeless(&[(stays, full(3, 91)), (stays, full(3, 91))]));
        assert!(!are_hopeless(&[
            (stays, full(3, 91)),
            (leaves, full(3, 92))
        ]));
        assert!(!are_hopeless(&[
            (stays, full(3, 91)),
            (leaves, full(4, 91))
        ]));
        assert!(!are_hopeless(&[
            (stays, Unfit::Other),
            (leaves, Unfit::Other)
        ]));
    }
}
