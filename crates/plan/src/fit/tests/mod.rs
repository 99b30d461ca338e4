//! Single steps of the search, on graphs that are small enough to be worked out.
//!
//! ```text
//! made_again  roots that are recomputed after their last use
//! kept_least  operands that stay if what they are made of has more bytes
//! slow_full   what is given up where the slow memory is too full
//! missing     what stands in the way of a schedule
//! ```

use core::{alloc::Layout, cell::Cell};

use alloc::vec::Vec;

use super::{Fit, OperatorCosts, model::Model, search::Search};
use crate::graph::{Graph, GraphBuilder};

mod kept_least;
mod made_again;
mod missing;
mod slow_full;

/// A graph of tensors with these sizes. Each operator is named after its one result.
fn graph(sizes: &[(&str, usize)], ops: &[(&[&str], &str)], output: &str) -> Graph {
    let mut g = GraphBuilder::new();
    let tensors = sizes.iter().map(|&(name, size)| {
        let layout = Layout::from_size_align(size, 1).expect("small");
        (name, g.tensor(name, layout))
    });
    let tensors: Vec<_> = tensors.collect();
    let find = |name: &str| tensors.iter().find(|(other, _)| *other == name);
    let id = |name: &str| find(name).expect("a tensor of the graph").1;
    for (reads, result) in ops {
        g.op(*result)
            .reads(reads.iter().map(|name| id(name)))
            .writes([id(result)]);
    }
    g.output(id(output)).build().expect("a graph")
}

/// A model of a graph whose operators may be rerun, for a second each.
fn model(graph: &Graph) -> Model {
    let costs = OperatorCosts::from_seconds(graph.ops().iter().map(|_| 1.0));
    let costs = costs.expect("not negative");
    Model::new(graph, &costs, &Fit::within(0).recompute(true))
}

/// The root of a tensor.
fn root(graph: &Graph, model: &Model, name: &str) -> u32 {
    let id = graph.find(name).expect("a tensor of the graph");
    let root = model.roots.iter().position(|root| root.tensor == id);
    root.expect("it has bytes of its own") as u32
}

/// A search within a capacity.
fn search(model: &Model, capacity: u64) -> Search<'_> {
    Search {
        model,
        capacity,
        slow_capacity: 0,
        work: 10_000,
        visited: Cell::default(),
        goal: 0.0,
        cancels: &[],
    }
}
