//! A team as loom sees it: the real team, its matching and its counters, over blocks whose bytes
//! are loom's cells.
//!
//! The region is left out, since it is memory of the system. Of its claims this has the real ones,
//! with a segment for each block.

use loom::cell::UnsafeCell;

use super::{
    factors::Fit,
    team::Team,
    team_matching::Match,
    team_template::{Follow, TeamTemplate},
    template::{Expected, Template},
};
use crate::slots::claims::{Claims, SegmentRange};

/// The size of all requests, in bytes.
const SIZE: usize = 8;

/// A team whose requests are alike, each with a block of its own.
#[derive(Debug)]
pub struct ModelTeam {
    team: Team,
    claims: Claims,
    bytes: Vec<UnsafeCell<u32>>,
}

// SAFETY: a cell is used by whoever has claimed its block; loom checks just that.
unsafe impl Sync for ModelTeam {}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// It got the bytes of this block.
    Block(u32),
    /// Others had all bytes.
    Nothing,
    /// The thread is no member.
    Refused,
}

impl ModelTeam {
    /// A team of so many members, whose requests are of tasks, or of a thread each.
    #[must_use]
    pub fn new(members: usize, requests: u32, are_of_tasks: bool) -> Self {
        let expected = (0..requests).map(|block| Expected::new(SIZE, 1, Some(block)));
        let follow = match are_of_tasks {
            true => Follow::Pool(0),
            false => Follow::Nothing,
        };
        let follow = vec![follow; requests as usize];
        let template = TeamTemplate::new(Template::of(expected.collect()), &follow);
        Self {
            team: Team::new(template, members),
            claims: Claims::new(requests),
            bytes: (0..requests).map(|_| UnsafeCell::new(0)).collect(),
        }
    }

    /// Begins an iteration, in which nobody takes part yet.
    pub fn begin(&mut self) {
        self.team.begin();
    }

    /// Asks for a block as this thread, and writes to it.
    pub fn ask(&self) -> Asked {
        let layout = core::alloc::Layout::new::<[u8; SIZE]>();
        let Some(member) = self.team.member() else {
            self.team.refuse(layout);
            return Asked::Refused;
        };
        let claim = |block| {
            self.claims
                .try_claim(Self::segments(block))
                .then_some(block)
        };
        match self.team.find(member, layout, &Fit::Exact, claim) {
            Match::Claimed(block) => {
                member.counters.hit();
                // SAFETY: claimed; loom checks that nobody else uses it.
                self.bytes[block as usize].with_mut(|value| unsafe { *value += 1 });
                Asked::Block(block)
            }
            _ => Asked::Nothing,
        }
    }

    /// Releases a block.
    pub fn release(&self, block: u32) {
        self.claims.release(Self::segments(block));
    }

    /// The hits and the requests that were refused since the last call.
    pub fn take_counts(&mut self) -> (u64, u64) {
        let counts = self.team.take_counts();
        (counts.hits, counts.misses.unmatched)
    }

    fn segments(block: u32) -> SegmentRange {
        SegmentRange::new(block, block + 1)
    }
}
