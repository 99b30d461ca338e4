//! Executes a program in planned memory, path by path, and checks every operand.
//!
//! It follows the program, not the graph: of the graph it asks only where a tensor of some name
//! lies. Each node writes bytes that depend on all bytes that it reads; what is read from memory is
//! compared with what the values are, which is kept aside. Every choice of branches and numbers of
//! iterations is a path.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use orionrt_plan::{Graph, Plan, TensorId};

use super::choices::{CONSTANT_BYTES, Choices, MOST_ITERATIONS};
use crate::program::{AliasKind, Branch, Control, Loop, Node, Program, ValueId, ValueKind};

/// What an operator of a path reads and writes.
#[derive(Debug, Default)]
pub(super) struct Step {
    pub(super) reads: Vec<TensorId>,
    pub(super) writes: Vec<TensorId>,
}

/// Executes up to `most` paths of a program; returns the steps of each.
pub(super) fn paths(
    program: &Program,
    graph: &Graph,
    plan: &Plan,
    most: usize,
) -> Result<Vec<Vec<Step>>, String> {
    let mut choices = Choices::default();
    let mut traces = Vec::new();
    loop {
        let mut simulation = Simulation {
            program,
            graph,
            plan,
            stands_for: stands_for(&program.nodes),
            memory: vec![0; plan.peak() as usize],
            known: HashMap::new(),
            choices: &mut choices,
            trace: Vec::new(),
            counter: 0,
        };
        let outcome = simulation.run();
        let trace = simulation.trace;
        outcome.map_err(|problem| format!("{problem}; choices {:?}", choices.made))?;
        traces.push(trace);
        if traces.len() == most || !choices.advance() {
            return Ok(traces);
        }
    }
}

/// The values that may lie in the tensors of others: of a branch in the node's result, of a loop's
/// body in the result of the state.
fn stands_for(nodes: &[Node]) -> HashMap<ValueId, ValueId> {
    let mut map = HashMap::new();
    for node in nodes {
        match &node.control {
            None => {}
            Some(Control::Branches(branches)) => {
                for branch in branches {
                    let made: HashSet<_> = branch.nodes.iter().flat_map(|n| &n.writes).collect();
                    for (value, &result) in branch.results.iter().zip(&node.writes) {
                        if made.contains(value) {
                            map.entry(*value).or_insert(result);
                        }
                    }
                    map.extend(stands_for(&branch.nodes));
                }
            }
            Some(Control::Loop(body)) => {
                let results = body.states.iter();
                map.extend(results.filter_map(|state| Some((state.input, state.result?))));
                map.extend(stands_for(&body.nodes));
            }
        }
    }
    map
}

struct Simulation<'s> {
    program: &'s Program,
    graph: &'s Graph,
    plan: &'s Plan,
    stands_for: HashMap<ValueId, ValueId>,
    memory: Vec<u8>,
    /// What each value is now.
    known: HashMap<ValueId, Vec<u8>>,
    choices: &'s mut Choices,
    trace: Vec<Step>,
    counter: u64,
}

