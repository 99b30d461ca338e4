//! A part of a function, copied with the names and the attributes of a call.
//!
//! Stands on `names`. Invariants: every name goes through the scope, those of bodies, too, so none
//! can mean another value at the place of the call; what is copied is counted first.

use std::collections::HashMap;

use super::names::Names;
use crate::error::ModelError;
use crate::onnx::limits::Limits;
use crate::onnx::syntax::{
    AttributeDef, AttributeValue, DimDef, GraphDef, NodeDef, TensorData, TensorDef, TypeDef,
    ValueDef,
};

/// What the names in a function mean for one call.
#[derive(Debug)]
pub(super) struct Scope<'a, 'c> {
    /// The name of the call.
    pub(super) prefix: &'a str,
    /// Values: operands and results of the call, and what has been named since.
    pub(super) values: HashMap<&'a str, &'a str>,
    /// Attributes: those of the call, and defaults.
    pub(super) attributes: HashMap<&'a str, &'c AttributeValue<'a>>,
}

/// Copies parts of functions.
#[derive(Debug)]
pub(super) struct Copier<'a> {
    pub(super) values: Names<'a>,
    pub(super) nodes: Names<'a>,
    pub(super) limits: Limits,
}

impl<'a> Copier<'a> {
    /// The value that a name in a function means.
    pub(super) fn value_name(
        &mut self,
        name: &'a str,
        scope: &mut Scope<'a, '_>,
    ) -> Result<&'a str, ModelError> {
        if name.is_empty() {
            return Ok(name);
        }
        if let Some(&known) = scope.values.get(name) {
            return Ok(known);
        }
        let made = self.values.make(scope.prefix, name, &mut self.limits)?;
        scope.values.insert(name, made);
        Ok(made)
    }

    fn value_names(
        &mut self,
        names: &[&'a str],
        scope: &mut Scope<'a, '_>,
    ) -> Result<Vec<&'a str>, ModelError> {
        let mut all = self.limits.room(names.len())?;
        for name in names {
            all.push(self.value_name(name, scope)?);
        }
        Ok(all)
    }

    /// A node.
    pub(super) fn node(
        &mut self,
        node: &NodeDef<'a>,
        scope: &mut Scope<'a, '_>,
    ) -> Result<NodeDef<'a>, ModelError> {
        self.limits.nodes(1)?;
        self.limits.bytes(size_of::<NodeDef<'_>>())?;
        let name = if node.name.is_empty() {
            ""
        } else {
            self.nodes.make(scope.prefix, node.name, &mut self.limits)?
        };
        let mut attributes = self.limits.room(node.attributes.len())?;
        for attribute in &node.attributes {
            if let Some(value) = self.attribute(attribute, scope)? {
                attributes.push(AttributeDef {
                    name: attribute.name,
                    reference: "",
                    value,
                });
            }
        }
        Ok(NodeDef {
            name,
            inputs: self.value_names(&node.inputs, scope)?,
            outputs: self.value_names(&node.outputs, scope)?,
            attributes,
            ..*node
        })
    }

    /// The value of an attribute; `None` if it refers to an attribute that the call does not have.
    fn attribute(
        &mut self,
        attribute: &AttributeDef<'a>,
        scope: &mut Scope<'a, '_>,
    ) -> Result<Option<AttributeValue<'a>>, ModelError> {
        if !attribute.reference.is_empty() {
            let Some(&value) = scope.attributes.get(attribute.reference) else {
                return Ok(None);
            };
            // Bodies that a call hands on have the names of the caller.
            count_value(value, &mut self.limits)?;
            return Ok(Some(value.clone()));
        }
        Ok(Some(match &attribute.value {
            AttributeValue::Graph(body) => {
                AttributeValue::Graph(Box::new(self.graph(body, scope)?))
            }
            AttributeValue::Graphs(bodies) => {
                let mut all = self.limits.room(bodies.len())?;
                for body in bodies {
                    all.push(self.graph(body, scope)?);
                }
                AttributeValue::Graphs(all)
            }
            value => {
                count_value(value, &mut self.limits)?;
                value.clone()
            }
        }))
    }

    fn graph(
        &mut self,
        graph: &GraphDef<'a>,
        scope: &mut Scope<'a, '_>,
    ) -> Result<GraphDef<'a>, ModelError> {
        self.limits.bytes(size_of::<GraphDef<'_>>())?;
        let mut nodes = self.limits.room(graph.nodes.len())?;
        for node in &graph.nodes {
            nodes.push(self.node(node, scope)?);
        }
        Ok(GraphDef {
            name: graph.name,
            nodes,
            inputs: self.values(&graph.inputs, scope)?,
            outputs: self.values(&graph.outputs, scope)?,
            stated: self.values(&graph.stated, scope)?,
            initializers: self.tensors(&graph.initializers, scope)?,
            sparse: self.tensors(&graph.sparse, scope)?,
        })
    }

    fn values(
        &mut self,
        values: &[ValueDef<'a>],
        scope: &mut Scope<'a, '_>,
    ) -> Result<Vec<ValueDef<'a>>, ModelError> {
        let mut all = self.limits.room(values.len())?;
        for value in values {
            all.push(self.value(value, scope)?);
        }
        Ok(all)
    }

    /// A value with its type. Symbols of a function are not those of the model: they are unknown.
    pub(super) fn value(
        &mut self,
        value: &ValueDef<'a>,
        scope: &mut Scope<'a, '_>,
    ) -> Result<ValueDef<'a>, ModelError> {
        count_type(&value.value_type, &mut self.limits)?;
        let mut copy = ValueDef {
            name: self.value_name(value.name, scope)?,
            value_type: value.value_type.clone(),
        };
        forget_symbols(&mut copy.value_type);
        Ok(copy)
    }

    fn tensors(
        &mut self,
        tensors: &[TensorDef<'a>],
        scope: &mut Scope<'a, '_>,
    ) -> Result<Vec<TensorDef<'a>>, ModelError> {
        let mut all = self.limits.room(tensors.len())?;
        for tensor in tensors {
            count_tensor(tensor, &mut self.limits)?;
            let name = self.value_name(tensor.name, scope)?;
            all.push(TensorDef {
                name,
                ..tensor.clone()
            });
        }
        Ok(all)
    }
}

