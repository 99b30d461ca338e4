//! Graphs with costs in whole numbers, and capacities below what they need: what the search for
//! schedules is compared on with the least cost.
//!
//! Each operator has one result. The graphs are of kinds that make memory scarce: operators that
//! read something older, a training step, whose second half reads the results of the first half in
//! reverse, networks with skips at several levels, one after another, and concatenations whose
//! operands may lie within the results.

use std::alloc::Layout;

use orionrt_plan::{
    Aliasing, Graph, GraphBuilder, TensorId,
    fit::{Codec, Compression, Fit, OperatorCosts, SlowMemory},
    graph::Op,
};

use crate::{
    fit_oracle::{FitCosts, Packing},
    random::Random,
};

/// The kinds of graphs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Half of the operators also read something older.
    Chain,
    /// The second half reads the results of the first half, in reverse.
    Training,
    /// Down some levels and up again, with a skip at each, and then again.
    Skips,
    /// Concatenations of recent results, some of which are read again.
    Joins,
}

/// A graph, a capacity and what things cost.
#[derive(Clone, Debug)]
pub struct CostedGraph {
    /// The graph. It has no views and no results in place.
    pub graph: Graph,
    /// The bytes of the fast memory.
    pub capacity: u64,
    /// What things cost.
    pub costs: FitCosts,
}

impl CostedGraph {
    /// How tensors share bytes: as parts of results if there are concatenations.
    pub fn aliasing(&self) -> Aliasing {
        aliasing_of(&self.graph)
    }

    /// The arguments of the search: operators in the given order, at these costs.
    pub fn fit(&self) -> Fit {
        let mut fit = Fit::within(self.capacity).reorder(false);
        fit = fit.aliasing(self.aliasing());
        if let Some((write, read)) = self.costs.slow {
            let slow = SlowMemory::new(1 << 30, 1.0 / read as f64);
            fit = fit.slow(slow.write_bytes_per_second(1.0 / write as f64));
        }
        if let Some(packing) = self.costs.compression {
            let codec = Codec::with_ratio(packing.ratio as f64, 1.0 / packing.compress as f64);
            let codec = codec.expand_bytes_per_second(1.0 / packing.expand as f64);
            fit = fit.compression(Compression::all(codec));
        }
        if let Some(reruns) = &self.costs.reruns {
            let seconds = reruns.iter().map(|&cost| cost as f64);
            let costs = OperatorCosts::from_seconds(seconds).expect("not negative");
            fit = fit.recompute(true).costs(costs);
        }
        fit
    }
}

/// A graph with so many operators, and a capacity at which something has to leave; `None` if there
/// is none.
pub fn costed_graph(random: &mut Random, kind: Kind, ops: usize) -> Option<CostedGraph> {
    let mut maker = Maker::new(random);
    match kind {
        Kind::Chain => maker.chain(ops),
        Kind::Training => maker.training(ops),
        Kind::Skips => maker.skips(ops),
        Kind::Joins => maker.joins(ops),
    }
    let graph = maker.graph();
    let costs = costs(random, ops);
    let load = graph.lifetimes_with(aliasing_of(&graph)).load();
    let needed = needed(&graph);
    (needed < load).then(|| CostedGraph {
        capacity: needed + random.below_u64(load - needed),
        graph,
        costs,
    })
}

/// As parts of results if a graph has concatenations: nothing else here could share bytes.
fn aliasing_of(graph: &Graph) -> Aliasing {
    let has_parts = graph.ops().iter().any(|op| !op.parts().is_empty());
    if has_parts {
        Aliasing::Parts
    } else {
        Aliasing::Off
    }
}

struct Maker<'r> {
    random: &'r mut Random,
    g: GraphBuilder,
    there: Vec<TensorId>,
    /// The bytes of each tensor of `there`.
    sizes: Vec<usize>,
}

impl<'r> Maker<'r> {
    fn new(random: &'r mut Random) -> Self {
        let mut maker = Self {
            random,
            g: GraphBuilder::new(),
            there: Vec::new(),
            sizes: Vec::new(),
        };
        let first = maker.tensor();
        maker.g.input(first);
        maker
    }

    fn tensor(&mut self) -> TensorId {
        let size = 1 + self.random.below(9);
        self.tensor_of(size)
    }

