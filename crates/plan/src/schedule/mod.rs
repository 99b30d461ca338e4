//! An order of a graph's operators in which less is alive at once.
//!
//! Stands on [`Graph`] and its lifetimes. [`Graph::reordered`] keeps what is written, read and waited for, and changes only when: it lowers the load,
//! the most bytes alive at one step, which no plan's peak can be below. Invariant: what comes out is a valid order with no
//! larger load than the given one, and that very order if nothing better was found.
//!
//! ```text
//!         ┌─► a1 ─► a2 ─┐          a1 b1 a2 b2 join: a1 and b1, both large, are alive together
//! start ──┤             ├─► join
//!         └─► b1 ─► b2 ─┘          a1 a2 b1 b2 join: of a, only the small a2 is alive beside b1
//! ```
//!
//! What is counted is families of views (`timeline`), and at an operator's step what it writes in place is not counted twice (`in_place`):
//! the loads are those of the lifetimes in every order, so the best order here is the best of all. The steps are divided at the operators that have one place in every order (`timeline`). What is between two of
//! them is ordered by itself, the part with the largest load first, and only as far as it matters for the whole: by simple
//! rules (`greedy`), then by a search that finds the best order if it ends (`search`), and where it does not, by
//! searches of a few steps around the largest load. `bound` says when there is nothing left to gain. All of it is
//! deterministic, and limited by counted work instead of time.

mod in_place;
mod timeline;
mod problem;
mod bound;
mod greedy;
mod search;

use alloc::vec::Vec;
use core::{cmp::Reverse, ops::Range};

use crate::graph::Graph;
use crate::lifetimes::Aliasing;
use problem::Problem;
use timeline::{Model, Timeline};

/// How many numbers all searches together may read: some tenths of a second.
const MOST_WORK: u64 = 1 << 26;

/// Up to this many operators, a search is left to end by itself.
const ALWAYS_SEARCHED: usize = 20;

/// How many of them may go into one search of a few steps.
const WINDOW_WORK: u64 = 1 << 20;

/// Steps on either side of the largest load that such a search takes in: one after the other.
const WINDOWS: [usize; 4] = [6, 12, 24, 48];

/// No search of more operators: sets of them would take too much memory.
const MOST_SEARCHED: usize = 1 << 14;

/// A graph with its operators in another order, from [`Graph::reordered`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reordered {
    /// The same tensors under the same ids, and the same operators in the new order.
    pub graph: Graph,
    /// For each step of the new order, the step at which the given graph has that operator.
    pub order: Vec<usize>,
    /// The most bytes alive at one step of the given order.
    pub load_before: u64,
    /// The most bytes alive at one step of the new order; never above `load_before`.
    pub load_after: u64,
    /// Whether it is proven that no order has a smaller load. Never said of several streams.
    pub is_optimal: bool,
}

impl Graph {
    /// The same graph with its operators in an order that has a smaller load, if one is found.
    ///
    /// The load is that of [`Lifetimes::load`](crate::Lifetimes::load), in bytes, without alignment, of all devices together. Up to 20 operators
    /// always get the best order, larger graphs of limited width often; the same graph gets the same order on every
    /// machine. 100,000 operators take seconds.
    ///
    /// Every operator comes after those that write what it reads and those for which it [waits](crate::graph::OpBuilder::after). A graph with operators
    /// on several streams keeps its order: another one would change what may run at the same time.
    ///
    /// ```
    /// use core::alloc::Layout;
    /// use orionrt_plan::GraphBuilder;
    ///
    /// let mut g = GraphBuilder::new();
    /// let bytes = |size| Layout::from_size_align(size, 1);
    /// let x = g.tensor("x", bytes(10)?);
    /// let [a1, a2] = [g.tensor("a1", bytes(100)?), g.tensor("a2", bytes(10)?)];
    /// let [b1, b2] = [g.tensor("b1", bytes(100)?), g.tensor("b2", bytes(10)?)];
    /// let y = g.tensor("y", bytes(10)?);
    /// g.op("widen a").reads([x]).writes([a1]);
    /// g.op("widen b").reads([x]).writes([b1]);
    /// g.op("reduce a").reads([a1]).writes([a2]);
    /// g.op("reduce b").reads([b1]).writes([b2]);
    /// g.op("join").reads([a2, b2]).writes([y]);
    /// let reordered = g.output(y).build()?.reordered();
    ///
    /// assert_eq!(reordered.order, [0, 2, 1, 3, 4]);
    /// assert_eq!((reordered.load_before, reordered.load_after), (210, 120));
    /// assert!(reordered.is_optimal);
    /// assert_eq!(reordered.graph.ops()[1].name(), "reduce a");
    /// assert_eq!(reordered.graph.lifetimes().load(), 120);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn reordered(&self) -> Reordered {
        self.reordered_with(Aliasing::InPlace)
    }

    /// The same for lifetimes [with as much sharing](Graph::lifetimes_with) of bytes between an operator's operands and results.
    ///
    /// ```
    /// use core::alloc::Layout;
    /// use orionrt_plan::{Aliasing, GraphBuilder};
    ///
    /// let mut g = GraphBuilder::new();
    /// let [x, y, mean] = [("x", 100), ("y", 100), ("mean", 10)].map(|(name, bytes)| g.tensor(name, Layout::array::<u8>(bytes).unwrap()));
    /// g.op("load").writes([x]);
    /// g.op("relu").in_place(y, x);
    /// g.op("mean").reads([x]).writes([mean]);
    /// let graph = g.output(y).output(mean).build()?;
    ///
    /// // In place where `x` is not needed any more: the mean is to come first.
    /// let reordered = graph.reordered_with(Aliasing::InPlace);
    /// assert_eq!(reordered.order, [0, 2, 1]);
    /// assert_eq!((reordered.load_before, reordered.load_after), (210, 110));
    /// assert_eq!(graph.reordered_with(Aliasing::Off).load_after, 210);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn reordered_with(&self, aliasing: Aliasing) -> Reordered {
        let load_before = self.lifetimes_with(aliasing).load();
        let kept = |is_optimal| Reordered {
            graph: self.clone(),
            order: (0..self.ops().len()).collect(),
            load_before,
            load_after: load_before,
            is_optimal,
        };
        let mut ops = self.ops().windows(2);
        if ops.any(|pair| pair[0].stream() != pair[1].stream()) {
            return kept(false);
        }
        let model = Model::new(self, aliasing);
        let mut ordering = Ordering::new(&model);
        ordering.improve();
        let order = ordering.timeline.order.iter().map(|&op| op as usize);
        let order: Vec<usize> = order.collect();
        let graph = self.with_order(&order);
        let load_after = graph.lifetimes_with(aliasing).load();
        let is_optimal = |load| order.is_empty() || ordering.bound >= load;
        if load_after >= load_before {
            return kept(is_optimal(load_before));
        }
        Reordered {
            is_optimal: is_optimal(load_after),
            graph,
            order,
            load_before,
            load_after,
        }
    }
}

