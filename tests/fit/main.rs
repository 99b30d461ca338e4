//! `Planner::fit`: schedules with spills, fetches and reruns compute what the graph computes,
//! within the capacities, and cost little more than they must.
//!
//! ```text
//! ways        what is spilled, recomputed, compressed and kept
//! least_cost  added costs beside those of the cheapest of all schedules
//! search      what single steps of the search find, and when it ends
//! values      random graphs on a machine that follows schedules byte by byte
//! parts       operands that lie within the results of concatenations
//! read_within operands that are read within them afterwards
//! costs       the costs of operators, and of schedules
//! refused     graphs and options that mean nothing
//! ```

use std::alloc::Layout;

use orionrt::{
    Graph, GraphBuilder, Planner,
    fit::{Fit, FitAction, FitSchedule, Fitted, SlowMemory},
};

mod costs;
mod least_cost;
mod parts;
mod read_within;
mod refused;
mod search;
mod values;
mod ways;

fn bytes(size: usize) -> Layout {
    Layout::from_size_align(size, 1).expect("small")
}

/// A chain in which the first result is needed once more at the end, and has to leave.
fn skip() -> (Graph, Fit) {
    let mut g = GraphBuilder::new();
    let sizes = [
        ("x", 10),
        ("skip", 10),
        ("a", 20),
        ("b", 20),
        ("c", 10),
        ("y", 10),
    ];
    let [x, skip, a, b, c, y] = sizes.map(|(name, size)| g.tensor(name, bytes(size)));
    g.op("conv 0").reads([x]).writes([skip]);
    g.op("conv 1").reads([skip]).writes([a]);
    g.op("conv 2").reads([a]).writes([b]);
    g.op("conv 3").reads([b]).writes([c]);
    g.op("add").reads([c, skip]).writes([y]);
    let graph = g.output(y).build().expect("a chain");
    let fit = Fit::within(40).slow(SlowMemory::new(100, 10.0));
    (graph, fit)
}

fn fitted(graph: &Graph, fit: &Fit) -> Fitted {
    Planner::new().fit(graph, fit).expect("it fits")
}

fn actions(schedule: &FitSchedule) -> Vec<FitAction> {
    schedule.steps.iter().map(|step| step.action).collect()
}
