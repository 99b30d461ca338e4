//! Operators of the graph, and what they read of the weights.
//!
//! Stands on `names`, `tensors` and `weights`. Invariant: an operator reads or writes a tensor at
//! least; a declared view begins at a multiple of its alignment within the tensor that has the
//! bytes.

use orionrt_plan::{GraphBuilder, TensorId};

use super::tensors::Tensors;
use super::weights::Weights;
use crate::error::ModelError;
use crate::model::Body;
use crate::names::Names;
use crate::options::Options;
use crate::program::{AliasKind, Node, Program, ValueId, ValueKind};
use crate::work::OperatorWork;

/// The most aliases of one operator that are declared: a bound on the time that they take.
const MOST_ALIASES: usize = 1024;

/// The graph so far.
pub(super) struct Operators<'p> {
    pub(super) builder: GraphBuilder,
    pub(super) tensors: Tensors<'p>,
    pub(super) weights: Weights<'p>,
    /// The types of the operators.
    pub(super) types: Vec<String>,
    /// What the operators compute.
    pub(super) work: Vec<OperatorWork>,
    /// Bodies, each before those within it.
    pub(super) bodies: Vec<Body>,
    /// Whether weights and computed constants are to be tensors.
    pub(super) weights_are_tensors: bool,
    /// Those that are.
    pub(super) weight_tensors: Vec<TensorId>,
    /// Whether weights of the operators that come next are tensors.
    pub(super) adds_weights: bool,
    variables: Vec<ValueId>,
    names: Names,
}

impl<'p> Operators<'p> {
    pub(super) fn new(program: &'p Program, options: &Options) -> Result<Self, ModelError> {
        let mut variables = program.variables.clone();
        variables.sort_unstable();
        Ok(Self {
            builder: GraphBuilder::new(),
            tensors: Tensors::new(program, options)?,
            weights: Weights::new(program),
            types: Vec::new(),
            work: Vec::new(),
            bodies: Vec::new(),
            weights_are_tensors: options.weight_tensors,
            weight_tensors: Vec::new(),
            adds_weights: false,
            variables,
            names: Names::default(),
        })
    }

    /// The tensor that a value lies in; `None` for a value that is not planned.
    pub(super) fn tensor(&mut self, value: ValueId) -> Result<Option<TensorId>, ModelError> {
        self.tensors.get(value, &mut self.builder)
    }

    /// The distinct tensors that some values lie in.
    pub(super) fn all(&mut self, values: &[ValueId]) -> Result<Vec<TensorId>, ModelError> {
        let mut tensors = Vec::with_capacity(values.len());
        for &value in values {
            tensors.extend(self.tensor(value)?);
        }
        Ok(distinct(tensors))
    }

    /// Adds an operator of a node with bodies, unless it reads and writes nothing.
    pub(super) fn add(
        &mut self,
        node: &Node,
        name: &str,
        reads: Vec<TensorId>,
        writes: Vec<TensorId>,
    ) {
        if !reads.is_empty() || !writes.is_empty() {
            let name = self.names.unique(name);
            self.types.push(node.operator.clone());
            self.work.push(OperatorWork::default());
            self.builder.op(name).reads(reads).writes(writes);
        }
    }

    /// Adds the operator of a node without bodies.
    pub(super) fn add_node(&mut self, node: &Node) -> Result<(), ModelError> {
        // A variable has its bytes from the start on: writing it is a use of them.
        let is_variable = |value: &&ValueId| self.variables.binary_search(value).is_ok();
        let (updated, written): (Vec<ValueId>, Vec<ValueId>) =
            node.writes.iter().partition(is_variable);
        let reads = self.all(&[&node.reads[..], &updated].concat())?;
        let writes = self.all(&written)?;
        if reads.is_empty() && writes.is_empty() {
            return Ok(());
        }
        self.weights.count(&node.reads);
        let reads = match self.add_weights(&node.reads)? {
            true => self.all(&[&node.reads[..], &updated].concat())?,
            false => reads,
        };
        let aliases = self.aliases(node, &reads, &writes);
        let name = self.names.unique(&node.name);
        self.types.push(node.operator.clone());
        self.work.push(self.work_of(node));
        let mut op = self.builder.op(name).reads(reads).writes(writes);
        for (result, of, kind) in aliases {
            op = match kind {
                AliasKind::View(offset) => op.view(result, of, offset),
                AliasKind::InPlace => op.in_place(result, of),
                AliasKind::Part(offset) => op.part(of, result, offset),
            };
        }
        Ok(())
    }

