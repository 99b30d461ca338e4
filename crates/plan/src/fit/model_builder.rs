//! From a graph and its lifetimes to the [`Model`] of the search.
//!
//! Stands on both. It goes through the operators in order and counts the versions of each root.
//! Invariant: an operand is the version that was written last before its operator.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec,
    vec::Vec,
};

use super::{
    costs::OperatorCosts,
    model::{
        Compressed, Idle, Join, MOST_WITHIN, Model, ModelOp, NONE, Operand, Product, Root, Use,
        Writes, moment_before, op_moment,
    },
    options::Fit,
    range_tree::RangeTree,
};
use crate::graph::{Graph, Op, Part, TensorSet};
use crate::ids::TensorId;
use crate::lifetimes::{Aliasing, Lifetimes};

impl Model {
    /// `costs` are those of the operators in the order that `graph` has.
    pub(super) fn new(graph: &Graph, costs: &OperatorCosts, fit: &Fit) -> Self {
        let lifetimes = graph.lifetimes_with(fit.aliasing.min(Aliasing::InPlace));
        let mut builder = ModelBuilder::new(graph, &lifetimes, fit);
        builder.start(graph);
        let costs = costs.seconds().iter();
        let ops = graph.ops().iter().zip(costs).enumerate();
        let ops: Vec<ModelOp> = ops
            .map(|(at, (op, &cost))| builder.operator(at as u32, op, cost))
            .collect();
        builder.end(graph, ops.len() as u32);
        let root_of = |id: &TensorId| builder.root_of[id.index()];
        let absences = builder.idles.iter().map(|idle| idle.absence(idle.until));
        Self {
            absences: RangeTree::new(2 * ops.len() + 1, absences),
            inputs: graph.inputs().iter().map(root_of).collect(),
            outputs: graph.outputs().iter().map(root_of).collect(),
            write: fit
                .slow
                .map_or(0.0, |slow| 1.0 / slow.write_bytes_per_second),
            read: fit
                .slow
                .map_or(0.0, |slow| 1.0 / slow.read_bytes_per_second),
            can_spill: fit.slow.is_some(),
            can_compress: builder.roots.iter().any(|root| root.compressed.is_some()),
            can_recompute: fit.recompute,
            can_join: ops.iter().any(|op| !op.joins.is_empty()),
            roots: builder.roots,
            idles: builder.idles,
            ops,
        }
    }
}

/// The results of an operator that are made of whole operands, each a root of its own.
fn joins(builder: &ModelBuilder<'_>, op: &Op) -> Vec<Join> {
    let positions = op.reads().iter().enumerate();
    let positions: BTreeMap<TensorId, usize> = positions.map(|(at, &id)| (id, at)).collect();
    let mut parts: BTreeMap<TensorId, Vec<&Part>> = BTreeMap::new();
    for part in op.parts() {
        if builder.size(part.operand) > 0 {
            parts.entry(part.result).or_default().push(part);
        }
    }
    let results = op.writes().iter().enumerate();
    let joins = results.filter_map(|(product, &result)| {
        let row = builder.lifetimes.get(result)?;
        let parts = parts.get(&result)?;
        if parts.len() > MOST_WITHIN {
            return None;
        }
        let (mut found, mut roots, mut filled) = (Vec::new(), BTreeSet::new(), 0);
        for part in parts {
            let root = builder.root_of[part.operand.index()];
            let of = &builder.roots[root as usize];
            let size = builder.size(part.operand);
            let is_whole = of.size == size && !builder.is_external[root as usize];
            let is_aligned = part.offset % of.alignment.max(1) == 0;
            if !(is_whole && is_aligned && roots.insert(root)) {
                return None;
            }
            filled += size;
            found.push((*positions.get(&part.operand)?, part.offset));
        }
        // Parts of one result have no bytes in common.
        let is_filled = row.within.is_none() && filled == row.size && filled > 0;
        let parts = found;
        is_filled.then_some(Join { product, parts })
    });
    joins.collect()
}

/// The compressed form of a tensor, if it may have one.
fn compressed(fit: &Fit, id: TensorId, size: u64) -> Option<Compressed> {
    let codec = fit.compression.codec(id)?;
    Some(Compressed {
        bytes: codec.compressed_bytes(size)?,
        compress_seconds: size as f64 / codec.compress_bytes_per_second,
        expand_seconds: size as f64 / codec.expand_bytes_per_second,
    })
}

struct ModelBuilder<'g> {
    lifetimes: &'g Lifetimes,
    /// Whether operands may lie within results.
    has_joins: bool,
    root_of: Vec<u32>,
    /// For each root, whether the caller fills or reads it.
    is_external: Vec<bool>,
    roots: Vec<Root>,
    idles: Vec<Idle>,
}