fn forget_symbols(found: &mut TypeDef<'_>) {
    match found {
        TypeDef::Tensor {
            shape: Some(shape), ..
        } => {
            for dim in shape {
                if matches!(dim, DimDef::Symbol(_)) {
                    *dim = DimDef::Unknown;
                }
            }
        }
        TypeDef::Sequence(element) | TypeDef::Optional(element) => forget_symbols(element),
        _ => {}
    }
}

/// Counts what a clone of an attribute's value has.
fn count_value(value: &AttributeValue<'_>, limits: &mut Limits) -> Result<(), ModelError> {
    match value {
        AttributeValue::Tensor(tensor) | AttributeValue::SparseTensor(tensor) => {
            count_tensor(tensor, limits)
        }
        AttributeValue::Tensors(tensors) => tensors
            .iter()
            .try_for_each(|tensor| count_tensor(tensor, limits)),
        AttributeValue::Graph(body) => count_graph(body, limits),
        AttributeValue::Graphs(bodies) => {
            bodies.iter().try_for_each(|body| count_graph(body, limits))
        }
        AttributeValue::Type(found) => count_type(found, limits),
        AttributeValue::Floats(all) => limits.bytes(size_of_val(all.as_slice())),
        AttributeValue::Ints(all) => limits.bytes(size_of_val(all.as_slice())),
        AttributeValue::Strings(all) => limits.bytes(size_of_val(all.as_slice())),
        AttributeValue::Float(_)
        | AttributeValue::Int(_)
        | AttributeValue::String(_)
        | AttributeValue::Other => Ok(()),
    }
}

fn count_graph(graph: &GraphDef<'_>, limits: &mut Limits) -> Result<(), ModelError> {
    limits.nodes(graph.nodes.len())?;
    limits.bytes(size_of::<GraphDef<'_>>() + size_of_val(graph.nodes.as_slice()))?;
    for node in &graph.nodes {
        let names = node.inputs.len() + node.outputs.len();
        let attributes = size_of_val(node.attributes.as_slice());
        limits.bytes(names * size_of::<&str>() + attributes)?;
        for attribute in &node.attributes {
            count_value(&attribute.value, limits)?;
        }
    }
    for value in graph
        .inputs
        .iter()
        .chain(&graph.outputs)
        .chain(&graph.stated)
    {
        limits.bytes(size_of::<ValueDef<'_>>())?;
        count_type(&value.value_type, limits)?;
    }
    for tensor in graph.initializers.iter().chain(&graph.sparse) {
        count_tensor(tensor, limits)?;
    }
    Ok(())
}

fn count_tensor(tensor: &TensorDef<'_>, limits: &mut Limits) -> Result<(), ModelError> {
    let chunks = match &tensor.data {
        TensorData::Typed(chunks) => size_of_val(chunks.as_slice()),
        TensorData::Absent | TensorData::Raw(_) => 0,
    };
    let dims = size_of_val(tensor.dims.as_slice());
    limits.bytes(size_of::<TensorDef<'_>>() + dims + chunks)
}

fn count_type(found: &TypeDef<'_>, limits: &mut Limits) -> Result<(), ModelError> {
    match found {
        TypeDef::Tensor {
            shape: Some(shape), ..
        } => limits.bytes(size_of_val(shape.as_slice())),
        TypeDef::Sequence(element) | TypeDef::Optional(element) => {
            limits.bytes(size_of::<TypeDef<'_>>())?;
            count_type(element, limits)
        }
        _ => Ok(()),
    }
}
