//! A graph as the search sees it: roots with their uses, versions and idle intervals, and
//! operators over versions of roots.
//!
//! Stands on [`Graph`] and its lifetimes, which say what lies within what. Whatever moves, moves as
//! a whole root. Each result in place makes a new *version* of its root; the bytes of a root are
//! those of the version that was written last.
//!
//! Time is counted in *moments*, two for each operator and one for the end:
//!
//! ```text
//! moment       0              1          2              3          4
//!         before op 0       op 0    before op 1       op 1      the end
//!         fetches, reruns           fetches, reruns             outputs are fetched
//! ```
//!
//! Invariant: the uses of a root are in ascending moments, and between two of them there is an idle
//! interval if a moment lies in which the root could be elsewhere.

use alloc::{vec, vec::Vec};
use core::ops::Range;

use super::{costs::OperatorCosts, options::Fit};
use crate::graph::{Graph, Op, TensorSet};
use crate::ids::TensorId;
use crate::lifetimes::Lifetimes;

/// Stands for no index.
pub(super) const NONE: u32 = u32::MAX;

/// The moment of an operator.
pub(super) fn op_moment(op: u32) -> u32 {
    2 * op + 1
}

/// The moment before an operator, in which its operands are fetched or recomputed.
pub(super) fn moment_before(op: u32) -> u32 {
    2 * op
}

/// A tensor with bytes of its own, and all that lies within it.
#[derive(Debug)]
pub(super) struct Root {
    pub(super) tensor: TensorId,
    pub(super) size: u64,
    pub(super) alignment: u64,
    pub(super) uses: Vec<Use>,
    /// The operators that write its versions, in order; `None` is the caller, for an input.
    pub(super) writers: Vec<Option<u32>>,
    /// Whether its bytes exist outside the fast memory.
    pub(super) is_stored: bool,
}

/// A use of a root: by an operator, by the caller before the first or after the last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Use {
    pub(super) moment: u32,
    /// The version that is there after it.
    pub(super) version: u32,
    /// The idle interval that follows; [`NONE`] if there is none.
    pub(super) idle: u32,
}

/// An idle interval: between two uses of a root, in which it may leave the fast memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Idle {
    pub(super) root: u32,
    pub(super) version: u32,
    /// The moment of the use before it.
    pub(super) from: u32,
    /// The operator before which the root is needed again; the number of operators for the end.
    pub(super) until: u32,
    /// The first moment in which the root can be elsewhere.
    pub(super) first: u32,
}

impl Idle {
    /// The version that is idle.
    pub(super) fn operand(&self) -> Operand {
        Operand {
            root: self.root,
            version: self.version,
        }
    }
    /// The moments in which the root is elsewhere if it is back before operator `back`.
    pub(super) fn absence(&self, back: u32) -> Range<u32> {
        self.first..moment_before(back).max(self.first)
    }
}

/// An operand: a version of a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Operand {
    pub(super) root: u32,
    pub(super) version: u32,
}

/// How a result is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writes {
    /// It is the first version of its root.
    Anew,
    /// It is written over the version before.
    Over,
    /// It is a view, and not written.
    Nothing,
}

/// A result, with the version that its root has afterwards.
#[derive(Clone, Copy, Debug)]
pub(super) struct Product {
    pub(super) of: Operand,
    pub(super) writes: Writes,
}

/// An operator over roots.
#[derive(Debug)]
pub(super) struct ModelOp {
    pub(super) operands: Vec<Operand>,
    pub(super) products: Vec<Product>,
    /// All roots that it uses, without repetitions.
    pub(super) roots: Vec<u32>,
    /// The seconds that it takes.
    pub(super) cost: f64,
}

/// All that the search needs to know.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) roots: Vec<Root>,
    pub(super) ops: Vec<ModelOp>,
    pub(super) idles: Vec<Idle>,
    /// The root of each input and output of the graph.
    pub(super) inputs: Vec<u32>,
    pub(super) outputs: Vec<u32>,
    /// Seconds for each byte that is written to the slow memory, and read from it.
    pub(super) write: f64,
    pub(super) read: f64,
    pub(super) can_spill: bool,
    pub(super) can_recompute: bool,
}

impl Model {
    /// `costs` are those of the operators in the order that `graph` has.
    pub(super) fn new(graph: &Graph, costs: &OperatorCosts, fit: &Fit) -> Self {
        let lifetimes = graph.lifetimes_with(fit.aliasing);
        let mut builder = ModelBuilder::new(graph, &lifetimes, fit);
        builder.start(graph);
        let costs = costs.seconds().iter();
        let ops = graph.ops().iter().zip(costs).enumerate();
        let ops: Vec<ModelOp> = ops
            .map(|(at, (op, &cost))| builder.operator(at as u32, op, cost))
            .collect();
        builder.end(graph, ops.len() as u32);
        let root_of = |id: &TensorId| builder.root_of[id.index()];
        Self {
            inputs: graph.inputs().iter().map(root_of).collect(),
            outputs: graph.outputs().iter().map(root_of).collect(),
            write: fit
                .slow
                .map_or(0.0, |slow| 1.0 / slow.write_bytes_per_second),
            read: fit
                .slow
                .map_or(0.0, |slow| 1.0 / slow.read_bytes_per_second),
            can_spill: fit.slow.is_some(),
            can_recompute: fit.recompute,
            roots: builder.roots,
            idles: builder.idles,
            ops,
        }
    }

    /// How many moments there are.
    pub(super) fn moments(&self) -> usize {
        2 * self.ops.len() + 1
    }

    pub(super) fn root(&self, root: u32) -> &Root {
        &self.roots[root as usize]
    }

    pub(super) fn idle(&self, idle: u32) -> &Idle {
        &self.idles[idle as usize]
    }

    pub(super) fn size(&self, root: u32) -> u64 {
        self.root(root).size
    }

    pub(super) fn write_cost(&self, root: u32) -> f64 {
        self.size(root) as f64 * self.write
    }

    pub(super) fn read_cost(&self, root: u32) -> f64 {
        self.size(root) as f64 * self.read
    }

    /// Whether a version exists outside the fast memory from the start. What is written over a
    /// stored input does not.
    pub(super) fn is_stored(&self, of: Operand) -> bool {
        of.version == 0 && self.root(of.root).is_stored
    }

    /// The operator that writes a version; `None` for an input.
    pub(super) fn writer(&self, of: Operand) -> Option<u32> {
        let writers = &self.root(of.root).writers;
        writers.get(of.version as usize).copied().flatten()
    }
}

struct ModelBuilder<'g> {
    lifetimes: &'g Lifetimes,
    root_of: Vec<u32>,
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
            }
        }
        Self {
            lifetimes,
            root_of,
            roots,
            idles: Vec::new(),
        }
    }

    /// The caller fills the inputs.
    fn start(&mut self, graph: &Graph) {
        for &input in graph.inputs() {
            let root = self.root_of[input.index()];
            self.roots[root as usize].writers.push(None);
            self.use_at(root, 0, 0);
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
        ModelOp {
            operands,
            products,
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
