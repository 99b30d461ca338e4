//! All calls of a model's functions, replaced by the functions' nodes.
//!
//! Stands on `copy`. A call is a node whose domain, operator and overload are those of a function,
//! even where an operator of the standard has the same name. Invariants: a result without calls; a
//! function that calls itself is an error; every node that is visited is counted, so functions that
//! double forty times end at the limit of nodes.

use std::collections::HashMap;
use std::mem::take;

use bumpalo::Bump;

use super::copy::{Copier, Scope};
use super::names::Names;
use super::paths;
use crate::error::ModelError;
use crate::onnx::limits::{Limits, check_calls};
use crate::onnx::syntax::{AttributeValue, FunctionDef, GraphDef, ModelDef, NodeDef};

/// What an entry of a scope costs, in bytes.
const ENTRY: usize = 64;

/// The model without calls of its functions. Names within a function become `CALL/NAME`, where an
/// unnamed call goes by its first result; they are kept in `names`.
pub(crate) fn inline<'a>(
    mut model: ModelDef<'a>,
    names: &'a Bump,
) -> Result<ModelDef<'a>, ModelError> {
    let functions = take(&mut model.functions);
    if functions.is_empty() {
        paths::check(&model.graph)?;
        return Ok(model);
    }
    let mut inliner = Inliner {
        functions: by_name(&functions)?,
        copier: Copier {
            values: Names::new(names),
            nodes: Names::new(names),
            limits: Limits::default(),
        },
        active: Vec::new(),
        identity: version(&model.opsets),
    };
    inliner.take_names(&model.graph)?;
    inliner.graph(&mut model.graph)?;
    paths::check(&model.graph)?;
    Ok(model)
}

/// Domain, name and overload of a function.
type Key<'a> = (&'a str, &'a str, &'a str);

fn by_name<'a, 'f>(
    functions: &'f [FunctionDef<'a>],
) -> Result<HashMap<Key<'a>, &'f FunctionDef<'a>>, ModelError> {
    let mut all = HashMap::with_capacity(functions.len());
    for function in functions {
        let key = (function.domain, function.name, function.overload);
        if all.insert(key, function).is_some() {
            return Err(ModelError::Malformed {
                place: format!("function {}", label(function)),
                found: "two functions of this domain, name and overload".into(),
                expected: "one".into(),
            });
        }
    }
    Ok(all)
}

/// The version of the default domain, for nodes that stand for a function's bare operand.
fn version(opsets: &[(&str, i64)]) -> i64 {
    let default = opsets.iter().find(|(domain, _)| domain.is_empty());
    default.map_or(1, |&(_, version)| version)
}

fn label(function: &FunctionDef<'_>) -> String {
    let overload = match function.overload {
        "" => String::new(),
        overload => format!(":{overload}"),
    };
    format!("'{}.{}{overload}'", function.domain, function.name)
}

struct Inliner<'a, 'f> {
    functions: HashMap<Key<'a>, &'f FunctionDef<'a>>,
    copier: Copier<'a>,
    /// The functions whose bodies are read now, outermost first.
    active: Vec<Key<'a>>,
    identity: i64,
}