    fn tensor_of(&mut self, size: usize) -> TensorId {
        let layout = Layout::from_size_align(size, 1).expect("small");
        let id = self.g.tensor(format!("t{}", self.there.len()), layout);
        self.there.push(id);
        self.sizes.push(size);
        id
    }

    fn last(&self) -> TensorId {
        self.there[self.there.len() - 1]
    }

    /// An operator that reads the latest result, and another tensor.
    fn op(&mut self, other: Option<TensorId>) -> TensorId {
        let last = self.last();
        let reads = [Some(last), other.filter(|&other| other != last)];
        let result = self.tensor();
        let op = self.g.op(format!("op{}", self.there.len() - 2));
        op.reads(reads.into_iter().flatten()).writes([result]);
        result
    }

    fn chain(&mut self, ops: usize) {
        for _ in 0..ops {
            let older = self.random.one_in(2);
            let older = older.then(|| self.there[self.random.below(self.there.len())]);
            self.op(older);
        }
    }

    fn training(&mut self, ops: usize) {
        let forward = ops / 2;
        for _ in 0..forward {
            self.op(None);
        }
        for op in forward..ops {
            let counterpart = self.there[(ops - op).min(forward)];
            self.op(Some(counterpart));
        }
    }

    fn skips(&mut self, ops: usize) {
        let mut left = ops;
        while left > 0 {
            let levels = (2 + self.random.below(6)).min(left.div_ceil(2));
            let skips: Vec<TensorId> = (0..levels).map(|_| self.op(None)).collect();
            left -= levels;
            for &skip in skips.iter().rev().take(left) {
                self.op(Some(skip));
                left -= 1;
            }
        }
    }

    fn joins(&mut self, ops: usize) {
        for _ in 0..ops {
            if self.there.len() > 2 && self.random.one_in(3) {
                self.join();
            } else {
                let recent = self.there.len().saturating_sub(4);
                let other = recent + self.random.below(self.there.len() - recent);
                self.op(Some(self.there[other]));
            }
        }
    }

    /// A concatenation of the latest result and one or two of the four before it.
    fn join(&mut self) {
        let last = self.there.len() - 1;
        let mut operands = vec![last];
        for _ in 0..1 + self.random.below(2) {
            let other = last - 1 - self.random.below(last.min(4));
            if !operands.contains(&other) {
                operands.push(other);
            }
        }
        let size = operands.iter().map(|&at| self.sizes[at]).sum();
        let result = self.tensor_of(size);
        let (mut op, mut start) = (self.g.op(format!("op{}", self.there.len() - 2)), 0);
        op = op.writes([result]);
        for at in operands {
            op = op.part(self.there[at], result, start);
            start += self.sizes[at] as u64;
        }
    }

    fn graph(mut self) -> Graph {
        let last = self.last();
        self.g
            .output(last)
            .build()
            .expect("written before it is read")
    }
}

/// Costs of all kinds or of one, and sometimes a codec.
fn costs(random: &mut Random, ops: usize) -> FitCosts {
    let kind = random.below(4);
    let packing = Packing {
        ratio: 2 + random.below_u64(3),
        compress: 1 + random.below_u64(3),
        expand: 1 + random.below_u64(3),
    };
    let is_compressed = kind == 3 || random.one_in(3);
    let slow = (1 + random.below_u64(4), 1 + random.below_u64(4));
    let reruns = (0..ops).map(|_| 1 + random.below_u64(40)).collect();
    FitCosts {
        slow: (kind == 0 || kind == 2).then_some(slow),
        reruns: (kind == 0 || kind == 1).then_some(reruns),
        compression: is_compressed.then_some(packing),
    }
}

/// The most bytes that one operator needs. Those of a concatenation's operands are within its
/// result, but for the graph's inputs, which stay apart with the others.
fn needed(graph: &Graph) -> u64 {
    let size = |id: &TensorId| graph.tensor(*id).map_or(0, |tensor| tensor.layout().size());
    let total = |ids: &[TensorId]| ids.iter().map(size).sum::<usize>();
    let is_input = |id: TensorId| graph.inputs().contains(&id);
    let bytes = |op: &Op| match op.parts() {
        parts if !parts.is_empty() && parts.iter().all(|part| !is_input(part.operand)) => {
            total(op.writes())
        }
        _ => total(op.reads()) + total(op.writes()),
    };
    graph.ops().iter().map(bytes).max().unwrap_or(0) as u64
}
