//! A machine that executes a graph with control flow symbolically, path by path.
//!
//! Stands on the graph and on where its tensors lie. Each write makes a new value, byte by byte;
//! each read must find the latest value of its tensor whole, and so must the caller. Shares no code
//! with liveness, lifetimes and plans, which only say where tensors lie.

use std::collections::HashMap;

use orionrt_plan::{Graph, Lifetimes, TensorId};
use proptest::prelude::*;

/// An address: a space of memory, and the index of a byte in it.
pub type Address = (usize, u64);

/// A byte of a value: the write that made it, and its index.
type Byte = (usize, u64);

/// A machine that runs traces: each write makes a new value, and each read must find the latest.
pub struct FlowMachine<'g> {
    graph: &'g Graph,
    starts: Vec<Address>,
    /// Whether each tensor has bytes of its own.
    is_root: Vec<bool>,
    values: Vec<Vec<Byte>>,
    memory: HashMap<Address, Byte>,
    writes: usize,
}

impl<'g> FlowMachine<'g> {
    /// The machine before the first operator, with each tensor at its address. A view that has
    /// bytes of its own is a copy.
    pub fn new(graph: &'g Graph, lifetimes: &Lifetimes, starts: Vec<Address>) -> Self {
        let rows = lifetimes.rows().iter();
        Self {
            graph,
            starts,
            is_root: rows.map(|row| row.within.is_none()).collect(),
            values: vec![Vec::new(); graph.tensors().len()],
            memory: HashMap::new(),
            writes: 0,
        }
    }

    fn size(&self, id: TensorId) -> u64 {
        self.graph.tensor(id).expect("of the graph").layout().size() as u64
    }

    fn addresses(&self, id: TensorId) -> impl Iterator<Item = Address> + use<> {
        let ((space, start), size) = (self.starts[id.index()], self.size(id));
        (start..start + size).map(move |at| (space, at))
    }

    fn write(&mut self, id: TensorId) {
        self.writes += 1;
        let (write, size) = (self.writes, self.size(id));
        self.values[id.index()] = (0..size).map(|at| (write, at)).collect();
        for (at, address) in self.addresses(id).enumerate() {
            self.memory.insert(address, (write, at as u64));
        }
    }

    fn holds(&self, id: TensorId) -> bool {
        let value = &self.values[id.index()];
        let mut bytes = self.addresses(id).zip(value);
        value.len() as u64 == self.size(id)
            && bytes.all(|(address, byte)| self.memory.get(&address) == Some(byte))
    }

    fn meet(&self, a: TensorId, b: TensorId) -> bool {
        let b: Vec<Address> = self.addresses(b).collect();
        self.addresses(a).any(|address| b.contains(&address))
    }

    /// Runs the operators of a trace.
    pub fn run(mut self, trace: &[usize]) -> Result<(), TestCaseError> {
        let graph = self.graph;
        graph.inputs().iter().for_each(|&input| self.write(input));
        for &step in trace {
            let op = &graph.ops()[step];
            for &read in op.reads() {
                prop_assert!(self.holds(read), "step {}: {} is gone", step, read);
            }
            for &result in op.writes() {
                self.check_result(step, result)?;
            }
            // Views first: operands are still whole.
            for view in op.views() {
                let (space, start) = self.starts[view.of.index()];
                if !self.is_root[view.result.index()] {
                    let start = (space, start + view.offset);
                    prop_assert_eq!(self.starts[view.result.index()], start);
                    let size = self.size(view.result) as usize;
                    let whole = &self.values[view.of.index()];
                    self.values[view.result.index()] =
                        whole[view.offset as usize..][..size].to_vec();
                }
            }
            for &result in op.writes() {
                let is_view = op.views().iter().any(|view| view.result == result);
                if self.is_root[result.index()] || !is_view {
                    self.write(result);
                }
            }
            for &result in op.writes() {
                prop_assert!(self.holds(result), "step {}: {}", step, result);
            }
        }
        for &output in graph.outputs() {
            prop_assert!(self.holds(output), "output {} is gone", output);
        }
        Ok(())
    }

    /// A result lies over no operand but the one in whose place it is declared, and over no other
    /// result.
    fn check_result(&self, step: usize, result: TensorId) -> Result<(), TestCaseError> {
        let op = &self.graph.ops()[step];
        let is_view = op.views().iter().any(|view| view.result == result);
        if is_view && !self.is_root[result.index()] {
            return Ok(());
        }
        for &read in op.reads().iter().filter(|&&read| self.meet(result, read)) {
            let mut pairs = op.in_place().iter();
            let is_declared = pairs.any(|pair| (pair.result, pair.of) == (result, read));
            // A tensor that is read and written is carried: the operator reads it first.
            prop_assert!(
                is_declared && self.starts[read.index()] == self.starts[result.index()]
                    || read == result,
                "step {}: {} over {}",
                step,
                result,
                read
            );
        }
        let mut others = op.writes().iter().filter(|&&other| other != result);
        prop_assert!(
            !others.any(|&other| self.meet(result, other)),
            "step {}",
            step
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow_oracle::tests::graph;

    #[test]
    fn values_that_are_gone_are_noticed() {
        let graph = graph();
        let lifetimes = graph.lifetimes();
        let run = |starts: [u64; 4], trace: &[usize]| {
            let starts = starts.map(|start| (0, start)).to_vec();
            FlowMachine::new(&graph, &lifetimes, starts).run(trace)
        };
        let trace = [0, 1, 3, 4];
        assert!(run([0, 8, 16, 0], &trace).is_ok());
        // y lies over x, t over z.
        assert!(run([0, 0, 16, 8], &trace).is_err());
        assert!(run([0, 8, 16, 16], &trace).is_err());
    }
}