    /// Makes the constants among some values tensors, if they are to be; returns whether one is
    /// new.
    fn add_weights(&mut self, values: &[ValueId]) -> Result<bool, ModelError> {
        let before = self.weight_tensors.len();
        for &value in values.iter().filter(|_| self.adds_weights) {
            if let Some(tensor) = self.tensors.add_weight(value, &mut self.builder)? {
                self.builder.input(tensor);
                self.weight_tensors.push(tensor);
            }
        }
        Ok(self.weight_tensors.len() > before)
    }

    /// What a node without bodies computes, with the constants that it reads.
    fn work_of(&self, node: &Node) -> OperatorWork {
        let mut work = node.work;
        // Weights that are tensors count as operands.
        let is_outside = |value: &&ValueId| self.tensors.find(**value).is_none();
        for &value in node.reads.iter().filter(is_outside) {
            if let ValueKind::Constant { bytes, .. } = self.tensors.value(value).kind {
                work.constant_bytes = work.constant_bytes.saturating_add(bytes);
            }
        }
        let mut used = node.reads.iter().chain(&node.writes);
        work.is_repeatable &= !used.any(|value| self.variables.binary_search(value).is_ok());
        work
    }

    /// The aliases of a node that hold for the tensors in which its values lie.
    fn aliases(
        &mut self,
        node: &Node,
        reads: &[TensorId],
        writes: &[TensorId],
    ) -> Vec<(TensorId, TensorId, AliasKind)> {
        if node.aliases.len() > MOST_ALIASES {
            return Vec::new();
        }
        let mut views = Vec::new();
        let mut found: Vec<(TensorId, TensorId, AliasKind)> = Vec::new();
        for alias in &node.aliases {
            let [result, of] = [alias.result, alias.of].map(|value| self.tensors.find(value));
            let (Some(result), Some(of)) = (result, of) else {
                continue;
            };
            let kind = alias.kind;
            let is_known = reads.contains(&of) && writes.contains(&result);
            let is_whole = !matches!(kind, AliasKind::Part(_)) || self.fills(alias.of, of);
            let may_share = is_known && is_whole && self.may_share(result, of, kind);
            if may_share && !views.contains(&result) {
                if let AliasKind::View(offset) = kind {
                    let start = self.tensors.tensor(of).start + offset;
                    self.tensors.tensor_mut(result).start = start;
                    // A view is no result in place, too.
                    found.retain(|&(other, ..)| other != result);
                    views.push(result);
                }
                found.push((result, of, kind));
            }
        }
        found
    }

    /// Whether a value has all bytes of the tensor that it lies in: the value of a branch may lie
    /// in a larger one.
    fn fills(&self, value: ValueId, tensor: TensorId) -> bool {
        let bytes = match &self.tensors.value(value).kind {
            ValueKind::Tensor(of) => of.bytes(),
            _ => None,
        };
        bytes == Some(self.tensors.tensor(tensor).size.bytes)
    }

    fn may_share(&self, result: TensorId, of: TensorId, kind: AliasKind) -> bool {
        if result == of {
            return false;
        }
        let [result, of] = [result, of].map(|tensor| self.tensors.tensor(tensor));
        if result.is_rewritten || of.is_rewritten {
            return false;
        }
        match kind {
            AliasKind::InPlace => result.size.bytes == of.size.bytes,
            AliasKind::View(offset) => {
                let end = offset.checked_add(result.size.bytes);
                let start = of.start.checked_add(offset);
                end.is_some_and(|end| end <= of.size.bytes)
                    && start.is_some_and(|start| start.is_multiple_of(result.size.alignment))
            }
            // The plan looks at the alignment: parts that are not aligned are copied.
            AliasKind::Part(offset) => {
                let end = offset.checked_add(of.size.bytes);
                end.is_some_and(|end| end <= result.size.bytes)
            }
        }
    }
}

/// The tensors without repetition, in the order of their first mention.
pub(super) fn distinct(tensors: Vec<TensorId>) -> Vec<TensorId> {
    let mut seen = std::collections::HashSet::with_capacity(tensors.len());
    tensors.into_iter().filter(|&id| seen.insert(id)).collect()
}
