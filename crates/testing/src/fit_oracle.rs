//! The least added cost of a schedule with spills, fetches, compressed forms and reruns, by trying
//! all of them.
//!
//! A state is what has run, what is in the fast memory, plain and compressed, and what is in the
//! slow one; what can happen next leads to other states, at a cost. The cheapest way to the end is
//! Dijkstra's. Offsets are not looked at: what is in the fast memory together must have no more
//! bytes than its capacity. The slow memory is as large as it needs to be. Shares no code with the
//! search.
//!
//! Tensors have bytes of their own, with one exception. Where a concatenation runs with its
//! operands in the fast memory, they may become its result: their bytes are then those of the
//! result, and as long as the result stays, they can be read *within* it. They are not spilled or
//! compressed from there.

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

/// What has run, and which tensors are where: each tensor is a bit, and in `within`, each of
/// [`Oracle::parts`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct State {
    next: usize,
    fast: u32,
    within: u32,
    slow: u32,
    packed: u32,
}

impl State {
    /// After tensors have left the fast memory, with what is within them.
    fn without(self, left: u32, parts: &[Part]) -> Self {
        let gone = bits_where(parts, |part| left & part.result != 0);
        Self {
            fast: self.fast & !left,
            within: self.within & !gone,
            ..self
        }
    }
}

/// An operand of a concatenation, and its result: a bit for each.
#[derive(Clone, Copy)]
struct Part {
    op: usize,
    operand: u32,
    result: u32,
}

/// The positions of parts, as bits.
fn bits_where(parts: &[Part], is_meant: impl Fn(&Part) -> bool) -> u32 {
    let numbered = parts.iter().enumerate();
    numbered.fold(0, |set, (at, part)| set | u32::from(is_meant(part)) << at)
}

struct Oracle<'o> {
    graph: &'o Graph,
    capacity: u64,
    costs: &'o FitCosts,
    /// The parts of all concatenations.
    parts: Vec<Part>,
}

/// The parts of all concatenations of a graph.
fn parts_of(graph: &Graph) -> Vec<Part> {
    let ops = graph.ops().iter().enumerate();
    let parts = ops.flat_map(|(at, op)| op.parts().iter().map(move |part| (at, part)));
    let parts = parts.map(|(op, part)| Part {
        op,
        operand: bits(&[part.operand]),
        result: bits(&[part.result]),
    });
    parts.collect()
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
        let op = state.next;
        if op == self.graph.ops().len() {
            return;
        }
        for after in self.after_running(state, op) {
            let next = op + 1;
            visit(State { next, ..after }, 0);
        }
    }

    /// An operator that has run is rerun.
    fn each_rerun(&self, state: State, mut visit: impl FnMut(State, u64)) {
        let costs = self.costs.reruns.iter().flatten();
        for (op, &cost) in (0..state.next).zip(costs) {
            for after in self.after_running(state, op) {
                visit(after, cost);
            }
        }
    }

    /// What is there after an operator, if it may run: with its operands, and, after a
    /// concatenation, also with operands that have become the result.
    fn after_running(&self, state: State, op: usize) -> impl Iterator<Item = State> {
        let what = &self.graph.ops()[op];
        let (reads, written) = (bits(what.reads()), bits(what.writes()));
        let joined = self.joined(op).filter(|joined| joined & !state.fast == 0);
        let can_read = reads & !self.readable(state) == 0;
        let copied = can_read.then_some(state);
        let joined = joined.filter(|_| can_read).map(|joined| {
            let after = state.without(joined, &self.parts);
            let within = after.within | bits_where(&self.parts, |part| part.op == op);
            State { within, ..after }
        });
        let before = copied.into_iter().chain(joined);
        let after = before.filter(move |before| {
            // What is there already is made a second time.
            let load = self.size(before.fast) + self.size(written);
            load + self.packed_size(before.packed) <= self.capacity
        });
        after.map(move |before| State {
            fast: before.fast | written,
            ..before
        })
    }

    /// What can be read in the fast memory: tensors with bytes of their own, and those within
    /// others.
    fn readable(&self, state: State) -> u32 {
        let parts = self.parts.iter().enumerate();
        let within = parts.filter(|(at, _)| state.within & (1 << at) != 0);
        within.fold(state.fast, |set, (_, part)| set | part.operand)
    }

    /// The operands that an operator joins, if it is a concatenation of tensors that the caller
    /// neither fills nor reads.
    fn joined(&self, op: usize) -> Option<u32> {
        let parts = self.parts.iter().filter(|part| part.op == op);
        let joined = parts.fold(0, |set, part| set | part.operand);
        let of_caller = bits(self.graph.inputs()) | bits(self.graph.outputs());
        (joined != 0 && joined & of_caller == 0).then_some(joined)
    }

    /// A tensor is given up, spilled or fetched.
    fn each_transfer(&self, state: State, mut visit: impl FnMut(State, u64)) {
        let State { fast, slow, .. } = state;
        for (id, tensor) in self.graph.tensors() {
            let (bit, size) = (1 << id.index(), tensor.layout().size() as u64);
            let (is_fast, is_slow) = (fast & bit != 0, slow & bit != 0);
            if is_fast {
                visit(state.without(bit, &self.parts), 0);
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
///
/// The graph has no views and no results in place. A concatenation has one result, and all bytes of
/// that are bytes of operands, each of which it has once.
pub fn least_cost(graph: &Graph, capacity: u64, costs: &FitCosts) -> Option<u64> {
    let oracle = Oracle {
        graph,
        capacity,
        costs,
        parts: parts_of(graph),
    };
    let start = State {
        next: 0,
        fast: bits(graph.inputs()),
        within: 0,
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
