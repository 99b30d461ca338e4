//! The analysed model as a [`Graph`]: what is planned, in which order, and under which name.
//!
//! Stands on the shapes of the model and on [`Dims`], and declares what `aliases` says. Invariant: a node is an operator of the graph
//! exactly if it writes a tensor of the graph, and that is every outlet that is not constant; a declared view begins at a multiple
//! of its alignment in the tensor that it is, after all, a part of.

use std::{
    alloc::Layout,
    collections::{BTreeSet, HashMap, HashSet},
};

use orionrt::{Graph, GraphBuilder, TensorId};
use tract_onnx::tract_hir::infer::{Factoid, InferenceFact, InferenceNode};
use tract_onnx::tract_hir::internal::{InferenceModel, OutletId, SpecialOps, Validation};

use super::aliases::{Alias, Extents, Kind, aliases};
use super::dims::{Dims, element_size, missing_dim};
use super::operators::Operator;
use super::{OnnxError, operator, refused};

/// Where the value of an outlet is.
#[derive(Clone, Copy)]
enum Place {
    Constant,
    Planned(TensorId),
}

/// Builds the graph, one node of the model after the other.
pub(super) struct Assembly<'m> {
    model: &'m InferenceModel,
    dims: &'m Dims,
    /// Of the last nodes of the model, which are those of the file: tract puts inputs and constants before them, and nothing behind them.
    operators: &'m [Operator],
    alignment: usize,
    builder: GraphBuilder,
    places: HashMap<OutletId, Place>,
    names: HashSet<String>,
}

impl<'m> Assembly<'m> {
    pub(super) fn new(
        model: &'m InferenceModel,
        dims: &'m Dims,
        operators: &'m [Operator],
        alignment: usize,
    ) -> Self {
        Self {
            model,
            dims,
            operators,
            alignment,
            builder: GraphBuilder::new(),
            places: HashMap::new(),
            names: HashSet::new(),
        }
    }

    /// The graph, and the bytes of the constants that it reads.
    pub(super) fn assemble(mut self, weights: &HashSet<String>) -> Result<(Graph, u64), OnnxError> {
        for &input in &self.model.inputs {
            if weights.contains(&self.model.node(input.node).name) {
                self.places.insert(input, Place::Constant);
            } else {
                let tensor = self.plan(input)?;
                self.builder.input(tensor);
            }
        }
        let mut constants = HashSet::new();
        for id in self.model.eval_order().map_err(refused)? {
            self.node(self.model.node(id), &mut constants)?;
        }
        for output in &self.model.outputs {
            if let Some(&Place::Planned(tensor)) = self.places.get(output) {
                self.builder.output(tensor);
            }
        }
        let facts = constants
            .iter()
            .filter_map(|&outlet| self.model.outlet_fact(outlet).ok());
        let bytes = facts
            .filter_map(|fact| self.dims.bytes(fact))
            .map(|b| b as u64);
        Ok((self.builder.build()?, bytes.fold(0, u64::saturating_add)))
    }

    /// Adds the node as an operator, unless all that it writes is constant.
    fn node(
        &mut self,
        node: &InferenceNode,
        constants: &mut HashSet<OutletId>,
    ) -> Result<(), OnnxError> {
        if InferenceModel::is_source(&node.op) {
            return Ok(());
        }
        let place = |outlet: &OutletId| self.places.get(outlet).copied().unwrap_or(Place::Constant);
        let read: Vec<Place> = node.inputs.iter().map(place).collect();
        let is_random = node.op.validation() == Validation::Random;
        let is_constant = !is_random && read.iter().all(|place| matches!(place, Place::Constant));
        let mut writes = Vec::new();
        for (slot, output) in node.outputs.iter().enumerate() {
            let outlet = OutletId::new(node.id, slot);
            if is_constant || output.fact.value.is_concrete() {
                self.places.insert(outlet, Place::Constant);
            } else {
                writes.push(self.plan(outlet)?);
            }
        }
        if !writes.is_empty() {
            let mut reads = Vec::new();
            for (&outlet, place) in node.inputs.iter().zip(read) {
                match place {
                    Place::Constant => drop(constants.insert(outlet)),
                    Place::Planned(tensor) => reads.push(tensor),
                }
            }
            let shared = self.shared(node);
            let mut op = self.builder.op(node.name.as_str());
            op = op.reads(reads).writes(writes);
            for (result, of, kind) in shared {
                op = match kind {
                    Kind::View(offset) => op.view(result, of, offset),
                    Kind::InPlace => op.in_place(result, of),
                };
            }
        }
        Ok(())
    }

