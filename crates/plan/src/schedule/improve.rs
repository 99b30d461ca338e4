//! The improvement of an order, segment by segment.
//!
//! Stands on [`Timeline`], and on list scheduling and the search, which propose orders. Invariant:
//! the timeline's order is valid, and its load never grows.

use core::{cmp::Reverse, ops::Range};

use super::{
    indexed_graph::IndexedGraph, list_scheduling, lower_bound::lower_bound, search::search,
    segment::Segment, timeline::Timeline,
};

/// How many numbers all searches together may read: some tenths of a second.
const MOST_WORK: u64 = 1 << 26;

/// Up to this many operators, a search runs until it ends by itself.
const ALWAYS_SEARCHED: usize = 20;

/// How many numbers one search of a few steps may read.
const WINDOW_WORK: u64 = 1 << 20;

/// How many steps on either side of the largest load a search of a few steps covers; all are tried,
/// one after the other.
const WINDOWS: [usize; 4] = [6, 12, 24, 48];

/// Segments of more operators are not searched, since the sets would take too much memory.
const MOST_SEARCHED: usize = 1 << 14;

/// An order that is being improved.
pub(super) struct Improver<'g> {
    graph: &'g IndexedGraph,
    pub(super) timeline: Timeline,
    /// The load that the whole has anyway, as far as is known. Less elsewhere gains nothing.
    goal: u64,
    /// A lower bound of the load of every order.
    pub(super) bound: u64,
    /// How many numbers may still be read.
    work: u64,
}

impl<'g> Improver<'g> {
    /// Starts with the order that the graph has.
    pub(super) fn new(graph: &'g IndexedGraph) -> Self {
        Self {
            graph,
            timeline: Timeline::new(graph),
            goal: 0,
            bound: 0,
            work: match graph.len() {
                0..=ALWAYS_SEARCHED => u64::MAX,
                _ => MOST_WORK,
            },
        }
    }

    /// Improves the segments, that with the largest load first, until one of them or a step between
    /// them determines the load of the whole.
    pub(super) fn improve(&mut self) {
        let mut segments = self.timeline.segments(self.graph);
        self.bound = self.peak_between(&segments);
        self.goal = self.bound;
        segments.sort_by_key(|steps| Reverse(self.timeline.peak(steps.clone())));
        for steps in segments {
            if self.timeline.peak(steps.clone()) <= self.goal {
                break;
            }
            self.improve_segment(steps.clone());
            self.goal = self.goal.max(self.timeline.peak(steps));
        }
    }

    /// The largest load of the steps that are in no segment.
    fn peak_between(&self, segments: &[Range<usize>]) -> u64 {
        let starts = segments.iter().map(|steps| steps.start);
        let ends = segments.iter().map(|steps| steps.end);
        let between = core::iter::once(0).chain(ends);
        let between = between.zip(starts.chain([self.timeline.loads.len()]));
        let peaks = between.map(|(start, end)| self.timeline.peak(start..end));
        peaks.max().unwrap_or(0)
    }

    fn improve_segment(&mut self, steps: Range<usize>) {
        let segment = Segment::new(self.graph, &self.timeline, steps.clone());
        self.bound = self.bound.max(lower_bound(&segment));
        self.goal = self.goal.max(self.bound);
        self.apply_best_list(&segment, &steps);
        // Half of the work is left for the windows.
        let mut work = self.work / 2;
        self.work -= work;
        let is_optimal = self.search_segment(steps.clone(), &mut work);
        self.work += work;
        if !is_optimal {
            self.improve_windows(steps);
        }
    }

    /// Takes the best order that list scheduling makes, if it is better.
    fn apply_best_list(&mut self, segment: &Segment, steps: &Range<usize>) {
        let (mut best_peak, mut best) = (self.timeline.peak(steps.clone()), None);
        let mut orders = list_scheduling::orders(segment);
        while best_peak > self.goal {
            let Some(order) = orders.next() else {
                break;
            };
            let loads = segment.loads(&order);
            let peak = loads.iter().copied().max().unwrap_or(0);
            if peak < best_peak {
                (best_peak, best) = (peak, Some((order, loads)));
            }
        }
        if let Some((order, loads)) = best {
            let start = steps.start;
            self.timeline.replace(self.graph, start, &order, &loads);
        }
    }

    /// Searches the orders of a segment and takes the best. Returns whether the segment's order is
    /// known to be optimal.
    fn search_segment(&mut self, steps: Range<usize>, work: &mut u64) -> bool {
        let peak = self.timeline.peak(steps.clone());
        if peak <= self.goal {
            return true;
        }
        if steps.len() > MOST_SEARCHED {
            return false;
        }
        let bound = self.search_steps(steps.clone(), work);
        if bound > self.goal {
            self.bound = self.bound.max(bound);
        }
        self.timeline.peak(steps) <= self.goal.max(bound)
    }

    /// Searches the orders of any steps and takes the best. Returns a lower bound of their load,
    /// which holds if it is above the goal.
    fn search_steps(&mut self, steps: Range<usize>, work: &mut u64) -> u64 {
        // Made anew, since operators are numbered in the order that they have now.
        let segment = Segment::new(self.graph, &self.timeline, steps.clone());
        let peak = self.timeline.peak(steps.clone());
        let found = search(&segment, self.goal, peak, work);
        if let Some(order) = found.order {
            let loads = segment.loads(&order);
            let start = steps.start;
            self.timeline.replace(self.graph, start, &order, &loads);
        }
        found.bound
    }

    /// Lowers the largest load of a segment by other orders of the steps around it, until that does
    /// not help any more.
    fn improve_windows(&mut self, segment: Range<usize>) {
        loop {
            let peak = self.timeline.peak(segment.clone());
            let at = segment
                .clone()
                .find(|&step| self.timeline.loads[step] == peak);
            let Some(at) = at.filter(|_| peak > self.goal && self.work >= WINDOW_WORK) else {
                return;
            };
            // Finding the largest load reads the loads of all steps.
            self.work = self.work.saturating_sub(segment.len() as u64);
            let is_lowered = WINDOWS.iter().any(|&steps| {
                let start = at.saturating_sub(steps).max(segment.start);
                let window = start..(at + steps + 1).min(segment.end);
                self.lower_window(window, peak)
            });
            if !is_lowered {
                return;
            }
        }
    }

    /// Searches the orders of these steps and takes the best. Returns whether all loads are below
    /// `peak` now.
    fn lower_window(&mut self, window: Range<usize>, peak: u64) -> bool {
        let mut work = WINDOW_WORK.min(self.work);
        self.work -= work;
        self.search_steps(window.clone(), &mut work);
        // Preparing a search is work too, however short the search.
        self.work = (self.work + work).saturating_sub(64 * window.len() as u64);
        self.timeline.peak(window) < peak
    }
}
