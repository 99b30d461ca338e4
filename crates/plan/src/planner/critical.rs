//! The critical set first: buffers that live through sections with much load are searched, and all
//! others are placed around them greedily.
//!
//! Most buffers of a large instance are easy to place. The *critical set* holds those that live
//! through a section with nearly as much load as the capacity. The [skyline search](super::skyline)
//! fits them below the capacity, the others take the lowest free bytes, and what then ends above
//! the capacity joins the set for the next attempt.
//!
//! Invariant: a buffer that has joined the set never leaves it.

use alloc::vec::Vec;

use super::incumbent::Incumbent;
use super::section_space::SectionDecoder;
use super::size_buckets::SizeBuckets;
use super::skyline::{SearchOutcome, SkylineSolver};
use super::strategy::Task;
use crate::lifetimes::Lifetime;

/// A section is tight if its load is at least this share of the capacity, in percent.
const TIGHT_PERCENT: u64 = 95;
/// If the critical set holds more than this share of the buffers, in percent, all buffers join it.
const MOST_PERCENT: usize = 60;
/// Up to this many buffers, all of them are critical.
const SMALL: usize = 500;

/// How an attempt to keep within a capacity ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    /// The incumbent keeps within the capacity.
    Fits,
    /// The nodes or the budget ran out.
    Spent,
    /// Nothing is left to try: there is no plan within the capacity.
    Exhausted,
    /// As good as exhausted, without a proof.
    GivenUp,
    /// The critical set is too large for the skyline search.
    TooLarge,
}

/// The critical set of a task, and a solver for each of its components.
#[derive(Debug)]
pub(super) struct CriticalSet {
    /// The largest load of the sections that each buffer covers.
    peak_loads: Vec<u64>,
    /// The order in which the other buffers are placed.
    greedy_order: Vec<usize>,
    is_critical: Vec<bool>,
    count: usize,
    components: Vec<Component>,
    /// Whether `components` are those of the present set.
    is_current: bool,
}

/// Critical buffers that overlap no other critical buffer in time.
#[derive(Debug)]
struct Component {
    positions: Vec<usize>,
    solver: SkylineSolver,
}

impl CriticalSet {
    /// The empty set: each attempt adds what is critical.
    pub(super) fn empty(task: &Task<'_>, decoder: &SectionDecoder<'_>) -> Self {
        let sections = decoder.sections();
        Self {
            peak_loads: sections.peak_loads(task.buffers),
            greedy_order: SizeBuckets::default_order(task.buffers, sections),
            is_critical: alloc::vec![false; task.buffers.len()],
            count: 0,
            components: Vec::new(),
            is_current: false,
        }
    }

    /// The set of all buffers: nothing but the search places any.
    pub(super) fn all(task: &Task<'_>, decoder: &SectionDecoder<'_>) -> Self {
        let mut set = Self::empty(task, decoder);
        set.join(0..task.buffers.len());
        set
    }

    /// Looks for a plan within `capacity`, visiting about `nodes` nodes.
    pub(super) fn attempt(
        &mut self,
        task: &Task<'_>,
        capacity: u64,
        nodes: u64,
        decoder: &mut SectionDecoder<'_>,
        incumbent: &mut Incumbent,
    ) -> Attempt {
        let tight = (u128::from(capacity) * u128::from(TIGHT_PERCENT) / 100) as u64;
        let tight: Vec<usize> = self.with_peak_load(tight).collect();
        self.join(tight);
        loop {
            if !self.is_current && !self.divide(task) {
                return Attempt::TooLarge;
            }
            match self.solve(task, capacity, nodes) {
                SearchOutcome::Fits => {}
                SearchOutcome::Spent => return Attempt::Spent,
                SearchOutcome::Exhausted => return Attempt::Exhausted,
                SearchOutcome::GivenUp => return Attempt::GivenUp,
            }
            let placed = self.placed();
            let peak = decoder.decode_around(&placed, &self.greedy_order, &task.budget);
            let Some(peak) = peak else {
                return Attempt::Spent;
            };
            incumbent.offer(task, peak, decoder.offsets());
            if peak <= capacity {
                return Attempt::Fits;
            }
            let ends = task.buffers.iter().zip(decoder.offsets());
            let ends = ends.map(|(buffer, offset)| offset.saturating_add(buffer.size));
            let above = ends.enumerate().filter(|(_, end)| *end > capacity);
            self.join(above.map(|(i, _)| i));
            if self.is_current {
                return Attempt::Spent;
            }
        }
    }

    /// The buffers that live through a section with at least this load.
    fn with_peak_load(&self, load: u64) -> impl Iterator<Item = usize> {
        let peak_loads = self.peak_loads.iter().enumerate();
        peak_loads
            .filter(move |(_, most)| **most >= load)
            .map(|(i, _)| i)
    }

    fn join(&mut self, buffers: impl IntoIterator<Item = usize>) {
        let before = self.count;
        for i in buffers {
            self.count += usize::from(!self.is_critical[i]);
            self.is_critical[i] = true;
        }
        let all = self.is_critical.len();
        if all <= SMALL || self.count * 100 > all * MOST_PERCENT {
            self.is_critical.fill(true);
            self.count = all;
        }
        self.is_current &= self.count == before;
    }

    fn solve(&mut self, task: &Task<'_>, capacity: u64, nodes: u64) -> SearchOutcome {
        let mut all = SearchOutcome::Fits;
        for component in &mut self.components {
            match component.solver.solve(capacity, nodes, &task.budget) {
                SearchOutcome::Fits => {}
                // Another component may have the proof that this one lacks.
                SearchOutcome::GivenUp => all = SearchOutcome::GivenUp,
                outcome => return outcome,
            }
        }
        all
    }

    /// Divides the set into components; `false` if one is too large for the search.
    fn divide(&mut self, task: &Task<'_>) -> bool {
        let mut members: Vec<usize> = (0..self.is_critical.len())
            .filter(|&i| self.is_critical[i] || task.buffers[i].fixed_offset.is_some())
            .collect();
        members.sort_by_key(|&i| (task.buffers[i].lower, i));
        let mut components = Vec::new();
        let mut until = i64::MIN;
        for i in members {
            let buffer = &task.buffers[i];
            if buffer.lower >= until || components.is_empty() {
                components.push(Vec::new());
            }
            until = until.max(buffer.upper);
            if let Some(component) = components.last_mut() {
                component.push(i);
            }
        }
        let component = |positions: Vec<usize>| {
            let buffers: Vec<Lifetime> = positions.iter().map(|&i| task.buffers[i]).collect();
            SkylineSolver::is_affordable(&buffers).then(|| Component {
                solver: SkylineSolver::new(&buffers, task.seed),
                positions,
            })
        };
        let components: Option<Vec<Component>> = components.into_iter().map(component).collect();
        self.is_current = components.is_some();
        self.components = components.unwrap_or_default();
        self.is_current
    }

    /// Where the solvers put the critical buffers: pairs of position and offset.
    fn placed(&self) -> Vec<(usize, u64)> {
        let each = self.components.iter().flat_map(|component| {
            let placed = component.solver.placed();
            placed.map(|(position, offset)| (component.positions[position], offset))
        });
        each.collect()
    }
}
