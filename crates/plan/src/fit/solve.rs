//! The search: starts by all rules and by some at random, moves from the best of them, then kicks.
//!
//! The first start is looked for whatever work that takes, by one rule after the other, until two
//! find no more choices in the same moment, with the same bytes: others hardly would then.
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

/// The best choices that are found with so much work; `None` if none fit. `goal` is a lower bound
/// on the cost of all choices: the search ends when it is reached.
pub(super) fn solve(mut search: Search<'_>) -> Option<Solution> {
    let mut starts: Vec<Solution> = Vec::new();
    let mut failed: Vec<Unfit> = Vec::new();
    for (at, rule) in Rule::ALL.into_iter().enumerate() {
        let mut banned = search.nothing_banned();
        let choices = Choices::new(search.model);
        let may_help = starts.is_empty() && !is_same_dead_end(&failed);
        let is_needed = at == 0 || may_help && !search.is_cancelled();
        let found = match search.repair(choices, rule, &mut banned, is_needed) {
            Ok(found) => found,
            Err(unfit) => {
                failed.push(unfit);
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

/// Whether two repairs found no choices in the same moment, with the same bytes.
fn is_same_dead_end(failed: &[Unfit]) -> bool {
    let is_known = |(at, unfit): (usize, &Unfit)| failed[..at].contains(unfit);
    let full = failed.iter().enumerate();
    full.filter(|(_, unfit)| **unfit != Unfit::Other)
        .any(is_known)
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
    fn a_dead_end_is_the_same_where_moment_and_bytes_are() {
        let full = |moment, load| Unfit::Full { moment, load };
        assert!(!is_same_dead_end(&[]));
        assert!(!is_same_dead_end(&[full(3, 10)]));
        assert!(is_same_dead_end(&[full(3, 10), Unfit::Other, full(3, 10)]));
        assert!(!is_same_dead_end(&[full(3, 10), full(3, 11)]));
        assert!(!is_same_dead_end(&[full(3, 10), full(4, 10)]));
        assert!(!is_same_dead_end(&[Unfit::Other, Unfit::Other]));
    }
}
