//! A graph as the search sees it: roots with their uses, versions and idle intervals, and
//! operators over versions of roots.
//!
//! Stands on the ids; `model_builder` makes it of a graph. Whatever moves, moves as a whole root.
//! Each result in place makes a new *version* of its root; the bytes of a root are those of the
//! version that was written last.
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

use alloc::vec::Vec;
use core::ops::Range;

use super::range_tree::RangeTree;
use crate::ids::TensorId;

/// Stands for no index.
pub(super) const NONE: u32 = u32::MAX;

/// The most operands and results together of an operator that the search reruns: each of them is
/// looked at whenever it is asked what a rerun would take.
pub(super) const MOST_LINKS: usize = 1024;

/// The moment of an operator.
pub(super) fn op_moment(op: u32) -> u32 {
    2 * op + 1
}

/// The moment before an operator, in which its operands are fetched or recomputed.
pub(super) fn moment_before(op: u32) -> u32 {
    2 * op
}

/// The compressed form of a root.
#[derive(Clone, Copy, Debug)]
pub(super) struct Compressed {
    pub(super) bytes: u64,
    pub(super) compress_seconds: f64,
    pub(super) expand_seconds: f64,
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
    /// Whether it is an input that is not there at the start: it is fetched before its first use.
    pub(super) is_cold: bool,
    /// Its compressed form, which has fewer bytes, if it may have one.
    pub(super) compressed: Option<Compressed>,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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

/// The most copies that lie within one, directly or not.
pub(super) const MOST_WITHIN: usize = 512;

/// A result that is all of some operands, one beside the other. Where they lie within it, there is
/// nothing to copy.
#[derive(Debug)]
pub(super) struct Join {
    /// The position of the result among those of its operator.
    pub(super) product: usize,
    /// The positions of the operands, each with the byte of the result at which it begins.
    pub(super) parts: Vec<(usize, u64)>,
}

/// An operator over roots.
#[derive(Debug)]
pub(super) struct ModelOp {
    pub(super) operands: Vec<Operand>,
    pub(super) products: Vec<Product>,
    /// The results within which operands may lie.
    pub(super) joins: Vec<Join>,
    /// All roots that it uses, without repetitions.
    pub(super) roots: Vec<u32>,
    /// The seconds that it takes.
    pub(super) cost: f64,
}

impl ModelOp {
    /// How many operands and results it has together.
    pub(super) fn links(&self) -> usize {
        self.operands.len() + self.products.len()
    }
}

/// All that the search needs to know.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) roots: Vec<Root>,
    pub(super) ops: Vec<ModelOp>,
    pub(super) idles: Vec<Idle>,
    /// The moments in which the root of each idle interval can be elsewhere.
    pub(super) absences: RangeTree,
    /// The root of each input and output of the graph.
    pub(super) inputs: Vec<u32>,
    pub(super) outputs: Vec<u32>,
    /// Seconds for each byte that is written to the slow memory, and read from it.
    pub(super) write: f64,
    pub(super) read: f64,
    pub(super) can_spill: bool,
    /// Whether any root has a compressed form.
    pub(super) can_compress: bool,
    pub(super) can_recompute: bool,
    /// Whether any operator has a [`Join`].
    pub(super) can_join: bool,
}

impl Model {
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

    /// The idle intervals in which a moment lies, and their roots can be elsewhere.
    pub(super) fn idles_at(&self, moment: u32) -> impl Iterator<Item = u32> {
        self.absences.containing(moment)
    }

    /// Whether the search may rerun an operator.
    pub(super) fn may_rerun(&self, op: u32) -> bool {
        let what = &self.ops[op as usize];
        self.can_recompute && what.cost.is_finite() && what.links() <= MOST_LINKS
    }

    pub(super) fn size(&self, root: u32) -> u64 {
        self.root(root).size
    }

    pub(super) fn compressed(&self, root: u32) -> Option<Compressed> {
        self.root(root).compressed
    }

    pub(super) fn write_cost(&self, root: u32) -> f64 {
        self.size(root) as f64 * self.write
    }

    pub(super) fn read_cost(&self, root: u32) -> f64 {
        self.size(root) as f64 * self.read
    }

    /// The operator before which a root that is cold is fetched; the number of operators for the
    /// end. `None` for a root that is there at the start, is made, or is never used.
    pub(super) fn arrival(&self, root: u32) -> Option<u32> {
        let root = self.root(root);
        let first = root.uses.first().filter(|_| root.is_cold);
        first.map(|used| used.moment / 2)
    }

    /// The seconds for fetching what is cold before its first use.
    pub(super) fn arrival_seconds(&self) -> f64 {
        let cold = self
            .inputs
            .iter()
            .filter(|&&root| self.arrival(root).is_some());
        cold.map(|&root| self.read_cost(root)).sum()
    }

    /// Whether a version exists outside the fast memory from the start. What is written over a
    /// stored input does not.
    pub(super) fn is_stored(&self, of: Operand) -> bool {
        of.version == 0 && self.root(of.root).is_stored
    }

    /// The version of a root at its last use.
    pub(super) fn last_version(&self, root: u32) -> u32 {
        let last = self.root(root).uses.last();
        last.map_or(0, |used| used.version)
    }

    /// The operator that writes a version; `None` for an input.
    pub(super) fn writer(&self, of: Operand) -> Option<u32> {
        let writers = &self.root(of.root).writers;
        writers.get(of.version as usize).copied().flatten()
    }
}