impl Simulation<'_> {
    fn run(&mut self) -> Result<(), String> {
        for &input in &self.program.inputs {
            let bytes = self.fresh(input, &[]);
            self.write(input, bytes);
        }
        self.nodes(&self.program.nodes)?;
        for &output in &self.program.outputs {
            self.read("the caller", output)?;
        }
        Ok(())
    }

    fn name(&self, value: ValueId) -> &str {
        &self.program.values[value.0 as usize].name
    }

    fn is_constant(&self, value: ValueId) -> bool {
        let kind = &self.program.values[value.0 as usize].kind;
        matches!(kind, ValueKind::Constant { .. })
    }

    fn tensor(&self, value: ValueId) -> Option<TensorId> {
        let mut value = value;
        if self.is_constant(value) {
            return None;
        }
        loop {
            let found = self.graph.find(self.name(value));
            match (found, self.stands_for.get(&value)) {
                (None, Some(&other)) => value = other,
                _ => return found,
            }
        }
    }

    fn tensors<'v>(&self, values: impl IntoIterator<Item = &'v ValueId>) -> Vec<TensorId> {
        values
            .into_iter()
            .filter_map(|&value| self.tensor(value))
            .collect()
    }

    fn place(&self, tensor: TensorId) -> Range<usize> {
        let bytes = self.plan.bytes(tensor).expect("a planned tensor");
        bytes.start as usize..bytes.end as usize
    }

    /// Bytes that a node writes: they depend on everything it reads, and are never written again.
    fn fresh(&mut self, value: ValueId, operands: &[Vec<u8>]) -> Vec<u8> {
        self.counter += 1;
        let seed = self.counter.to_le_bytes();
        let all = operands.iter().flatten().chain(&seed);
        let mut hash = all.fold(0xcbf2_9ce4_8422_2325u64, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        });
        let mut next = || {
            hash = hash.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            (hash >> 56) as u8
        };
        (0..self.bytes(value)).map(|_| next()).collect()
    }

    fn bytes(&self, value: ValueId) -> usize {
        match &self.program.values[value.0 as usize].kind {
            ValueKind::Tensor(tensor) => tensor.bytes().expect("a small tensor") as usize,
            _ => CONSTANT_BYTES as usize,
        }
    }

    /// What a value is, which must be in memory.
    fn read(&mut self, reader: &str, value: ValueId) -> Result<Vec<u8>, String> {
        if self.is_constant(value) && !self.known.contains_key(&value) {
            let bytes = self.fresh(value, &[]);
            self.known.insert(value, bytes);
        }
        let known = self.known.get(&value);
        let known = known
            .ok_or_else(|| format!("{reader}: no {}", self.name(value)))?
            .clone();
        if let Some(tensor) = self.tensor(value) {
            let start = self.place(tensor).start;
            if self.memory[start..start + known.len()] != known {
                return Err(format!("{reader}: {} is overwritten", self.name(value)));
            }
        }
        Ok(known)
    }

    fn write(&mut self, value: ValueId, bytes: Vec<u8>) {
        if let Some(tensor) = self.tensor(value) {
            let start = self.place(tensor).start;
            self.memory[start..start + bytes.len()].copy_from_slice(&bytes);
        }
        self.known.insert(value, bytes);
    }

    /// Notes a step. What it writes must lie apart from what it reads, except where `may_share`.
    fn step(
        &mut self,
        name: &str,
        reads: Vec<TensorId>,
        writes: Vec<TensorId>,
        may_share: &dyn Fn(TensorId, TensorId) -> bool,
    ) -> Result<(), String> {
        for &written in &writes {
            for &read in &reads {
                let [a, b] = [written, read].map(|tensor| self.place(tensor));
                let is_apart = a.end <= b.start || b.end <= a.start || a.is_empty() || b.is_empty();
                if !is_apart && written != read && !may_share(written, read) {
                    return Err(format!("{name} writes {written} over {read}"));
                }
            }
        }
        if !reads.is_empty() || !writes.is_empty() {
            self.trace.push(Step { reads, writes });
        }
        Ok(())
    }

    fn nodes(&mut self, nodes: &[Node]) -> Result<(), String> {
        for node in nodes {
            match &node.control {
                None => self.node(node)?,
                Some(Control::Branches(branches)) => self.branches(node, branches)?,
                Some(Control::Loop(body)) => self.iterations(node, body)?,
            }
        }
        Ok(())
    }

    fn node(&mut self, node: &Node) -> Result<(), String> {
        let (reads, writes) = (self.tensors(&node.reads), self.tensors(&node.writes));
        let shared: HashSet<_> = node
            .aliases
            .iter()
            .map(|alias| (self.tensor(alias.result), self.tensor(alias.of)))
            .collect();
        let may_share = |a, b| shared.contains(&(Some(a), Some(b)));
        self.step(&node.name, reads, writes, &may_share)?;
        let mut operands = Vec::new();
        for &value in &node.reads {
            operands.push(self.read(&node.name, value)?);
        }
        for &value in &node.writes {
            let view = node.aliases.iter().find_map(|alias| match alias.kind {
                AliasKind::View(offset) if alias.result == value => {
                    let start = offset as usize;
                    Some(self.known[&alias.of][start..start + self.bytes(value)].to_vec())
                }
                _ => None,
            });
            let mut bytes = view.unwrap_or_else(|| self.fresh(value, &operands));
            for alias in node.aliases.iter().filter(|alias| alias.result == value) {
                if let AliasKind::Part(offset) = alias.kind {
                    let part = &self.known[&alias.of];
                    bytes[offset as usize..][..part.len()].copy_from_slice(part);
                }
            }
            self.write(value, bytes);
        }
        Ok(())
    }

    fn branches(&mut self, node: &Node, branches: &[Branch]) -> Result<(), String> {
        let branch = &branches[self.choices.choose(branches.len())];
        self.nodes(&branch.nodes)?;
        for (&value, &result) in branch.results.iter().zip(&node.writes) {
            // A result that its own operator has written need not be there if nobody reads it.
            if self.tensor(value).is_some() && self.tensor(value) == self.tensor(result) {
                let bytes = self.known[&value].clone();
                self.known.insert(result, bytes);
                continue;
            }
            let bytes = self.read(&branch.name, value)?;
            let (reads, writes) = (self.tensors([&value]), self.tensors([&result]));
            self.step(&branch.name, reads, writes, &|_, _| false)?;
            self.write(result, bytes);
        }
        for &value in &node.reads {
            self.read(&node.name, value)?;
        }
        let reads = self.tensors(&node.reads);
        self.step(&node.name, reads, Vec::new(), &|_, _| false)
    }

    fn iterations(&mut self, node: &Node, body: &Loop) -> Result<(), String> {
        for &value in &node.reads {
            self.read(&node.name, value)?;
        }
        let mut writes = self.tensors(body.states.iter().map(|state| &state.input));
        writes.extend(self.tensors(&node.writes));
        let reads = self.tensors(&node.reads);
        self.step(&node.name, reads, writes, &|_, _| false)?;
        for state in &body.states {
            let bytes = self.known[&state.initial].clone();
            self.write(state.input, bytes);
        }
        for &(_, whole) in &body.stacked {
            let bytes = vec![0; self.bytes(whole)];
            self.write(whole, bytes);
        }
        for number in 0..self.choices.choose(MOST_ITERATIONS + 1) {
            self.receive(node, body)?;
            self.nodes(&body.nodes)?;
            self.next(node, body, number)?;
        }
        for state in &body.states {
            if let Some(result) = state.result {
                let bytes = self.known[&state.input].clone();
                self.known.insert(result, bytes);
            }
        }
        Ok(())
    }

    fn receive(&mut self, node: &Node, body: &Loop) -> Result<(), String> {
        let reads = self.tensors(body.slices.iter().map(|(_, whole)| whole));
        let slices = body.slices.iter().map(|(slice, _)| slice);
        let writes = self.tensors(body.received.iter().chain(slices));
        self.step(&node.name, reads, writes, &|_, _| false)?;
        for &value in &body.received {
            let bytes = self.fresh(value, &[]);
            self.write(value, bytes);
        }
        for &(slice, whole) in &body.slices {
            let whole = self.read(&node.name, whole)?;
            let bytes = self.fresh(slice, &[whole]);
            self.write(slice, bytes);
        }
        Ok(())
    }

    fn next(&mut self, node: &Node, body: &Loop, number: usize) -> Result<(), String> {
        let name = format!("{}/next", node.name);
        let moved: Vec<_> = body
            .states
            .iter()
            .filter(|state| self.tensor(state.output) != self.tensor(state.input))
            .collect();
        let writes = self.tensors(moved.iter().map(|state| &state.input));
        // From where each state is copied: one that is a state itself is kept elsewhere first.
        let mut sources = Vec::new();
        let (mut kept, mut copies) = (Vec::new(), Vec::new());
        for state in &moved {
            let mut source = self.tensor(state.output);
            let is_state = |tensor: &TensorId| writes.contains(tensor);
            if let Some(tensor) = source.filter(is_state) {
                let copy = format!("{}/keep/{}", node.name, self.name(state.output));
                source = self.graph.find(&copy);
                kept.push(tensor);
                copies.extend(source);
                let bytes = self.read(&name, state.output)?;
                let copy = source.map(|copy| self.place(copy).start);
                let copy = copy.ok_or_else(|| format!("{name}: a state is not kept"))?;
                self.memory[copy..copy + bytes.len()].copy_from_slice(&bytes);
            }
            sources.push(source);
        }
        self.step(&name, kept, copies, &|_, _| false)?;

        let mut read: Vec<ValueId> = body.tested.clone();
        read.extend(
            body.stacked
                .iter()
                .flat_map(|&(element, whole)| [element, whole]),
        );
        let inside = body.nodes.iter().flat_map(|node| &node.reads);
        let inside: HashSet<_> = inside
            .chain(body.slices.iter().map(|(_, whole)| whole))
            .collect();
        read.extend(node.reads.iter().filter(|value| inside.contains(value)));
        for &value in &read {
            self.read(&name, value)?;
        }
        let mut reads = self.tensors(&read);
        reads.extend(sources.iter().flatten());
        self.step(&name, reads, writes, &|_, _| false)?;

        for &(element, whole) in &body.stacked {
            let element = self.known[&element].clone();
            let mut bytes = self.known[&whole].clone();
            bytes[number * element.len()..][..element.len()].copy_from_slice(&element);
            self.write(whole, bytes);
        }
        let mut outputs = Vec::new();
        for state in &moved {
            outputs.push(self.read(&name, state.output)?);
        }
        for (state, source) in moved.iter().zip(sources) {
            let target = self
                .tensor(state.input)
                .map(|tensor| self.place(tensor).start);
            let (Some(target), Some(source)) = (target, source) else {
                continue;
            };
            let source = self.place(source).start;
            let length = self.known[&state.output].len();
            self.memory.copy_within(source..source + length, target);
        }
        for (state, bytes) in moved.into_iter().zip(outputs) {
            let is_in_memory = self.tensor(state.output).is_some();
            self.known.insert(state.input, bytes.clone());
            if !is_in_memory {
                self.write(state.input, bytes);
            }
            self.read(&name, state.input)?;
        }
        Ok(())
    }
}
