//! Which tensors are alive together on some path, and the least peak of all placements.
//!
//! Both are computed from the steps of executed paths, in the simplest way: a tensor is alive from
//! a write to the last read before the next write.

use std::collections::HashSet;

use orionrt_plan::{Aliasing, Graph, Planner, TensorId};

use super::draft::Draft;
use super::simulation::{Step, paths};

/// The pairs of tensors that are alive in one step of some path; the smaller id comes first.
fn together(graph: &Graph, traces: &[Vec<Step>]) -> HashSet<(TensorId, TensorId)> {
    let mut pairs = HashSet::new();
    for trace in traces {
        let mut needed: HashSet<TensorId> = graph.outputs().iter().copied().collect();
        for (at, step) in trace.iter().enumerate().rev() {
            let mut alive = needed.clone();
            alive.extend(step.reads.iter().chain(&step.writes));
            if at == 0 {
                alive.extend(graph.inputs());
            }
            for &a in &alive {
                pairs.extend(alive.iter().filter(|&&b| a < b).map(|&b| (a, b)));
            }
            needed.retain(|tensor| !step.writes.contains(tensor));
            needed.extend(&step.reads);
        }
    }
    pairs
}

/// The least peak of all placements, if it is below `limit`, by trying all of them.
///
/// Sort the tensors of any placement by offset and push each down onto the ends of those before it
/// that it conflicts with: no peak grows. So it suffices to try all orders, with offsets that
/// ascend and that are 0 or such an end.
fn least_peak(sizes: &[u64], conflicts: &[Vec<bool>], limit: u64) -> Option<u64> {
    let mut search = Search {
        conflicts,
        sizes,
        is_placed: vec![false; sizes.len()],
        least: limit,
    };
    search.place(&vec![0; sizes.len()], (0, 0));
    (search.least < limit).then_some(search.least)
}

struct Search<'s> {
    conflicts: &'s [Vec<bool>],
    sizes: &'s [u64],
    is_placed: Vec<bool>,
    /// The least peak so far.
    least: u64,
}

impl Search<'_> {
    /// Places the tensors that are left, given the ends of those placed that each conflicts with,
    /// and offset and number of the last one.
    fn place(&mut self, ends: &[u64], last: (u64, usize)) {
        let left: Vec<usize> = (0..ends.len()).filter(|&t| !self.is_placed[t]).collect();
        let peak = |tensor: &usize| ends[*tensor].max(last.0) + self.sizes[*tensor];
        if left.iter().any(|tensor| peak(tensor) >= self.least) {
            return;
        }
        if left.is_empty() {
            // Of those placed, these are their own ends.
            self.least = ends.iter().copied().max().unwrap_or(0);
            return;
        }
        for tensor in left {
            let offset = ends[tensor];
            if (offset, tensor) < last {
                continue;
            }
            let end = offset + self.sizes[tensor];
            let mut after = ends.to_vec();
            for (other, other_end) in after.iter_mut().enumerate() {
                if other == tensor || self.conflicts[tensor][other] && !self.is_placed[other] {
                    *other_end = end.max(*other_end);
                }
            }
            self.is_placed[tensor] = true;
            self.place(&after, (offset, tensor));
            self.is_placed[tensor] = false;
        }
    }
}

/// Up to this many tensors, the planner may take as many nodes as it needs for the optimum.
const FEW: usize = 12;

/// Executes all paths of a program in its plans, with all ways to share bytes. The lifetimes must
/// conflict exactly where tensors are alive together on some path.
pub(super) fn check_all_paths(draft: &Draft, most_paths: usize) -> Result<u64, String> {
    let model = draft.assembled_at(1).map_err(|error| error.to_string())?;
    let graph = &model.graph;
    let mut traces = Vec::new();
    let mut peak = 0;
    for aliasing in [
        Aliasing::Parts,
        Aliasing::InPlace,
        Aliasing::Views,
        Aliasing::Off,
    ] {
        let lifetimes = graph.lifetimes_with(aliasing);
        // Of few tensors, all orders are tried.
        let nodes = if lifetimes.len() <= FEW {
            1 << 20
        } else {
            2000
        };
        let plan = Planner::new().nodes(nodes).plan(&lifetimes);
        let plan = plan.map_err(|error| error.to_string())?;
        traces = paths(&draft.program, graph, &plan, most_paths)
            .map_err(|problem| format!("{aliasing:?}: {problem}"))?;
        peak = plan.peak();
    }
    if traces.len() < most_paths {
        let lifetimes = graph.lifetimes_with(Aliasing::Off);
        let together = together(graph, &traces);
        let ids: Vec<TensorId> = graph.tensors().map(|(id, _)| id).collect();
        for (&a, &b) in ids.iter().flat_map(|a| ids.iter().map(move |b| (a, b))) {
            let has_bytes = |id| graph.tensor(id).is_some_and(|t| t.layout().size() > 0);
            if a < b && has_bytes(a) && has_bytes(b) {
                let expected = together.contains(&(a, b));
                if lifetimes.conflict(a, b) != expected {
                    let names = [a, b].map(|id| graph.tensor(id).expect("a tensor").name());
                    return Err(format!(
                        "{names:?}: alive together on some path: {expected}"
                    ));
                }
            }
        }
    }
    Ok(peak)
}

/// Executes all paths of a small program in its plans; without sharing, the plan must have the
/// least peak of all placements, which is returned.
#[track_caller]
pub(super) fn check_optimum(draft: &Draft) -> u64 {
    let peak = check_all_paths(draft, usize::MAX).unwrap();
    let model = draft.model();
    let graph = &model.graph;
    let lifetimes = graph.lifetimes_with(Aliasing::Off);
    let ids: Vec<TensorId> = graph.tensors().map(|(id, _)| id).collect();
    let sizes = ids
        .iter()
        .map(|&id| graph.tensor(id).expect("a tensor").layout().size() as u64);
    let sizes: Vec<u64> = sizes.collect();
    let row = |&a: &TensorId| {
        ids.iter()
            .map(|&b| a != b && lifetimes.conflict(a, b))
            .collect()
    };
    let conflicts: Vec<Vec<bool>> = ids.iter().map(row).collect();
    let least = least_peak(&sizes, &conflicts, peak + 1);
    assert_eq!(least, Some(peak), "{lifetimes:?}");
    peak
}