    /// Which results of a node share the bytes of which tensors that it reads.
    fn shared(&mut self, node: &InferenceNode) -> Vec<(TensorId, TensorId, Kind)> {
        let mut shared = Vec::new();
        for alias in self.aliases(node) {
            let result = OutletId::new(node.id, alias.result);
            let places =
                [result, node.inputs[alias.operand]].map(|outlet| self.places.get(&outlet));
            let [Some(&Place::Planned(tensor)), Some(&Place::Planned(of))] = places else {
                continue;
            };
            if let Kind::View(offset) = alias.kind {
                // What it is a view of has the same type, and so begins at a multiple of the same alignment.
                let layout = self.layout(result);
                if !layout.is_ok_and(|layout| offset.is_multiple_of(layout.align() as u64)) {
                    continue;
                }
            }
            shared.push((tensor, of, alias.kind));
        }
        shared
    }

    fn aliases(&self, node: &InferenceNode) -> Vec<Alias> {
        let before = self.model.nodes.len() - self.operators.len();
        let position = node.id.checked_sub(before);
        let Some(operator) = position.and_then(|position| self.operators.get(position)) else {
            return Vec::new();
        };
        let read = |slot: usize| self.model.outlet_fact(*node.inputs.get(slot)?).ok();
        let operands: Vec<_> = (0..node.inputs.len())
            .map(|slot| self.dims.extent(read(slot)?))
            .collect();
        let results = node.outputs.iter();
        let results: Vec<_> = results
            .map(|result| self.dims.extent(&result.fact))
            .collect();
        let numbers = |slot| Dims::constants(read(slot)?);
        let extents = Extents {
            operands: &operands,
            results: &results,
            numbers: &numbers,
        };
        aliases(operator, &extents)
    }

    /// Makes the outlet a tensor of the plan.
    fn plan(&mut self, outlet: OutletId) -> Result<TensorId, OnnxError> {
        let layout = self.layout(outlet)?;
        let name = self.unique(self.name(outlet));
        let tensor = self.builder.tensor(name, layout);
        self.places.insert(outlet, Place::Planned(tensor));
        Ok(tensor)
    }

    fn layout(&self, outlet: OutletId) -> Result<Layout, OnnxError> {
        let fact = self.model.outlet_fact(outlet).map_err(refused)?;
        let bytes = self.dims.bytes(fact);
        let element = fact
            .datum_type
            .concretize()
            .and_then(element_size)
            .unwrap_or(1);
        let align = self.alignment.max(element);
        let layout = bytes.and_then(|bytes| Layout::from_size_align(bytes, align).ok());
        layout.ok_or_else(|| self.no_layout(outlet, fact))
    }

    /// Says what keeps a tensor from having a layout.
    fn no_layout(&self, outlet: OutletId, fact: &InferenceFact) -> OnnxError {
        let (node, tensor, shape) = (
            self.model.node(outlet.node),
            self.name(outlet),
            fact.format_dt_shape(),
        );
        let dims = fact.shape.dims().filter_map(|dim| dim.concretize());
        let missing: BTreeSet<String> = dims
            .flat_map(|d| d.eval(&self.dims.values).symbols())
            .map(|s| s.to_string())
            .collect();
        if !missing.is_empty() {
            missing_dim(tensor, node.name.clone(), fact, missing)
        } else if fact.datum_type.is_concrete() && fact.shape.is_concrete() {
            OnnxError::NoLayout { tensor, shape }
        } else {
            OnnxError::UnknownShape {
                tensor,
                node: node.name.clone(),
                operator: operator(node),
                shape,
            }
        }
    }

    /// The name that the file has for an outlet.
    fn name(&self, outlet: OutletId) -> String {
        let node = self.model.node(outlet.node);
        match self.model.outlet_label(outlet) {
            Some(label) => label.to_string(),
            None if outlet.slot == 0 => node.name.clone(),
            None => format!("{}:{}", node.name, outlet.slot),
        }
    }

    fn unique(&mut self, name: String) -> String {
        let mut candidate = name.clone();
        let mut copies = 1;
        while !self.names.insert(candidate.clone()) {
            copies += 1;
            candidate = format!("{name}#{copies}");
        }
        candidate
    }
}