impl<'a, 'f> Inliner<'a, 'f> {
    /// Takes the names of all values and nodes of the file, and counts the nodes.
    fn take_names(&mut self, graph: &GraphDef<'a>) -> Result<(), ModelError> {
        let Copier {
            values,
            nodes,
            limits,
        } = &mut self.copier;
        let tensors = graph.initializers.iter().chain(&graph.sparse);
        let names = tensors.map(|tensor| tensor.name);
        for name in names.chain(graph.inputs.iter().map(|value| value.name)) {
            values.take(name, limits)?;
        }
        limits.nodes(graph.nodes.len())?;
        for node in &graph.nodes {
            nodes.take(node.name, limits)?;
            for name in &node.outputs {
                values.take(name, limits)?;
            }
        }
        for attribute in graph.nodes.iter().flat_map(|node| &node.attributes) {
            match &attribute.value {
                AttributeValue::Graph(body) => self.take_names(body)?,
                AttributeValue::Graphs(bodies) => {
                    bodies.iter().try_for_each(|body| self.take_names(body))?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Replaces the calls in a graph and its bodies.
    fn graph(&mut self, graph: &mut GraphDef<'a>) -> Result<(), ModelError> {
        self.copier.limits.enter()?;
        for node in take(&mut graph.nodes) {
            self.node(node, graph)?;
        }
        self.copier.limits.leave();
        Ok(())
    }

    /// Adds a node to a graph; if it is a call, the nodes of the function.
    fn node(&mut self, mut node: NodeDef<'a>, graph: &mut GraphDef<'a>) -> Result<(), ModelError> {
        for attribute in &mut node.attributes {
            match &mut attribute.value {
                AttributeValue::Graph(body) => self.graph(body)?,
                AttributeValue::Graphs(bodies) => {
                    bodies.iter_mut().try_for_each(|body| self.graph(body))?;
                }
                _ => {}
            }
        }
        let key = (node.domain, node.operator, node.overload);
        match self.functions.get(&key).copied() {
            Some(function) => self.call(function, &node, graph)?,
            None => graph.nodes.push(node),
        }
        Ok(())
    }

    /// Adds the nodes of a function to the graph with the call.
    fn call(
        &mut self,
        function: &'f FunctionDef<'a>,
        call: &NodeDef<'a>,
        graph: &mut GraphDef<'a>,
    ) -> Result<(), ModelError> {
        let key = (function.domain, function.name, function.overload);
        if self.active.contains(&key) {
            return Err(ModelError::Malformed {
                place: format!("function {}", label(function)),
                found: "a call of itself".into(),
                expected: "functions that do not call themselves".into(),
            });
        }
        self.active.push(key);
        check_calls(self.active.len())?;
        let mut scope = self.scope(function, call)?;
        for node in &function.nodes {
            let node = self.copier.node(node, &mut scope)?;
            self.node(node, graph)?;
        }
        for value in &function.stated {
            graph.stated.push(self.copier.value(value, &mut scope)?);
        }
        self.results(function, call, &scope, graph)?;
        self.active.pop();
        Ok(())
    }

    /// What the names in a function mean for a call.
    fn scope<'c>(
        &mut self,
        function: &'f FunctionDef<'a>,
        call: &'c NodeDef<'a>,
    ) -> Result<Scope<'a, 'c>, ModelError>
    where
        'f: 'c,
    {
        fits(call, "operands", call.inputs.len(), function.inputs.len())?;
        fits(call, "results", call.outputs.len(), function.outputs.len())?;
        let values = function.inputs.len() + function.outputs.len();
        let attributes = function.defaults.len() + call.attributes.len();
        self.copier.limits.bytes((values + attributes) * ENTRY)?;
        let mut scope = Scope {
            prefix: name_of(call),
            values: HashMap::new(),
            attributes: HashMap::new(),
        };
        for (i, name) in function.inputs.iter().enumerate() {
            let operand = call.inputs.get(i).copied().unwrap_or("");
            scope.values.insert(name, operand);
        }
        for (name, result) in function.outputs.iter().zip(&call.outputs) {
            if !result.is_empty() {
                // What is an operand, or another result, already has a name: see `results`.
                scope.values.entry(name).or_insert(result);
            }
        }
        for attribute in function.defaults.iter().chain(&call.attributes) {
            scope.attributes.insert(attribute.name, &attribute.value);
        }
        Ok(scope)
    }

    /// Adds an `Identity` for each result that is an operand of the function, or another result.
    fn results(
        &mut self,
        function: &FunctionDef<'a>,
        call: &NodeDef<'a>,
        scope: &Scope<'a, '_>,
        graph: &mut GraphDef<'a>,
    ) -> Result<(), ModelError> {
        for (name, &result) in function.outputs.iter().zip(&call.outputs) {
            let Some(&value) = scope.values.get(name) else {
                continue;
            };
            if result.is_empty() || value == result || value.is_empty() {
                continue;
            }
            self.copier.limits.nodes(1)?;
            self.copier.limits.bytes(size_of::<NodeDef<'_>>())?;
            let (mut inputs, mut outputs) =
                (self.copier.limits.room(1)?, self.copier.limits.room(1)?);
            inputs.push(value);
            outputs.push(result);
            graph.nodes.push(NodeDef {
                operator: "Identity",
                opset: self.identity,
                inputs,
                outputs,
                ..NodeDef::default()
            });
        }
        Ok(())
    }
}

/// The name of a node, or else of its first result.
fn name_of<'a>(node: &NodeDef<'a>) -> &'a str {
    if !node.name.is_empty() {
        return node.name;
    }
    let first = node.outputs.iter().find(|name| !name.is_empty());
    first.copied().unwrap_or(node.operator)
}

fn fits(call: &NodeDef<'_>, what: &str, found: usize, most: usize) -> Result<(), ModelError> {
    if found <= most {
        return Ok(());
    }
    Err(ModelError::Operator {
        node: name_of(call).into(),
        operator: call.operator.into(),
        reason: format!("{found} {what}, but the function has {most}"),
    })
}
