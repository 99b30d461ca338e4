//! The least added cost of a schedule with spills, fetches, compressed forms and reruns, by trying
//! all of them.
//!
//! A state is what has run, what is in the fast memory, plain and compressed, and what is in the
//! slow one; what can happen next leads to other states, at a cost. The cheapest way to the end is
//! Dijkstra's. Tensors have bytes of their own, and offsets are not looked at: what is in the fast
//! memory together must have no more bytes than its capacity. The slow memory is as large as it
//! needs to be. Shares no code with the search.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
};

use orionrt_plan::{Graph, TensorId};

/// What things cost, in one unit of time.
#[derive(Clone, Debug)]
pub struct FitCosts {
    /// For each byte that is written to the slow memory and read from it; `None` if there is none.
    pub slow: Option<(u64, u64)>,
    /// How tensors are compressed; `None` if none are.
    pub compression: Option<Packing>,
    /// For each operator that runs again; `None` if none may.
    pub reruns: Option<Vec<u64>>,
}

/// How all tensors are compressed.
#[derive(Clone, Copy, Debug)]
pub struct Packing {
    /// The bytes of a tensor over this, rounded up, are those of its compressed form.
    pub ratio: u64,
    /// For each byte of a tensor that is compressed.
    pub compress: u64,
    /// For each byte of a tensor that is expanded.
    pub expand: u64,
}

/// What has run, and which tensors are where: each tensor is a bit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct State {
    next: usize,
    fast: u32,
    slow: u32,
    packed: u32,
}

struct Oracle<'o> {
    graph: &'o Graph,
    capacity: u64,
    costs: &'o FitCosts,
}

fn bits(ids: &[TensorId]) -> u32 {
    ids.iter().fold(0, |set, id| set | 1 << id.index())
}

impl Oracle<'_> {
    fn size(&self, set: u32) -> u64 {
        self.sizes(set).sum()
    }

    fn sizes(&self, set: u32) -> impl Iterator<Item = u64> {
        let tensors = self.graph.tensors();
        let is_in = tensors.filter(move |(id, _)| set & (1 << id.index()) != 0);
        is_in.map(|(_, tensor)| tensor.layout().size() as u64)
    }

    /// The bytes of tensors in compressed form.
    fn packed_size(&self, set: u32) -> u64 {
        let ratio = self.costs.compression.map_or(1, |packing| packing.ratio);
        self.sizes(set).map(|size| size.div_ceil(ratio)).sum()
    }

    /// Whether so much fits into the fast memory.
    fn has_room(&self, fast: u32, packed: u32) -> bool {
        self.size(fast) + self.packed_size(packed) <= self.capacity
    }

    /// Each state that can be next, and what it costs to get there.
    fn each_next(&self, state: State, mut visit: impl FnMut(State, u64)) {
        self.each_run(state, &mut visit);
        self.each_rerun(state, &mut visit);
        self.each_transfer(state, &mut visit);
        self.each_recoding(state, &mut visit);
    }

    /// The next operator runs.
    fn each_run(&self, state: State, mut visit: impl FnMut(State, u64)) {
        let Some(op) = self.graph.ops().get(state.next) else {
            return;
        };
        let fast = state.fast | bits(op.writes());
        if bits(op.reads()) & !state.fast == 0 && self.has_room(fast, state.packed) {
            let next = state.next + 1;
            visit(
                State {
                    next,
                    fast,
                    ..state
                },
                0,
            );
        }
    }

    /// An operator that has run is rerun.
    fn each_rerun(&self, state: State, mut visit: impl FnMut(State, u64)) {
        let fast = state.fast;
        let ran = &self.graph.ops()[..state.next];
        for (op, cost) in ran.iter().zip(self.costs.reruns.iter().flatten()) {
            // What is there already is made a second time.
            let written = bits(op.writes());
            let load = self.size(fast) + self.size(written) + self.packed_size(state.packed);
            if bits(op.reads()) & !fast == 0 && load <= self.capacity {
                let fast = fast | written;
                visit(State { fast, ..state }, *cost);
            }
        }
    }

    /// A tensor is given up, spilled or fetched.
    fn each_transfer(&self, state: State, mut visit: impl FnMut(State, u64)) {
        let State { fast, slow, .. } = state;
        for (id, tensor) in self.graph.tensors() {
            let (bit, size) = (1 << id.index(), tensor.layout().size() as u64);
            let (is_fast, is_slow) = (fast & bit != 0, slow & bit != 0);
            if is_fast {
                let fast = fast & !bit;
                visit(State { fast, ..state }, 0);
            }
            let Some((write, read)) = self.costs.slow else {
                continue;
            };
            if is_fast && !is_slow {
                let slow = slow | bit;
                visit(State { slow, ..state }, size * write);
            }
            if !is_fast && is_slow && self.has_room(fast | bit, state.packed) {
                let fast = fast | bit;
                visit(State { fast, ..state }, size * read);
            }
        }
    }

    /// A tensor is compressed or expanded, or its compressed form is given up.
    fn each_recoding(&self, state: State, mut visit: impl FnMut(State, u64)) {
        let State { fast, packed, .. } = state;
        let packings = self.costs.compression.iter();
        let packed_of =
            packings.flat_map(|packing| self.graph.tensors().map(move |it| (packing, it)));
        for (packing, (id, tensor)) in packed_of {
            let (bit, size) = (1 << id.index(), tensor.layout().size() as u64);
            let (is_fast, is_packed) = (fast & bit != 0, packed & bit != 0);
            if is_packed {
                let packed = packed & !bit;
                visit(State { packed, ..state }, 0);
            }
            if is_fast && !is_packed && self.has_room(fast, packed | bit) {
                let packed = packed | bit;
                visit(State { packed, ..state }, size * packing.compress);
            }
            if !is_fast && is_packed && self.has_room(fast | bit, packed) {
                let fast = fast | bit;
                visit(State { fast, ..state }, size * packing.expand);
            }
        }
    }
}

/// The least added cost of a schedule with the operators in the given order; `None` if none fits.
/// The graph has no views and no results in place.
pub fn least_cost(graph: &Graph, capacity: u64, costs: &FitCosts) -> Option<u64> {
    let oracle = Oracle {
        graph,
        capacity,
        costs,
    };
    let start = State {
        next: 0,
        fast: bits(graph.inputs()),
        slow: 0,
        packed: 0,
    };
    if oracle.size(start.fast) > capacity {
        return None;
    }
    let mut best = HashMap::from([(start, 0)]);
    let mut heap = BinaryHeap::from([Reverse((0, start))]);
    while let Some(Reverse((cost, state))) = heap.pop() {
        if best[&state] < cost {
            continue;
        }
        let is_end = state.next == graph.ops().len();
        if is_end && bits(graph.outputs()) & !state.fast == 0 {
            return Some(cost);
        }
        oracle.each_next(state, |next, added| {
            let known = best.entry(next).or_insert(u64::MAX);
            if cost + added < *known {
                *known = cost + added;
                heap.push(Reverse((cost + added, next)));
            }
        });
    }
    None
}
