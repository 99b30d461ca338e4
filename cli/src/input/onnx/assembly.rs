//! The analysed model as a [`Graph`]: what is planned, in which order and under which name.
//!
//! Stands on the shapes of the model and on [`Dims`], and declares what `aliases` finds. Invariant:
//! every outlet that is not constant is a tensor of the graph, and a node is an operator of the
//! graph exactly if it writes one; a declared view begins at a multiple of its alignment within the
//! tensor that has the bytes.

use std::{
    alloc::Layout,
    collections::{BTreeSet, HashMap, HashSet},
};

use orionrt::{Graph, GraphBuilder, TensorId};
use tract_onnx::tract_hir::infer::{Factoid, InferenceFact, InferenceNode};
use tract_onnx::tract_hir::internal::{InferenceModel, OutletId, SpecialOps, Validation};

use super::{
    aliases::{Alias, AliasKind, NodeShapes, aliases},
    dims::{Dims, element_size},
    error::{OnnxError, missing_dim, refused},
    operators::{Operator, operator_name},
};

/// What the graph has for an outlet.
#[derive(Clone, Copy)]
enum Value {
    Constant,
    Tensor(TensorId),
}

/// Builds the graph, node by node.
pub(super) struct Assembler<'m> {
    model: &'m InferenceModel,
    dims: &'m Dims,
    /// The operators of the last nodes of the model, which are the nodes of the file: tract puts
    /// inputs and constants before them, and nothing behind them.
    operators: &'m [Operator],
    alignment: usize,
    builder: GraphBuilder,
    values: HashMap<OutletId, Value>,
    names: HashSet<String>,
}

impl<'m> Assembler<'m> {
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
            values: HashMap::new(),
            names: HashSet::new(),
        }
    }

    /// The graph and the bytes of the constants that it reads.
    pub(super) fn assemble(mut self, weights: &HashSet<String>) -> Result<(Graph, u64), OnnxError> {
        for &input in &self.model.inputs {
            if weights.contains(&self.model.node(input.node).name) {
                self.values.insert(input, Value::Constant);
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
            if let Some(&Value::Tensor(tensor)) = self.values.get(output) {
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

    /// Adds the node as an operator, unless everything it writes is constant.
    fn node(
        &mut self,
        node: &InferenceNode,
        constants: &mut HashSet<OutletId>,
    ) -> Result<(), OnnxError> {
        if InferenceModel::is_source(&node.op) {
            return Ok(());
        }
        let value = |outlet: &OutletId| self.values.get(outlet).copied().unwrap_or(Value::Constant);
        let read: Vec<Value> = node.inputs.iter().map(value).collect();
        let is_random = node.op.validation() == Validation::Random;
        let is_constant = !is_random && read.iter().all(|value| matches!(value, Value::Constant));
        let mut writes = Vec::new();
        for (slot, output) in node.outputs.iter().enumerate() {
            let outlet = OutletId::new(node.id, slot);
            if is_constant || output.fact.value.is_concrete() {
                self.values.insert(outlet, Value::Constant);
            } else {
                writes.push(self.plan(outlet)?);
            }
        }
        if !writes.is_empty() {
            let mut reads = Vec::new();
            for (&outlet, value) in node.inputs.iter().zip(read) {
                match value {
                    Value::Constant => drop(constants.insert(outlet)),
                    Value::Tensor(tensor) => reads.push(tensor),
                }
            }
            let shared = self.shared(node);
            let mut op = self.builder.op(node.name.as_str());
            op = op.reads(reads).writes(writes);
            for (result, of, kind) in shared {
                op = match kind {
                    AliasKind::View(offset) => op.view(result, of, offset),
                    AliasKind::InPlace => op.in_place(result, of),
                };
            }
        }
        Ok(())
    }

    /// The results of a node that share the bytes of tensors that it reads.
    fn shared(&mut self, node: &InferenceNode) -> Vec<(TensorId, TensorId, AliasKind)> {
        let mut shared = Vec::new();
        for alias in self.aliases(node) {
            let result = OutletId::new(node.id, alias.result);
            let values =
                [result, node.inputs[alias.operand]].map(|outlet| self.values.get(&outlet));
            let [Some(&Value::Tensor(tensor)), Some(&Value::Tensor(of))] = values else {
                continue;
            };
            if let AliasKind::View(offset) = alias.kind {
                // The operand has the same type, and so begins at a multiple of the same alignment.
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
            .map(|slot| self.dims.typed_shape(read(slot)?))
            .collect();
        let results = node.outputs.iter();
        let results: Vec<_> = results
            .map(|result| self.dims.typed_shape(&result.fact))
            .collect();
        let numbers = |slot| Dims::constants(read(slot)?);
        let shapes = NodeShapes {
            operands: &operands,
            results: &results,
            numbers: &numbers,
        };
        aliases(operator, &shapes)
    }

    /// Makes the outlet a tensor of the graph.
    fn plan(&mut self, outlet: OutletId) -> Result<TensorId, OnnxError> {
        let layout = self.layout(outlet)?;
        let name = self.unique(self.name(outlet));
        let tensor = self.builder.tensor(name, layout);
        self.values.insert(outlet, Value::Tensor(tensor));
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

    /// Why a tensor has no layout.
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
                operator: operator_name(node),
                shape,
            }
        }
    }

    /// The file's name for an outlet.
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
