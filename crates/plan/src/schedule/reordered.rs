//! [`Graph::reordered`]: the entry to everything above.
//!
//! Stands on [`Improver`] and [`Contracted`]. Invariant: the load reported is that of the lifetimes
//! of the graph that is returned, and not above that of the graph that was given.

use alloc::vec::Vec;

use super::{contracted::Contracted, improve::Improver, indexed_graph::IndexedGraph};
use crate::graph::Graph;
use crate::lifetimes::Aliasing;

/// A graph with its operators in another order, from [`Graph::reordered`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reordered {
    /// The graph with its operators in the new order; tensors keep their ids.
    pub graph: Graph,
    /// For each step of the new order, the step of that operator in the given graph.
    pub order: Vec<usize>,
    /// The most bytes alive at one step of the given order.
    pub load_before: u64,
    /// The most bytes alive at one step of the new order; never above `load_before`.
    pub load_after: u64,
    /// Whether it is proven that no order has a smaller load; never with several streams, nor with
    /// branches and loops, whose loads are estimated.
    pub is_optimal: bool,
}

impl Graph {
    /// Puts the operators into an order with a smaller load, if one is found.
    ///
    /// The load is that of [`Lifetimes::load`](crate::Lifetimes::load): the most bytes alive at one
    /// step, without alignment, of all devices together. Up to 20 operators always get the best
    /// order, and larger graphs of limited width often do. The result is the same on every machine.
    /// 100,000 operators take seconds.
    ///
    /// Every operator comes after those that write what it reads and those for which it
    /// [waits](crate::graph::OpBuilder::after). A graph with operators on several streams keeps its
    /// order, since another one would change what may run at the same time. Branches and loops move
    /// as a whole, and what is in them keeps its order.
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

    /// Puts the operators into an order with a smaller load of the
    /// [lifetimes with this much aliasing](Graph::lifetimes_with), if one is found; see
    /// [`reordered`](Self::reordered).
    ///
    /// ```
    /// use core::alloc::Layout;
    /// use orionrt_plan::{Aliasing, GraphBuilder};
    ///
    /// let mut g = GraphBuilder::new();
    /// let [x, y] = ["x", "y"].map(|name| g.tensor(name, Layout::new::<[u8; 100]>()));
    /// let mean = g.tensor("mean", Layout::new::<[u8; 10]>());
    /// g.op("load").writes([x]);
    /// g.op("relu").in_place(y, x);
    /// g.op("mean").reads([x]).writes([mean]);
    /// let graph = g.output(y).output(mean).build()?;
    ///
    /// // `relu` can work in place only if nobody needs `x` afterwards, so `mean` goes first.
    /// let reordered = graph.reordered_with(Aliasing::InPlace);
    /// assert_eq!(reordered.order, [0, 2, 1]);
    /// assert_eq!((reordered.load_before, reordered.load_after), (210, 110));
    /// assert_eq!(graph.reordered_with(Aliasing::Off).load_after, 210);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn reordered_with(&self, aliasing: Aliasing) -> Reordered {
        let lifetimes = self.lifetimes_with(aliasing);
        let load_before = lifetimes.load();
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
        let (order, bound) = if self.constructs().is_empty() {
            let (order, bound) = best_order(self, aliasing);
            // The search counts bytes for outputs that have those of an input, and for parts.
            let counts_all = self.output_aliases().is_empty() && aliasing <= Aliasing::InPlace;
            (order, bound * u64::from(counts_all))
        } else {
            let Ok(contracted) = Contracted::new(self, &lifetimes, aliasing) else {
                return kept(false);
            };
            // Estimated loads prove nothing.
            let (order, _) = best_order(&contracted.graph, aliasing);
            (contracted.expanded(&order), 0)
        };
        let graph = self.with_order(&order);
        let load_after = graph.lifetimes_with(aliasing).load();
        let is_optimal = |load| order.is_empty() || bound >= load;
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

/// An order with a small load, and a lower bound of the load of every order.
fn best_order(graph: &Graph, aliasing: Aliasing) -> (Vec<usize>, u64) {
    let indexed = IndexedGraph::new(graph, aliasing);
    let mut improver = Improver::new(&indexed);
    improver.improve();
    let order = improver.timeline.order.iter().map(|&op| op as usize);
    (order.collect(), improver.bound)
}
