//! Nodes with their bodies: branches that exclude each other, and bodies that run again and again.
//!
//! Stands on `operators`. Invariant: on every path through a node, each of its planned results is
//! written before it is read; what a body reads from outside is read once more by an operator
//! behind everything in the body, so that it is alive until then and nothing is written over it.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

use orionrt_plan::{OpId, TensorId};

use super::operators::{Operators, distinct};
use crate::error::ModelError;
use crate::model::Body;
use crate::program::{Branch, Control, Loop, Node, State, ValueId};

impl<'p> Operators<'p> {
    /// Adds the nodes of a program in order, with their bodies. The operators of a node with bodies
    /// stay together in every order.
    pub(super) fn add_program(&mut self, nodes: &'p [Node]) -> Result<(), ModelError> {
        for node in nodes {
            let start = self.builder.next_op();
            self.adds_weights = self.weights_are_tensors && node.control.is_none();
            self.add_nodes(std::slice::from_ref(node))?;
            if node.control.is_some() {
                self.builder.exclusive([start..self.builder.next_op()]);
            }
        }
        Ok(())
    }

    /// Adds nodes in order, with their bodies. How deep bodies lie within each other has been
    /// checked.
    fn add_nodes(&mut self, nodes: &'p [Node]) -> Result<(), ModelError> {
        for node in nodes {
            let mut results = node.writes.iter();
            if !node.writes.is_empty() && results.all(|&value| self.tensors.is_constant(value)) {
                self.weights.add_computed(node);
                continue;
            }
            match &node.control {
                None => self.add_node(node)?,
                Some(Control::Branches(branches)) => self.add_branches(node, branches)?,
                Some(Control::Loop(body)) => self.add_loop(node, body)?,
            }
        }
        Ok(())
    }

    fn add_branches(&mut self, node: &'p Node, branches: &'p [Branch]) -> Result<(), ModelError> {
        let mut results = Vec::new();
        for &result in &node.writes {
            let tensor = self.tensor(result)?;
            if let Some(tensor) = tensor.filter(|_| branches.len() > 1) {
                self.tensors.tensor_mut(tensor).is_rewritten = true;
            }
            results.push(tensor);
        }
        let mut ranges = Vec::new();
        for branch in branches {
            let name = format!("{}/{}", node.name, branch.name);
            let add = |operators: &mut Self| operators.add_branch(node, branch, &results);
            ranges.push(self.add_body(name, false, add)?);
        }
        if ranges.len() > 1 {
            self.builder.exclusive(ranges);
        }
        self.weights.count(&node.reads);
        let reads = self.all(&node.reads)?;
        let is_written = |slot: usize| branches.iter().any(|b| slot < b.results.len());
        let others = (0..results.len()).filter(|&slot| !is_written(slot));
        let writes = others.filter_map(|slot| results[slot]).collect();
        self.add(node, &node.name, reads, distinct(writes));
        Ok(())
    }

    /// Adds the operators of a branch, which write the results of the node.
    fn add_branch(
        &mut self,
        node: &'p Node,
        branch: &'p Branch,
        results: &[Option<TensorId>],
    ) -> Result<(), ModelError> {
        let made: HashSet<ValueId> = branch
            .nodes
            .iter()
            .flat_map(|n| &n.writes)
            .copied()
            .collect();
        let mut renamed = HashSet::new();
        let mut copies = Vec::new();
        for (slot, (&value, &result)) in branch.results.iter().zip(results).enumerate() {
            let can_be_written = made.contains(&value) && !self.tensors.is_constant(value);
            match result {
                Some(result) if can_be_written && renamed.insert(value) => {
                    self.tensors.place(value, result);
                }
                _ => copies.push((slot, value, result)),
            }
        }
        self.add_nodes(&branch.nodes)?;
        for (slot, value, result) in copies {
            if self.tensors.is_constant(node.writes[slot]) {
                continue;
            }
            self.weights.count(&[value]);
            let reads: Vec<_> = self.tensor(value)?.into_iter().collect();
            let name = &self.tensors.value(node.writes[slot]).name;
            let name = format!("{}/{}/{name}", node.name, branch.name);
            self.add(node, &name, reads, result.into_iter().collect());
        }
        Ok(())
    }

    fn add_loop(&mut self, node: &'p Node, body: &'p Loop) -> Result<(), ModelError> {
        let mut states = Vec::new();
        for state in &body.states {
            states.push(self.state(state)?);
        }
        let mut writes: Vec<TensorId> = states.iter().flatten().copied().collect();
        writes.extend(self.all(&node.writes)?);
        self.weights.count(&node.reads);
        let reads = self.all(&node.reads)?;
        self.add(node, &node.name, reads, distinct(writes));
        let operators = self.add_body(node.name.clone(), true, |operators| {
            operators.add_receive(node, body)?;
            operators.add_nodes(&body.nodes)?;
            operators.add_next(node, body, &states)
        })?;
        if !operators.is_empty() {
            self.builder.repeated(operators);
        }
        Ok(())
    }

