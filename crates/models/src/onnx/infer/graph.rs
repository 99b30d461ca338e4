//! A graph or a body, node by node.
//!
//! Stands on all files above it. Invariant: a node that writes only constants is in the program
//! only to say which other constants they come from.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::control::control;
use super::control::is_control;
use super::facts::{Fact, Facts, Origin};
use super::nodes::{bodies_of, captures, depends_on_data, is_random, names_of_weights};
use super::operator::Follows;
use super::parts::{Bodies, Body, BodyCall, ControlCall, Controlled, input_fact};
use super::scope::Scope;
use super::sources::{type_of_constant, weight};
use super::stated::{From, Slot, filled};
use crate::error::ModelError;
use crate::model::{LeftOut, LeftOutReason};
use crate::names::Names;
use crate::onnx::aliases::{NodeTypes, aliases};
use crate::onnx::attributes::is_standard;
use crate::onnx::small::{Small, Trust};
use crate::onnx::syntax::{GraphDef, NodeDef, TypeDef};
use crate::onnx::types::{Size, Type};
use crate::onnx::work::{Shapes, work};
use crate::program::{Alias, Node, ValueId};
use crate::tensor_type::TensorType;
use crate::work::OperatorWork;

/// Types the main graph.
pub(crate) fn infer<'o>(
    facts: Facts<'o>,
    graph: &GraphDef<'_>,
) -> Result<(Facts<'o>, Body), ModelError> {
    let mut typer = Typer { facts };
    let weights = names_of_weights(graph);
    let mut inputs = Vec::new();
    for input in graph
        .inputs
        .iter()
        .filter(|input| !weights.contains(input.name))
    {
        inputs.push(typer.facts.graph_input(input)?);
    }
    let scope = Scope::within(None);
    let call = BodyCall {
        def: graph,
        scope: &scope,
        prefix: String::new(),
        inputs,
    };
    let body = typer.body(call)?;
    Ok((typer.facts, body))
}

struct Typer<'o> {
    facts: Facts<'o>,
}

impl<'o> Bodies<'o> for Typer<'o> {
    fn facts(&mut self) -> &mut Facts<'o> {
        &mut self.facts
    }

    fn body<'a>(&mut self, call: BodyCall<'_, '_, 'a>) -> Result<Body, ModelError> {
        let mut walk = Walk {
            def: call.def,
            scope: Scope::within(Some(call.scope)),
            prefix: call.prefix,
            stated: HashMap::new(),
            names: Names::default(),
            nodes: Vec::new(),
        };
        for value in walk.def.stated.iter().chain(&walk.def.outputs) {
            if !matches!(value.value_type, TypeDef::Missing) {
                walk.stated.insert(value.name, &value.value_type);
            }
        }
        let inputs = self.sources(&mut walk, call.inputs)?;
        for node in &call.def.nodes {
            self.node(&mut walk, node)?;
        }
        let outputs = self.outputs(&walk)?;
        Ok(Body {
            nodes: walk.nodes,
            inputs,
            outputs,
        })
    }
}

/// A graph that is being typed.
struct Walk<'w, 's, 'a> {
    def: &'w GraphDef<'a>,
    scope: Scope<'s, 'a>,
    prefix: String,
    stated: HashMap<&'a str, &'w TypeDef<'a>>,
    /// The names of its nodes.
    names: Names,
    nodes: Vec<Node>,
}

impl<'a> Walk<'_, '_, 'a> {
    /// The name of a node that no other node of the graph has.
    fn node_name(&mut self, node: &NodeDef<'a>) -> String {
        let first = node.outputs.iter().find(|name| !name.is_empty());
        let own = match (node.name, first) {
            ("", Some(first)) => first,
            ("", None) => node.operator,
            (name, _) => name,
        };
        let name = format!("{}{own}", self.prefix);
        self.names.unique(&name)
    }