/// An order on its way to a better one.
struct Ordering<'m> {
    model: &'m Model,
    timeline: Timeline,
    /// The load that the whole has anyway, as far as is known: nothing is gained by less elsewhere.
    goal: u64,
    /// The load that every order has, as far as is known.
    bound: u64,
    /// How many numbers may still be read.
    work: u64,
}

impl<'m> Ordering<'m> {
    fn new(model: &'m Model) -> Self {
        Self {
            model,
            timeline: Timeline::new(model),
            goal: 0,
            bound: 0,
            work: if model.grows.len() <= ALWAYS_SEARCHED {
                u64::MAX
            } else {
                MOST_WORK
            },
        }
    }

    fn improve(&mut self) {
        let mut segments = self.timeline.segments(self.model);
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
        let problem = Problem::new(self.model, &self.timeline, steps.clone());
        self.bound = self.bound.max(bound::floor(&problem));
        self.goal = self.goal.max(self.bound);
        self.choose(&problem, &steps);
        // The families are numbered anew in the order that the segment has now.
        let mut work = self.work / 2;
        self.work -= work;
        let is_proven = self.search(steps.clone(), &mut work);
        self.work += work;
        if !is_proven {
            self.improve_windows(steps);
        }
    }

    /// Takes the best order that a simple rule makes, if it is better.
    fn choose(&mut self, problem: &Problem, steps: &Range<usize>) {
        let mut best = (self.timeline.peak(steps.clone()), None);
        let mut orders = greedy::orders(problem);
        while best.0 > self.goal
            && let Some(order) = orders.next()
        {
            let loads = problem.loads(&order);
            let peak = loads.iter().copied().max().unwrap_or(0);
            if peak < best.0 {
                best = (peak, Some((order, loads)));
            }
        }
        if let (_, Some((order, loads))) = best {
            let start = steps.start;
            self.timeline.replace(self.model, start, &order, &loads);
        }
    }

    /// Searches the orders of these steps, a segment, and takes the best; whether there is no better one.
    fn search(&mut self, steps: Range<usize>, work: &mut u64) -> bool {
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

    /// Searches the orders of any steps, and takes the best; the bound of their load, if it is above the goal.
    fn search_steps(&mut self, steps: Range<usize>, work: &mut u64) -> u64 {
        let problem = Problem::new(self.model, &self.timeline, steps.clone());
        let peak = self.timeline.peak(steps.clone());
        let found = search::search(&problem, self.goal, peak, work);
        if let Some(order) = found.order {
            let loads = problem.loads(&order);
            let start = steps.start;
            self.timeline.replace(self.model, start, &order, &loads);
        }
        found.bound
    }

    /// Lowers the largest load of a segment by other orders of the steps around it, until that does not help any more.
    fn improve_windows(&mut self, segment: Range<usize>) {
        loop {
            let peak = self.timeline.peak(segment.clone());
            let at = segment
                .clone()
                .find(|&step| self.timeline.loads[step] == peak);
            let Some(at) = at.filter(|_| peak > self.goal && self.work >= WINDOW_WORK) else {
                return;
            };
            // Finding the largest load reads them all.
            self.work = self.work.saturating_sub(segment.len() as u64);
            let is_lowered = WINDOWS.iter().any(|&steps| {
                let start = at.saturating_sub(steps).max(segment.start);
                let window = start..(at + steps + 1).min(segment.end);
                self.lower(window, peak)
            });
            if !is_lowered {
                return;
            }
        }
    }

    /// Whether another order of these steps has a load below `peak`, which is then taken.
    fn lower(&mut self, window: Range<usize>, peak: u64) -> bool {
        let mut work = WINDOW_WORK.min(self.work);
        self.work -= work;
        self.search_steps(window.clone(), &mut work);
        // Short of a search, there is the work of preparing one.
        self.work = (self.work + work).saturating_sub(64 * window.len() as u64);
        self.timeline.peak(window) < peak
    }
}
