//! The lowest peak of a few buffers, by branch and bound.
//!
//! Some optimal placement has every buffer as low as those below it let it be. Its buffers, in order of their offsets, each
//! have the lowest offset that is free and not below the one before, so it is enough to try such orders.
//!
//! ```text
//! ████ a  ┆ ▒▒ b          a is placed; b has no room before ┆, c has. b is not tried as the next: after it, c would
//!      ██ ┆ c             be above ┆, though the bytes below would stay free.
//! 0 ──────┴──── offset
//! ```

use alloc::vec::Vec;

use super::decoder::{Decoder, NOWHERE, first_gap};
use crate::planner::{Task, best::Best};

/// So many buffers are few: sets of them are words, and mostly all orders that matter can be tried.
pub(super) const FEW: usize = 20;
/// Nodes after which other ways are better.
const MOST_NODES: u64 = 1 << 19;
/// Nodes between two looks at the clock.
const LOOK_AT_THE_CLOCK_EVERY: u64 = 256;

/// Looks for a peak below that of `best`; returns whether to stop: there is none below it now, or the budget is over.
pub(super) fn improve(task: &Task<'_>, decoder: &Decoder<'_>, best: &mut Best) -> bool {
    let fixed = |i: usize| task.buffers[i].fixed_offset;
    let mut search = Search {
        task,
        near: (0..task.buffers.len()).map(|i| near(decoder, i)).collect(),
        offsets: (0..task.buffers.len())
            .map(|i| fixed(i).unwrap_or(NOWHERE))
            .collect(),
        best,
        nodes: 0,
    };
    let free = (0..task.buffers.len()).filter(|&i| fixed(i).is_none());
    let rest = free.fold(0, |set, i| set | 1 << i);
    let ended = search.place(rest, (0, 0));
    ended.is_some() || best.peak <= task.goal || task.budget.is_over()
}

/// A set of buffers.
type Set = u32;

fn near(decoder: &Decoder<'_>, of: usize) -> Set {
    let mut near = 0;
    decoder.near.for_each(of, |other| near |= 1 << other);
    near
}

fn members(mut set: Set) -> impl Iterator<Item = usize> {
    core::iter::from_fn(move || {
        let first = (set != 0).then(|| set.trailing_zeros() as usize)?;
        set &= set - 1;
        Some(first)
    })
}

struct Search<'s, 't> {
    task: &'s Task<'t>,
    near: Vec<Set>,
    offsets: Vec<u64>,
    best: &'s mut Best,
    nodes: u64,
}

impl Search<'_, '_> {
    /// Tries all ways to place the rest not below an offset, and at that offset only positions that are not lower.
    /// `None` if it ended early, at the goal or out of nodes.
    fn place(&mut self, rest: Set, from: (u64, usize)) -> Option<()> {
        self.count()?;
        if rest == 0 {
            let peak = self.task.peak(&self.offsets);
            let is_goal = self.best.offer(self.task, peak, &self.offsets);
            return (!is_goal).then_some(());
        }
        let mut lowest: Vec<(u64, usize)> = members(rest)
            .map(|i| (self.lowest_free(i, from.0), i))
            .collect();
        lowest.sort_unstable();
        let end = |&(offset, i): &(u64, usize)| offset.saturating_add(self.task.buffers[i].size);
        let too_high = lowest.iter().any(|next| end(next) >= self.best.peak);
        if too_high {
            return Some(());
        }
        let least_end = lowest.iter().map(end).min().unwrap_or(0);
        for (offset, i) in lowest {
            if offset >= least_end {
                break;
            }
            // Those at one offset are placed in order of position.
            if (offset, i) < from {
                continue;
            }
            self.offsets[i] = offset;
            let ended = self.place(rest & !(1 << i), (offset, i));
            self.offsets[i] = NOWHERE;
            ended?;
        }
        Some(())
    }

    fn count(&mut self) -> Option<()> {
        self.task.budget.spend(1);
        self.nodes += 1;
        let look = self.nodes % LOOK_AT_THE_CLOCK_EVERY == 1;
        (self.nodes < MOST_NODES && !(look && self.task.budget.is_over())).then_some(())
    }

    fn lowest_free(&self, index: usize, from: u64) -> u64 {
        let (mut taken, mut len) = ([(0, 0); FEW], 0);
        for other in members(self.near[index]).filter(|&i| self.offsets[i] != NOWHERE) {
            let start = self.offsets[other];
            taken[len] = (start, start.saturating_add(self.task.buffers[other].size));
            len += 1;
        }
        taken[..len].sort_unstable();
        let buffer = &self.task.buffers[index];
        first_gap(&taken[..len], from, buffer.size, buffer.alignment)
    }
}
