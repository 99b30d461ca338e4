//! The lowest peak of a few buffers, by branch and bound.
//!
//! Some optimal placement has every buffer as low as those below it allow. In order of their
//! offsets, each of its buffers has the lowest offset that is free and not below the offset of the
//! one before, so only such orders need to be tried.
//!
//! ```text
//! ████ a  ┆ ▒▒ b          a is placed; c has room to the left of ┆, b has none. So b is not tried
//!      ██ ┆ c             next: c would come after it, above ┆, and leave the bytes below free.
//! 0 ──────┴──── offset
//! ```

use alloc::vec::Vec;

use super::adjacency::Adjacency;
use crate::bits::ones;
use crate::lifetimes::Lifetime;
use crate::planner::budget::CheckInterval;
use crate::planner::decoder::UNPLACED;
use crate::planner::gap::{align_up, first_gap};
use crate::planner::incumbent::Incumbent;
use crate::planner::strategy::Task;

/// The most buffers: sets of them fit a word, and mostly all orders that matter can be tried.
pub(super) const MOST_BUFFERS: usize = 20;
/// Nodes after which other methods do better.
const MOST_NODES: u64 = 1 << 19;

/// Looks for a peak below the incumbent's. Returns whether to stop: the incumbent is optimal, it
/// reaches the goal, or the budget is spent.
pub(super) fn improve(
    task: &Task<'_>,
    adjacency: &Adjacency<'_>,
    incumbent: &mut Incumbent,
) -> bool {
    let fixed = |i: usize| task.buffers[i].fixed_offset;
    let all = 0..task.buffers.len();
    let mut search = BranchAndBound {
        task,
        neighbours: all.clone().map(|i| neighbours(adjacency, i)).collect(),
        offsets: all.clone().map(|i| fixed(i).unwrap_or(UNPLACED)).collect(),
        incumbent,
        nodes: 0,
    };
    let free = all.filter(|&i| fixed(i).is_none());
    let rest = free.fold(0, |set, i| set | 1 << i);
    let ended = search.place(rest, (0, 0));
    if ended.is_some() {
        task.prove(incumbent.peak);
    }
    ended.is_some() || incumbent.peak <= task.goal || task.budget.is_over()
}

/// A set of buffers, a bit for each.
type BufferSet = u64;

fn neighbours(adjacency: &Adjacency<'_>, of: usize) -> BufferSet {
    let mut set = 0;
    adjacency.for_each_neighbour(of, |other| set |= 1 << other);
    set
}

struct BranchAndBound<'s, 't> {
    task: &'s Task<'t>,
    neighbours: Vec<BufferSet>,
    offsets: Vec<u64>,
    incumbent: &'s mut Incumbent,
    nodes: u64,
}

impl BranchAndBound<'_, '_> {
    /// Tries all ways to place the `rest` at or above an offset, and exactly at that offset only
    /// buffers from a position on. `None` if the search ended early, at the goal or out of nodes.
    fn place(&mut self, rest: BufferSet, from: (u64, usize)) -> Option<()> {
        self.count_node()?;
        if rest == 0 {
            let peak = self.task.peak(&self.offsets);
            let is_goal = self.incumbent.offer(self.task, peak, &self.offsets);
            return (!is_goal).then_some(());
        }
        let mut lowest: Vec<(u64, usize)> = ones(rest)
            .map(|i| (self.lowest_free(i, from.0), i))
            .collect();
        lowest.sort_unstable();
        let end = |&(offset, i): &(u64, usize)| offset.saturating_add(self.task.buffers[i].size);
        let is_bounded = lowest.iter().any(|next| end(next) >= self.incumbent.peak);
        if is_bounded {
            return Some(());
        }
        let least_end = lowest.iter().map(end).min().unwrap_or(0);
        for (offset, i) in lowest {
            if offset >= least_end {
                break;
            }
            // Buffers at one offset are placed in order of position.
            if (offset, i) < from {
                continue;
            }
            self.offsets[i] = offset;
            let ended = self.place(rest & !(1 << i), (offset, i));
            self.offsets[i] = UNPLACED;
            ended?;
        }
        Some(())
    }

    fn count_node(&mut self) -> Option<()> {
        self.task.budget.spend(1);
        let is_due = CheckInterval::BRANCH_AND_BOUND.is_due(self.nodes);
        self.nodes += 1;
        (self.nodes < MOST_NODES && !(is_due && self.task.budget.is_over())).then_some(())
    }

    fn lowest_free(&self, index: usize, from: u64) -> u64 {
        let (mut taken, mut len) = ([const { 0..0 }; MOST_BUFFERS], 0);
        for other in ones(self.neighbours[index]).filter(|&i| self.offsets[i] != UNPLACED) {
            let start = self.offsets[other];
            taken[len] = start..start.saturating_add(self.task.buffers[other].size);
            len += 1;
        }
        let taken = &mut taken[..len];
        taken.sort_unstable_by_key(|bytes| bytes.start);
        let Lifetime {
            size, alignment, ..
        } = self.task.buffers[index];
        first_gap(taken, align_up(from, alignment), size, alignment)
    }
}