    fn value_name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

impl Typer<'_> {
    /// Weights and inputs of a graph.
    fn sources(
        &mut self,
        walk: &mut Walk<'_, '_, '_>,
        given: Vec<(Type, Option<Small>)>,
    ) -> Result<Vec<ValueId>, ModelError> {
        let mut weights = HashSet::new();
        for tensor in walk.def.initializers.iter().chain(&walk.def.sparse) {
            weights.insert(tensor.name);
            let fact = weight(walk.value_name(tensor.name), tensor);
            let id = self.facts.add(fact);
            if !walk.scope.define(tensor.name, id) {
                return Err(twice("initialiser", &walk.value_name(tensor.name)));
            }
        }
        let is_body = !walk.prefix.is_empty();
        let mut given = given.into_iter();
        let mut inputs = Vec::new();
        for input in &walk.def.inputs {
            if weights.contains(input.name) {
                // A body gets a value for it; the main graph need not.
                if is_body {
                    given.next();
                }
                continue;
            }
            let (of, contents) = given.next().unwrap_or_default();
            let of = if is_body {
                let stated = self.facts.stated(&input.value_type);
                filled(of, stated)
            } else {
                of
            };
            let name = walk.value_name(input.name);
            if !of.is_settled() {
                let reason = format!("is {of}; expected a type with a shape");
                let error = ModelError::Input {
                    name: name.clone(),
                    reason,
                };
                self.facts.open.push((self.facts.next(), error));
            }
            let id = self.facts.add(input_fact(name, of, contents));
            if !walk.scope.define(input.name, id) {
                return Err(twice("input", &walk.value_name(input.name)));
            }
            inputs.push(id);
        }
        Ok(inputs)
    }

    fn outputs(&self, walk: &Walk<'_, '_, '_>) -> Result<Vec<ValueId>, ModelError> {
        let outputs = walk.def.outputs.iter();
        outputs
            .map(|output| {
                let found = walk.scope.find(output.name);
                found.ok_or_else(|| ModelError::Malformed {
                    place: format!("output '{}'", walk.value_name(output.name)),
                    found: "nothing writes it".into(),
                    expected: "a result of a node, an input or an initialiser".into(),
                })
            })
            .collect()
    }

    fn node<'w, 'a>(
        &mut self,
        walk: &mut Walk<'w, '_, 'a>,
        node: &'w NodeDef<'a>,
    ) -> Result<(), ModelError> {
        let name = walk.node_name(node);
        self.facts.budget = self
            .facts
            .budget
            .checked_sub(1)
            .ok_or(ModelError::TooLarge {
                what: "nodes of bodies of loops within loops".into(),
                found: u64::MAX,
                limit: 0,
            })?;
        let mut reads = Vec::with_capacity(node.inputs.len());
        for &operand in &node.inputs {
            reads.push(match operand {
                "" => None,
                operand => Some(self.read(walk, node, &name, operand)?),
            });
        }
        if is_control(node) {
            return self.control(walk, node, name, &reads);
        }
        let mut follows = self.facts.follow(node, &reads);
        let mut all: Vec<ValueId> = reads.iter().flatten().copied().collect();
        if bodies_of(node).next().is_some() {
            let operator = node.operator.into();
            let left_out = LeftOut::new(name.clone(), LeftOutReason::Body { operator });
            self.facts.left_out.push(left_out);
            for captured in captures(node) {
                all.extend(walk.scope.find(captured));
            }
        }
        let is_weight = is_standard(node) && node.operator == "Constant";
        if is_weight
            && let (Some(of), Some(first)) = (type_of_constant(node), follows.results.first_mut())
        {
            first.0 = of;
        }
        let is_constant = !is_random(node) && self.all_constant(&all);
        let origin = match (is_constant, is_weight) {
            (false, _) => Origin::Runtime,
            (true, true) => Origin::Weight,
            (true, false) => Origin::Constant,
        };
        let results = self.define(walk, node, &name, follows, &all, origin)?;
        let shared = self.aliases(node, &reads, &results);
        self.emit(walk, name, all, &results, |emitted| {
            emitted.operator = Node::operator_type(node.operator);
            emitted.aliases = shared;
            emitted.work = self.work(node, &reads, &results);
        });
        Ok(())
    }

    /// The value that a node reads.
    fn read(
        &self,
        walk: &Walk<'_, '_, '_>,
        node: &NodeDef<'_>,
        name: &str,
        operand: &str,
    ) -> Result<ValueId, ModelError> {
        if let Some(id) = walk.scope.find(operand) {
            return Ok(id);
        }
        let nodes = &walk.def.nodes;
        let writer = nodes.iter().find(|node| node.outputs.contains(&operand));
        let reason = match writer {
            Some(writer) => {
                let named = if writer.name.is_empty() {
                    operand
                } else {
                    writer.name
                };
                format!(
                    "reads '{operand}', which '{named}' ({}) writes later; a node must come after \
                     those that write what it reads",
                    writer.operator
                )
            }
            None => format!("reads '{operand}', which nothing writes"),
        };
        Err(ModelError::Operator {
            node: name.into(),
            operator: node.operator.into(),
            reason,
        })
    }