    /// Adds the operators of a body; returns their range.
    fn add_body(
        &mut self,
        name: String,
        is_repeated: bool,
        add: impl FnOnce(&mut Self) -> Result<(), ModelError>,
    ) -> Result<Range<OpId>, ModelError> {
        let (start, number) = (self.builder.next_op(), self.bodies.len());
        self.bodies.push(Body {
            name,
            operators: start.index()..start.index(),
            is_repeated,
        });
        add(self)?;
        let end = self.builder.next_op();
        self.bodies[number].operators.end = end.index();
        if start == end {
            self.bodies.truncate(number);
        }
        Ok(start..end)
    }

    /// The tensor of a state, which goes by the name of the node's result if that is planned.
    fn state(&mut self, state: &State) -> Result<Option<TensorId>, ModelError> {
        let Some(result) = state.result else {
            return self.input_of(state);
        };
        let Some(tensor) = self.tensor(result)? else {
            return self.input_of(state);
        };
        self.tensors.place(state.input, tensor);
        self.mark(state, tensor);
        Ok(Some(tensor))
    }

    fn input_of(&mut self, state: &State) -> Result<Option<TensorId>, ModelError> {
        let tensor = self.tensor(state.input)?;
        if let Some(tensor) = tensor {
            self.mark(state, tensor);
        }
        Ok(tensor)
    }

    fn mark(&mut self, state: &State, tensor: TensorId) {
        if state.output != state.input {
            self.tensors.tensor_mut(tensor).is_rewritten = true;
        }
    }

    /// Adds the operator that writes what each iteration receives.
    fn add_receive(&mut self, node: &'p Node, body: &'p Loop) -> Result<(), ModelError> {
        let (slices, wholes): (Vec<_>, Vec<_>) = body.slices.iter().copied().unzip();
        self.weights.count(&wholes);
        let reads = self.all(&wholes)?;
        let writes = self.all(&[&body.received[..], &slices].concat())?;
        self.add(node, &format!("{}/receive", node.name), reads, writes);
        Ok(())
    }

    /// Adds the operator at the end of an iteration.
    fn add_next(
        &mut self,
        node: &'p Node,
        body: &'p Loop,
        states: &[Option<TensorId>],
    ) -> Result<(), ModelError> {
        let mut outputs = Vec::new();
        let mut writes = Vec::new();
        for (state, &tensor) in body.states.iter().zip(states) {
            self.weights.count(&[state.output]);
            let output = self.tensor(state.output)?;
            if output.is_none() || output != tensor {
                outputs.extend(output.map(|output| (state.output, output)));
                writes.extend(tensor);
            }
        }
        let mut reads = self.keep(node, outputs, &writes)?;
        reads.extend(self.all(&body.tested)?);
        for &(element, whole) in &body.stacked {
            self.weights.count(&[element]);
            reads.extend(self.all(&[element, whole])?);
        }
        reads.extend(self.captures(node, body)?);
        let name = format!("{}/next", node.name);
        self.add(node, &name, distinct(reads), distinct(writes));
        Ok(())
    }

    /// Copies those outputs of an iteration that are themselves states, before the states are
    /// written: two that change places could not be written one after the other. Returns what
    /// there is to read instead.
    fn keep(
        &mut self,
        node: &'p Node,
        outputs: Vec<(ValueId, TensorId)>,
        states: &[TensorId],
    ) -> Result<Vec<TensorId>, ModelError> {
        let written: HashSet<TensorId> = states.iter().copied().collect();
        let mut copies = HashMap::new();
        let (mut reads, mut kept, mut writes) = (Vec::new(), Vec::new(), Vec::new());
        for (value, tensor) in outputs {
            if !written.contains(&tensor) {
                reads.push(tensor);
                continue;
            }
            let copy = match copies.entry(tensor) {
                Entry::Occupied(copy) => *copy.get(),
                Entry::Vacant(entry) => {
                    let name = format!("{}/keep/{}", node.name, self.tensors.value(value).name);
                    let (tensors, builder) = (&mut self.tensors, &mut self.builder);
                    let copy = *entry.insert(tensors.another(&name, value, tensor, builder)?);
                    kept.push(tensor);
                    writes.push(copy);
                    copy
                }
            };
            reads.push(copy);
        }
        self.add(node, &format!("{}/keep", node.name), kept, writes);
        Ok(reads)
    }

    /// The tensors that a body reads from outside: all operands but those that are only the values
    /// to begin with.
    fn captures(&mut self, node: &'p Node, body: &'p Loop) -> Result<Vec<TensorId>, ModelError> {
        let mut read: HashSet<ValueId> =
            body.nodes.iter().flat_map(|n| &n.reads).copied().collect();
        read.extend(body.slices.iter().map(|&(_, whole)| whole));
        let captured = node
            .reads
            .iter()
            .copied()
            .filter(|value| read.contains(value));
        let captured: Vec<ValueId> = captured.collect();
        self.all(&captured)
    }
}