impl<'g> ModelBuilder<'g> {
    fn new(graph: &Graph, lifetimes: &'g Lifetimes, fit: &Fit) -> Self {
        let mut root_of = vec![NONE; graph.tensors().len()];
        let mut roots = Vec::new();
        for (id, _, row) in lifetimes.iter() {
            if row.within.is_none() && row.lower < row.upper {
                root_of[id.index()] = roots.len() as u32;
                roots.push(Root {
                    tensor: id,
                    size: row.size,
                    alignment: row.alignment,
                    uses: Vec::new(),
                    writers: Vec::new(),
                    is_stored: false,
                    is_cold: false,
                    compressed: compressed(fit, id, row.size),
                });
            }
        }
        for (id, _, row) in lifetimes.iter() {
            if let (Some(within), true) = (row.within, row.lower < row.upper) {
                root_of[id.index()] = root_of[within.root.index()];
            }
        }
        let stored = fit.stored_inputs();
        for &id in graph.inputs() {
            let is_stored = stored.contains(id);
            if let Some(root) = roots.get_mut(root_of[id.index()] as usize) {
                root.is_stored = is_stored;
                root.is_cold = is_stored && fit.cold_start && root.size > 0;
            }
        }
        let mut is_external = vec![false; roots.len()];
        for id in graph.inputs().iter().chain(graph.outputs()) {
            if let Some(is_external) = is_external.get_mut(root_of[id.index()] as usize) {
                *is_external = true;
            }
        }
        Self {
            lifetimes,
            has_joins: fit.aliasing == Aliasing::Parts,
            is_external,
            root_of,
            roots,
            idles: Vec::new(),
        }
    }

    /// The caller fills the inputs, but for those that are cold.
    fn start(&mut self, graph: &Graph) {
        for &input in graph.inputs() {
            let root = self.root_of[input.index()];
            self.roots[root as usize].writers.push(None);
            if !self.roots[root as usize].is_cold {
                self.use_at(root, 0, 0);
            }
        }
    }

    fn operator(&mut self, at: u32, op: &Op, cost: f64) -> ModelOp {
        let operands: Vec<Operand> = op.reads().iter().map(|&id| self.current(id)).collect();
        let mut roots: Vec<u32> = operands.iter().map(|operand| operand.root).collect();
        let results = op.writes().iter();
        roots.extend(results.map(|id| self.root_of[id.index()]));
        roots.sort_unstable();
        roots.dedup();
        for &root in &roots {
            self.use_at(root, op_moment(at), at);
        }
        // An operator may have a hundred thousand views.
        let views: TensorSet = op.views().iter().map(|view| view.result).collect();
        let results = op.writes().iter();
        let products: Vec<Product> = results
            .map(|&id| self.product(at, id, views.contains(id)))
            .collect();
        for &root in &roots {
            let root = &mut self.roots[root as usize];
            let version = root.writers.len() as u32 - 1;
            if let Some(last) = root.uses.last_mut() {
                last.version = version;
            }
        }
        let joins = match self.has_joins && !op.parts().is_empty() {
            true => joins(self, op),
            false => Vec::new(),
        };
        ModelOp {
            operands,
            products,
            joins,
            roots,
            cost,
        }
    }

    /// The caller reads the outputs.
    fn end(&mut self, graph: &Graph, ops: u32) {
        for &output in graph.outputs() {
            self.use_at(self.root_of[output.index()], moment_before(ops), ops);
        }
    }

    fn size(&self, id: TensorId) -> u64 {
        self.lifetimes.get(id).map_or(0, |row| row.size)
    }

    /// The version of a tensor's root that is there now.
    fn current(&self, id: TensorId) -> Operand {
        let root = self.root_of[id.index()];
        let versions = self.roots[root as usize].writers.len() as u32;
        Operand {
            root,
            version: versions.saturating_sub(1),
        }
    }

    fn product(&mut self, at: u32, id: TensorId, is_view: bool) -> Product {
        let is_within = (self.lifetimes.get(id)).is_some_and(|row| row.within.is_some());
        let writes = match (is_within, is_view) {
            (false, _) => Writes::Anew,
            (true, true) => Writes::Nothing,
            (true, false) => Writes::Over,
        };
        if writes != Writes::Nothing {
            let root = self.root_of[id.index()];
            self.roots[root as usize].writers.push(Some(at));
        }
        Product {
            of: self.current(id),
            writes,
        }
    }

    /// Records a use in a moment, for which a root must be there before operator `op`.
    fn use_at(&mut self, at: u32, moment: u32, op: u32) {
        let root = &mut self.roots[at as usize];
        let version = (root.writers.len() as u32).saturating_sub(1);
        if let Some(last) = root.uses.last_mut() {
            if last.moment == moment {
                return;
            }
            // An input that exists elsewhere need not be there at the start.
            let is_absent_at_start = last.moment == 0 && root.is_stored;
            let idle = Idle {
                root: at,
                version,
                from: last.moment,
                until: op,
                first: last.moment + u32::from(!is_absent_at_start),
            };
            if root.size > 0 && !idle.absence(op).is_empty() {
                last.idle = self.idles.len() as u32;
                self.idles.push(idle);
            }
        }
        root.uses.push(Use {
            moment,
            version,
            idle: NONE,
        });
    }
}