    fn control<'w, 'a>(
        &mut self,
        walk: &mut Walk<'w, '_, 'a>,
        node: &'w NodeDef<'a>,
        name: String,
        reads: &[Option<ValueId>],
    ) -> Result<(), ModelError> {
        let first = self.facts.next();
        let call = ControlCall {
            node,
            name: &name,
            reads,
            scope: &walk.scope,
        };
        let Controlled { results, parts } = control(self, &call)?;
        let mut all: Vec<ValueId> = reads.iter().flatten().copied().collect();
        let mut seen: HashSet<ValueId> = all.iter().copied().collect();
        parts.reads(&mut |id| {
            if id < first && seen.insert(id) {
                all.push(id);
            }
        });
        let writes_constants =
            |node: &Node| !node.writes.is_empty() && self.all_constant(&node.writes);
        let is_constant = parts.is_constant(writes_constants) && self.all_constant(&all);
        let origin = if is_constant {
            Origin::Constant
        } else {
            Origin::Runtime
        };
        let follows = Follows {
            results,
            contradiction: None,
            is_capped: false,
        };
        let results = self.define(walk, node, &name, follows, &all, origin)?;
        self.emit(walk, name, all, &results, |emitted| {
            emitted.operator = Node::operator_type(node.operator);
            emitted.control = Some(parts.control(&results));
        });
        Ok(())
    }

    fn all_constant(&self, reads: &[ValueId]) -> bool {
        let mut origins = reads.iter().map(|&id| self.facts.get(id).origin);
        origins.all(|origin| origin != Origin::Runtime)
    }

    /// Adds the results of a node; `None` for those that are left out.
    fn define<'a>(
        &mut self,
        walk: &mut Walk<'_, '_, 'a>,
        node: &NodeDef<'a>,
        name: &str,
        follows: Follows,
        reads: &[ValueId],
        origin: Origin,
    ) -> Result<Vec<Option<ValueId>>, ModelError> {
        let is_open = |id: &ValueId| {
            let fact = self.facts.get(*id);
            !fact.of.is_settled() && fact.origin == Origin::Runtime
        };
        let follows_from_open = reads.iter().any(is_open);
        let depends_on_data = !follows_from_open
            && (!self.facts.is_survey
                || depends_on_data(node)
                || !reads.iter().any(|&id| self.facts.has_stand_in(id)));
        let from = From {
            unknowns: self.facts.unknowns(reads.iter().copied()),
            depends_on_data,
        };
        let mut contradiction = follows.contradiction;
        let is_capped = follows.is_capped;
        let mut ids = Vec::with_capacity(node.outputs.len());
        for (at, (&output, (of, contents))) in node.outputs.iter().zip(follows.results).enumerate()
        {
            if output.is_empty() {
                ids.push(None);
                continue;
            }
            let value = walk.value_name(output);
            let slot = Slot {
                value: &value,
                node: name,
                operator: node.operator,
                position: (node.outputs.len() > 1).then_some(at),
            };
            let stated = walk.stated.get(output).copied();
            let mut of = self.facts.settle(&slot, of, stated, &from)?;
            if is_capped && at == 0 {
                let whole = reads.first().map(|&id| self.facts.get(id).of.clone());
                of = self.facts.capped(&slot, of, &whole.unwrap_or_default());
            }
            let contents = contents.filter(|of_contents| agrees(&of, of_contents));
            let is_known = contents
                .as_ref()
                .is_some_and(|contents| contents.trust() == Some(Trust::Constant));
            let origin = match origin {
                Origin::Runtime if is_known && !is_random(node) => Origin::Constant,
                origin => origin,
            };
            if !of.is_settled() && origin == Origin::Runtime && !follows_from_open {
                let id = self.facts.next();
                let error = unknown(&slot, &of, contradiction.take());
                let is_stand_in =
                    self.facts.is_survey && reads.iter().any(|&id| self.facts.is_bounded(id));
                if !is_stand_in {
                    self.facts.open.push((id, error));
                }
            }
            let id = self.facts.add(Fact {
                name: value,
                of,
                contents: contents.map(Rc::new),
                origin,
            });
            if !walk.scope.define(output, id) {
                return Err(twice("value", &walk.value_name(output)));
            }
            ids.push(Some(id));
        }
        Ok(ids)
    }

    /// The results that share bytes with operands.
    fn aliases(
        &self,
        node: &NodeDef<'_>,
        reads: &[Option<ValueId>],
        results: &[Option<ValueId>],
    ) -> Vec<Alias> {
        let tensor = |id: &Option<ValueId>| self.facts.runtime_tensor((*id)?);
        let operands: Vec<Option<TensorType>> = reads.iter().map(tensor).collect();
        let written: Vec<Option<TensorType>> = results.iter().map(tensor).collect();
        if operands.iter().all(Option::is_none) || written.iter().all(Option::is_none) {
            return Vec::new();
        }
        let operands: Vec<_> = operands.iter().map(Option::as_ref).collect();
        let written: Vec<_> = written.iter().map(Option::as_ref).collect();
        let constants = |at: usize| {
            let id = reads.get(at).copied().flatten()?;
            self.facts.get(id).contents.as_ref()?.ints()
        };
        let types = NodeTypes {
            opset: node.opset,
            operands: &operands,
            results: &written,
            constants: &constants,
        };
        let found = aliases(node, &types);
        let alias = |(result, of, kind): (usize, usize, _)| {
            Some(Alias {
                result: results.get(result).copied().flatten()?,
                of: reads.get(of).copied().flatten()?,
                kind,
            })
        };
        found.into_iter().filter_map(alias).collect()
    }

    /// What a node without bodies computes.
    fn work(
        &self,
        node: &NodeDef<'_>,
        reads: &[Option<ValueId>],
        results: &[Option<ValueId>],
    ) -> OperatorWork {
        let dims = |id: &Option<ValueId>| self.facts.get((*id)?).of.numbers();
        let operands: Vec<Option<Vec<u64>>> = reads.iter().map(dims).collect();
        let results: Vec<Option<Vec<u64>>> = results.iter().map(dims).collect();
        let shapes = Shapes {
            operands: &operands,
            results: &results,
        };
        work(node, &shapes)
    }

    /// Adds a node to the program.
    fn emit(
        &self,
        walk: &mut Walk<'_, '_, '_>,
        name: String,
        reads: Vec<ValueId>,
        results: &[Option<ValueId>],
        finish: impl FnOnce(&mut Node),
    ) {
        let is_runtime = |id: &ValueId| self.facts.get(*id).origin == Origin::Runtime;
        let writes: Vec<ValueId> = results
            .iter()
            .flatten()
            .copied()
            .filter(is_runtime)
            .collect();
        if writes.is_empty() && !results.is_empty() {
            self.emit_constant(walk, name, &reads, results);
            return;
        }
        let mut node = Node {
            name,
            operator: String::new(),
            reads,
            writes,
            aliases: Vec::new(),
            work: OperatorWork::default(),
            control: None,
        };
        finish(&mut node);
        walk.nodes.push(node);
    }

    /// Adds a node that writes nothing but constants, with the constants that they come from.
    fn emit_constant(
        &self,
        walk: &mut Walk<'_, '_, '_>,
        name: String,
        reads: &[ValueId],
        results: &[Option<ValueId>],
    ) {
        let is_constant = |id: &ValueId| self.facts.get(*id).origin != Origin::Runtime;
        let reads: Vec<ValueId> = reads.iter().copied().filter(is_constant).collect();
        if !reads.is_empty() {
            walk.nodes.push(Node {
                name,
                operator: String::new(),
                reads,
                writes: results.iter().flatten().copied().collect(),
                aliases: Vec::new(),
                work: OperatorWork::default(),
                control: None,
            });
        }
    }
}

