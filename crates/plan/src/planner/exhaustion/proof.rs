//! Lowers the peak of an incumbent as far as possible, and claims the bound that is proven then.
//!
//! Buffers fall into *components* that have no step in common, each with a peak of its own. If one
//! component does not fit below the highest peak, that peak is proven for all buffers.

use alloc::vec::Vec;

use super::lattice::Lattice;
use super::packing::Packing;
use crate::lifetimes::Lifetime;
use crate::planner::budget::Budget;
use crate::planner::incumbent::Incumbent;
use crate::planner::skyline::SearchOutcome;
use crate::planner::strategy::Task;

/// With more buffers, other methods do better.
const MOST_BUFFERS: usize = 1024;
/// Up to this many buffers, a proof is likely.
const FEW: usize = 64;
/// With more buffers, a proof is likely if the peak is above the goal by at most this share of it.
const SMALL_GAP: u64 = 16;

/// The search for a task, which goes on where it ended.
#[derive(Debug)]
pub(crate) struct Exhaustion {
    is_of_few: bool,
    components: Vec<Component>,
}

/// Buffers that overlap no other buffer in time.
#[derive(Debug)]
struct Component {
    /// Of the task's buffers.
    positions: Vec<usize>,
    lattice: Lattice,
    /// The peak below which it was last to be packed.
    below: u64,
    packing: Result<Packing, SearchOutcome>,
}

impl Exhaustion {
    /// `None` if the task has too many buffers. Where any plan within a capacity will do, a proof
    /// says how far the capacity is out of reach: only few buffers are searched for that.
    pub(crate) fn new(task: &Task<'_>) -> Option<Self> {
        let most = match task.capacity {
            None => MOST_BUFFERS,
            Some(_) => FEW,
        };
        let count = task.buffers.len();
        (count <= most).then(|| Self {
            is_of_few: count <= FEW,
            components: components(task.buffers),
        })
    }

    /// Whether there are so few buffers that a proof may be expected of some more nodes.
    pub(crate) fn is_of_few(&self) -> bool {
        self.is_of_few
    }

    /// Whether a proof may be expected of some nodes: there are few buffers, or the peak is so near
    /// to the goal that alignment may be what is between them.
    pub(crate) fn is_promising(&self, task: &Task<'_>, incumbent: &Incumbent) -> bool {
        let gap = incumbent.peak.saturating_sub(task.goal);
        self.is_of_few || gap <= incumbent.peak / SMALL_GAP
    }

    /// Improves the incumbent, visiting about `nodes` nodes. Returns whether to stop: it is optimal
    /// or reaches the goal. If it is optimal, the task says so.
    pub(crate) fn improve(
        &mut self,
        task: &Task<'_>,
        mut nodes: u64,
        incumbent: &mut Incumbent,
    ) -> bool {
        while incumbent.peak > task.goal {
            let below = incumbent.peak;
            let mut offsets = incumbent.offsets.clone();
            let mut is_spent = false;
            for component in &mut self.components {
                if component.peak(task, &offsets) < below {
                    continue;
                }
                match component.solve(task, below, &mut nodes) {
                    SearchOutcome::Fits => component.put(&mut offsets),
                    SearchOutcome::Exhausted => {
                        task.prove(below);
                        return true;
                    }
                    SearchOutcome::Spent | SearchOutcome::GivenUp => is_spent = true,
                }
            }
            let peak = task.peak(&offsets);
            if is_spent || peak >= below {
                return false;
            }
            incumbent.offer(task, peak, &offsets);
        }
        true
    }
}

/// Whether the buffers can end at or below a capacity. Takes what is visited off `nodes`, and ends
/// without an answer when they are spent. Fixed buffers must not overlap, and end below it.
pub(crate) fn fit_within(
    buffers: &[Lifetime],
    capacity: u64,
    nodes: &mut u64,
    budget: &Budget,
) -> SearchOutcome {
    if buffers.len() > MOST_BUFFERS {
        return SearchOutcome::Spent;
    }
    let mut outcome = SearchOutcome::Fits;
    for component in components(buffers) {
        let own = component.positions.iter().map(|&i| buffers[i]);
        let found = match Packing::new(own.collect(), component.lattice, capacity, 0) {
            Ok(mut packing) => packing.solve(nodes, budget),
            Err(found) => found,
        };
        match found {
            SearchOutcome::Fits => {}
            SearchOutcome::Spent | SearchOutcome::GivenUp => outcome = SearchOutcome::Spent,
            SearchOutcome::Exhausted => return SearchOutcome::Exhausted,
        }
    }
    outcome
}

impl Component {
    fn peak(&self, task: &Task<'_>, offsets: &[u64]) -> u64 {
        let ends = self.positions.iter();
        let ends = ends.map(|&i| offsets[i].saturating_add(task.buffers[i].size));
        ends.max().unwrap_or(0)
    }

    /// Whether its buffers can end below a peak.
    fn solve(&mut self, task: &Task<'_>, below: u64, nodes: &mut u64) -> SearchOutcome {
        if self.below != below {
            self.below = below;
            self.packing = self.packing_below(task, below);
        }
        match &mut self.packing {
            Ok(packing) => packing.solve(nodes, &task.budget),
            Err(outcome) => *outcome,
        }
    }

    fn packing_below(&self, task: &Task<'_>, below: u64) -> Result<Packing, SearchOutcome> {
        let buffers = self.positions.iter().map(|&i| task.buffers[i]);
        let buffers: Vec<Lifetime> = buffers.collect();
        let peak = self.lattice.next_peak(&buffers, below);
        let peak = peak.ok_or(SearchOutcome::Exhausted)?;
        Packing::new(buffers, self.lattice, peak, task.seed)
    }

    /// Writes the offsets that were found.
    fn put(&self, offsets: &mut [u64]) {
        let Ok(packing) = &self.packing else {
            return;
        };
        for (&i, offset) in self.positions.iter().zip(packing.offsets()) {
            offsets[i] = offset;
        }
    }
}

fn components(buffers: &[Lifetime]) -> Vec<Component> {
    let mut order: Vec<usize> = (0..buffers.len()).collect();
    order.sort_by_key(|&i| (buffers[i].lower, i));
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut until = i64::MIN;
    for i in order {
        match groups.last_mut() {
            Some(group) if buffers[i].lower < until => group.push(i),
            _ => groups.push(alloc::vec![i]),
        }
        until = until.max(buffers[i].upper);
    }
    let component = |positions: Vec<usize>| {
        let buffers: Vec<Lifetime> = positions.iter().map(|&i| buffers[i]).collect();
        Component {
            positions,
            lattice: Lattice::of(&buffers),
            below: u64::MAX,
            packing: Err(SearchOutcome::Spent),
        }
    };
    groups.into_iter().map(component).collect()
}
