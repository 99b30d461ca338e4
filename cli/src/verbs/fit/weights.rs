//! Where the weights of a model are while a schedule runs.
//!
//! Stands on the library's schedules. Invariant: a weight that the schedule never fetches is
//! counted with the others, and fetched zero times.

#![forbid(unsafe_code)]

use std::collections::HashMap;

use orionrt::{
    Graph, TensorId,
    fit::{FitAction, FitSchedule, Memory},
};

/// What becomes of the weights that are tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Weights {
    /// How many there are.
    pub(super) tensors: usize,
    /// Their bytes, all of which are in the slow memory.
    pub(super) bytes: u64,
    /// The most of these bytes that are in the fast memory at once.
    pub(super) fast_peak: u64,
    /// The bytes of those that are fetched once, and then kept up to their last use.
    pub(super) fetched_once: u64,
    /// The bytes that are fetched, with every fetch.
    pub(super) fetched: u64,
}

impl Weights {
    /// Those of a graph, in a schedule of it.
    pub(super) fn of(graph: &Graph, weights: &[TensorId], schedule: &FitSchedule) -> Self {
        let size = |id: TensorId| graph.tensor(id).map_or(0, |of| of.layout().size() as u64);
        let mut fetches: HashMap<TensorId, u64> = weights.iter().map(|&id| (id, 0)).collect();
        for step in &schedule.steps {
            if let FitAction::Fetch(id) = step.action
                && let Some(times) = fetches.get_mut(&id)
            {
                *times += 1;
            }
        }
        let once = fetches.iter().filter(|(_, times)| **times == 1);
        Self {
            tensors: weights.len(),
            bytes: weights.iter().map(|&id| size(id)).sum(),
            fast_peak: fast_peak(graph, &fetches, schedule),
            fetched_once: once.map(|(&id, _)| size(id)).sum(),
            fetched: fetches.iter().map(|(&id, &times)| times * size(id)).sum(),
        }
    }
}

/// The most bytes of copies of weights in the fast memory at one step.
fn fast_peak(graph: &Graph, weights: &HashMap<TensorId, u64>, schedule: &FitSchedule) -> u64 {
    let copies = schedule.copies.iter();
    let of_weights = copies.filter(|copy| {
        copy.memory == Memory::Fast && weights.contains_key(&copy.tensor) && !copy.steps.is_empty()
    });
    let mut changes = vec![0i64; schedule.end() + 1];
    for copy in of_weights {
        let bytes = copy.bytes(graph) as i64;
        changes[copy.steps.start] += bytes;
        changes[copy.steps.end] -= bytes;
    }
    let loads = changes.into_iter().scan(0, |load, change| {
        *load += change;
        Some(*load)
    });
    loads.max().unwrap_or(0) as u64
}

#[cfg(test)]
mod tests {
    use core::alloc::Layout;

    use orionrt::{
        GraphBuilder, Planner,
        fit::{Fit, SlowMemory},
    };

    use super::*;

    /// `v` is needed by the first and the last layer, between which `w` has its bytes.
    #[test]
    fn weights_are_counted_by_how_often_they_are_fetched() {
        let mut g = GraphBuilder::new();
        let mut tensor = |name: &str, size| g.tensor(name, Layout::array::<u8>(size).unwrap());
        let [x, a, b, y] = ["x", "a", "b", "y"].map(|name| tensor(name, 10));
        let [v, w] = [tensor("v", 100), tensor("w", 70)];
        g.op("first").reads([x, v]).writes([a]);
        g.op("middle").reads([a, w]).writes([b]);
        g.op("last").reads([b, v]).writes([y]);
        let graph = g.output(y).build().unwrap();
        let weights = |capacity| {
            let fit = Fit::within(capacity)
                .slow(SlowMemory::new(0, 1e6))
                .stored([v, w]);
            let fitted = Planner::new().fit(&graph, &fit.cold_start(true)).unwrap();
            Weights::of(&graph, &[v, w], fitted.schedule())
        };
        let ample = Weights {
            tensors: 2,
            bytes: 170,
            fast_peak: 170,
            fetched_once: 170,
            fetched: 170,
        };
        assert_eq!(weights(200), ample);
        let tight = Weights {
            fast_peak: 100,
            fetched_once: 70,
            fetched: 270,
            ..ample
        };
        assert_eq!(weights(150), tight);
    }
}