impl Facts<'_> {
    /// The type of a value that is computed at run time, if its size has a number.
    pub(crate) fn runtime_tensor(&self, id: ValueId) -> Option<TensorType> {
        let fact = self.get(id);
        if fact.origin != Origin::Runtime {
            return None;
        }
        Some(TensorType {
            element: fact.of.element()?.storage()?,
            dims: fact.of.numbers()?,
            is_bound: fact.of.has_bound(),
        })
    }
}

/// Why the type of a result is not known.
fn unknown(slot: &Slot<'_>, of: &Type, contradiction: Option<String>) -> ModelError {
    let reason = match contradiction {
        Some(reason) => format!("{reason}; the file does not state what it writes"),
        None => format!(
            "its result '{}' is {of}: that does not follow from its operands, and the file does \
             not state it",
            slot.value
        ),
    };
    ModelError::Operator {
        node: slot.node.into(),
        operator: slot.operator.into(),
        reason,
    }
}

fn twice(what: &str, name: &str) -> ModelError {
    ModelError::Malformed {
        place: format!("{what} '{name}'"),
        found: "a second one of this name".into(),
        expected: "names that are used once in a graph".into(),
    }
}

/// Whether contents are those of a tensor of exactly this shape.
fn agrees(of: &Type, contents: &Small) -> bool {
    let is_exact = |(size, &dim): (&Size, &u64)| *size == Size::Known(dim);
    let shape = of.shape();
    shape.is_some_and(|shape| {
        shape.len() == contents.dims.len() && shape.iter().zip(&contents.dims).all(is_exact)
    })
}
