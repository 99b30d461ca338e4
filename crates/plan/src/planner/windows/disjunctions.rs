//! The lowest peak of a few buffers with windows, by deciding one disjunction after the other
//! (Balas 1969, for the shops of machine scheduling).
//!
//! A range of forbidden distances leaves two ways out: one buffer is far enough above the other, or
//! the other is. Each way is an arc: *this offset is at least that one plus so much*. The least
//! offsets that satisfy all arcs are a longest path. If these offsets violate no range, they are
//! optimal for these arcs; otherwise some range that they violate is decided, both ways.
//!
//! ```text
//! a at 0, b at 0, c at 0        a and b overlap: b above a, or a above b
//! a at 0, b at 4, c at 0        b and c overlap: c above b, or b above c ...
//! ```
//!
//! This is complete: a plan that satisfies the arcs so far satisfies one of the two ways, too.

use alloc::{collections::VecDeque, vec::Vec};

use super::distances::{Distances, Forbidden};
use crate::planner::budget::CheckInterval;
use crate::planner::gap::align_up;
use crate::planner::incumbent::Incumbent;
use crate::planner::strategy::Task;

/// The most buffers, and the most ranges of distances from both sides, of which mostly all ways
/// that matter can be tried. The ranges bound the depth of the search, too.
const MOST_BUFFERS: usize = 24;
const MOST_RANGES: usize = 2048;
/// Nodes after which other methods do better.
const MOST_NODES: u64 = 1 << 17;
/// How often an arc may raise its own start through others, where alignments differ. Where they do
/// not, once means that nothing satisfies the arcs.
const MOST_ROUNDS: u32 = 64;

/// Whether there are few enough buffers for this search.
pub(super) fn are_few(task: &Task<'_>, distances: &Distances) -> bool {
    task.buffers.len() <= MOST_BUFFERS && distances.len() <= MOST_RANGES
}

/// Looks for a peak below the incumbent's. Returns whether to stop: the incumbent is optimal, it
/// reaches the goal, or the budget is spent.
pub(super) fn improve(task: &Task<'_>, distances: &Distances, incumbent: &mut Incumbent) -> bool {
    let buffers = task.buffers;
    let mut search = DisjunctionSearch {
        task,
        distances,
        offsets: buffers
            .iter()
            .map(|b| b.fixed_offset.unwrap_or(0))
            .collect(),
        arcs: alloc::vec![Vec::new(); buffers.len()],
        raised: Vec::new(),
        are_equally_aligned: buffers.windows(2).all(|b| b[0].alignment == b[1].alignment),
        is_complete: true,
        incumbent,
        nodes: 0,
    };
    let is_complete = search.decide().is_some() && search.is_complete;
    if is_complete {
        task.prove(incumbent.peak);
    }
    is_complete || incumbent.peak <= task.goal || task.budget.is_over()
}

/// The offset of `above` is at least that of the buffer that the arc begins at plus `distance`.
#[derive(Clone, Copy)]
struct Arc {
    above: usize,
    distance: i64,
}

/// One way to satisfy a range of forbidden distances, and how high that raises a buffer's end.
struct Way {
    from: usize,
    arc: Arc,
    end: u64,
}

struct DisjunctionSearch<'s, 't> {
    task: &'s Task<'t>,
    distances: &'s Distances,
    /// The least offsets that satisfy all arcs.
    offsets: Vec<u64>,
    /// The arcs that begin at each buffer.
    arcs: Vec<Vec<Arc>>,
    /// Which offsets arcs have raised, and what they were before.
    raised: Vec<(usize, u64)>,
    are_equally_aligned: bool,
    /// Whether nothing has been left out that might be a plan.
    is_complete: bool,
    incumbent: &'s mut Incumbent,
    nodes: u64,
}

