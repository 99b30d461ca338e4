//! Which section to decide next: where little choice is left, and where it failed before.
//!
//! Sections in which something did not fit are *blamed*, the later the more (weighted degrees: Boussemart, Hemery, Lecoutre and Sais
//! 2004). Blame outlives restarts, so that the next run begins where the last ones failed. No rule is the best
//! everywhere: runs take [turns](super::tactic).

use alloc::vec::Vec;

/// How candidates, slack and blame are weighed against each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// Few candidates where much has failed.
    Blame,
    /// The same with less weight on failures.
    SomeBlame,
    /// Sections without slack are worth three candidates; of equals the one with the least slack.
    Slack,
    /// Few candidates; of equals the one with the least slack.
    Candidates,
    /// Sections without slack before all others.
    NoSlackFirst,
}

#[derive(Debug)]
pub(super) struct Scoring {
    pub(super) rule: Rule,
    /// In parts of the blame for the first failure.
    blame: Vec<u64>,
    next: u64,
}

/// The blame of a section that has never failed.
const BLAMELESS: u64 = 1 << 20;
/// Each failure is blamed for more than the last by one part in so many.
const FADING: u64 = 1000;
const MOST: u64 = 1 << 50;

impl Scoring {
    pub(super) fn new(sections: usize) -> Self {
        Self {
            rule: Rule::Blame,
            blame: alloc::vec![BLAMELESS; sections],
            next: BLAMELESS,
        }
    }

    pub(super) fn blame(&mut self, section: usize) {
        self.blame[section] += self.next;
        self.next += self.next / FADING;
        if self.next > MOST {
            let scale = self.next / BLAMELESS;
            self.next = BLAMELESS;
            for blame in &mut self.blame {
                *blame = (*blame / scale).max(1);
            }
        }
    }

    /// Least is most urgent; infinite where nothing is open.
    pub(super) fn score(&self, section: usize, candidates: u32, slack: u64, capacity: u64) -> f32 {
        if candidates == 0 {
            return f32::INFINITY;
        }
        let count = candidates as f32;
        let loose = if slack > 0 { 1.0 } else { 0.0 };
        let share = slack as f32 / capacity as f32;
        let blame = self.blame[section];
        match self.rule {
            Rule::Blame => (2.0 * count + loose) / blame as f32,
            Rule::SomeBlame => (2.0 * count + loose) / blame.isqrt() as f32,
            Rule::Slack => count + 3.0 * loose + share,
            Rule::Candidates => 2.0 * count + loose + share,
            Rule::NoSlackFirst => count + 1000.0 * loose,
        }
    }
}