impl DisjunctionSearch<'_, '_> {
    /// Tries all plans that satisfy the arcs. `None` if the search ended early, at the goal or out
    /// of nodes.
    fn decide(&mut self) -> Option<()> {
        self.count_node()?;
        let peak = self.task.peak(&self.offsets);
        if peak >= self.incumbent.peak {
            return Some(());
        }
        let Some(ways) = self.most_constrained() else {
            let is_goal = self.incumbent.offer(self.task, peak, &self.offsets);
            return (!is_goal).then_some(());
        };
        for Way { from, arc, .. } in ways {
            let before = self.raised.len();
            self.arcs[from].push(arc);
            let ended = match self.raise(from, arc) {
                true => self.decide(),
                false => Some(()),
            };
            self.arcs[from].pop();
            for (buffer, offset) in self.raised.drain(before..).rev() {
                self.offsets[buffer] = offset;
            }
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

    /// Of the violated ranges, the two ways out of the one whose better way raises most; that way
    /// first. `None` if no range is violated.
    fn most_constrained(&self) -> Option<[Way; 2]> {
        let all = 0..self.offsets.len();
        let pairs = all.flat_map(|this| self.distances.of(this).iter().map(move |f| (this, f)));
        let ways = pairs.filter_map(|(this, forbidden)| self.ways(this, forbidden));
        ways.max_by_key(|[better, worse]| (better.end, worse.end))
    }

    /// The two ways out of a range, if it is violated and this buffer is the first of the two.
    fn ways(&self, this: usize, forbidden: &Forbidden) -> Option<[Way; 2]> {
        let Forbidden {
            other, distances, ..
        } = forbidden;
        let other = *other as usize;
        let distance = self.offsets[this] as i64 - self.offsets[other] as i64;
        if this > other || !distances.contains(&distance) {
            return None;
        }
        let way = |from: usize, above: usize, distance: i64| Way {
            from,
            arc: Arc { above, distance },
            end: self.least(from, Arc { above, distance }) + self.task.buffers[above].size,
        };
        let above = way(other, this, distances.end);
        let below = way(this, other, 1 - distances.start);
        Some(if above.end <= below.end {
            [above, below]
        } else {
            [below, above]
        })
    }

    /// The least offset at which an arc lets its upper buffer be.
    fn least(&self, from: usize, arc: Arc) -> u64 {
        let least = i128::from(self.offsets[from]) + i128::from(arc.distance);
        // Offsets are below a peak that is below 2⁶³, and so are distances.
        let least = u64::try_from(least).unwrap_or(0);
        align_up(least, self.task.buffers[arc.above].alignment)
    }

    /// The highest offset of a buffer in a plan that is better than the incumbent; `None` if it has
    /// none.
    fn highest(&self, buffer: usize) -> Option<u64> {
        let row = &self.task.buffers[buffer];
        let end = self.incumbent.peak - 1;
        let highest = end.checked_sub(row.size)?;
        Some(row.fixed_offset.map_or(highest, |fixed| fixed.min(highest)))
    }

    /// Raises offsets until they satisfy an arc that is new, and all others again. Returns whether
    /// there are such offsets in a plan better than the incumbent.
    fn raise(&mut self, from: usize, arc: Arc) -> bool {
        let (mut changed, mut rounds) = (VecDeque::from([from]), 0);
        let mut arcs_from_start = alloc::vec![arc];
        while let Some(below) = changed.pop_front() {
            let arcs = match arcs_from_start.is_empty() {
                true => self.arcs[below].clone(),
                // At first, only the new arc may be violated.
                false => core::mem::take(&mut arcs_from_start),
            };
            for arc in arcs {
                let least = self.least(below, arc);
                if least <= self.offsets[arc.above] {
                    continue;
                }
                if self
                    .highest(arc.above)
                    .is_none_or(|highest| least > highest)
                {
                    return false;
                }
                if arc.above == from {
                    rounds += 1;
                    if self.are_equally_aligned || rounds > MOST_ROUNDS {
                        self.is_complete &= self.are_equally_aligned;
                        return false;
                    }
                }
                self.raised.push((arc.above, self.offsets[arc.above]));
                self.offsets[arc.above] = least;
                changed.push_back(arc.above);
            }
        }
        true
    }
}
