//! A machine that executes a graph symbolically, from what the graph says of its operators alone.
//!
//! Each byte of memory is said to hold some byte of some tensor's value. Every operator must find
//! its operands whole, and the caller its outputs. Shares no code with lifetimes and plans.

use std::collections::HashMap;

use orionrt_plan::{Graph, TensorId, graph::Tensor};
use proptest::prelude::*;

/// A tensor, and the index of a byte of the value that was written to it.
type Byte = (usize, u64);

/// An address: a space of memory, and the index of a byte in it.
pub type Address = (usize, u64);

/// A graph, where its tensors lie, and what memory holds.
pub struct Machine<'g> {
    graph: &'g Graph,
    /// The value of each tensor, byte by byte: its own, or part of another one's.
    values: Vec<Vec<Byte>>,
    starts: Vec<Address>,
    memory: HashMap<Address, Byte>,
}

impl<'g> Machine<'g> {
    /// The machine before the first operator, with each tensor at its address.
    pub fn new(graph: &'g Graph, starts: Vec<Address>) -> Self {
        let own = |(id, tensor): (TensorId, &Tensor)| {
            let size = tensor.layout().size() as u64;
            (0..size).map(|at| (id.index(), at)).collect()
        };
        let mut values: Vec<Vec<Byte>> = graph.tensors().map(own).collect();
        for op in graph.ops() {
            for view in op.views() {
                let size = values[view.result.index()].len();
                let part = &values[view.of.index()][view.offset as usize..][..size];
                values[view.result.index()] = part.to_vec();
            }
            for part in op.parts() {
                let operand = values[part.operand.index()].clone();
                let place = part.offset as usize..part.offset as usize + operand.len();
                values[part.result.index()][place].copy_from_slice(&operand);
            }
        }
        Self {
            graph,
            values,
            starts,
            memory: HashMap::new(),
        }
    }

    fn addresses(&self, id: TensorId) -> impl Iterator<Item = Address> + use<> {
        let (space, start) = self.starts[id.index()];
        let size = self.values[id.index()].len() as u64;
        (start..start + size).map(move |at| (space, at))
    }

    fn write(&mut self, id: TensorId) {
        for (address, byte) in self.addresses(id).zip(self.values[id.index()].clone()) {
            self.memory.insert(address, byte);
        }
    }

    fn holds(&self, id: TensorId) -> bool {
        let mut bytes = self.addresses(id).zip(&self.values[id.index()]);
        bytes.all(|(address, byte)| self.memory.get(&address) == Some(byte))
    }

    fn meet(&self, a: TensorId, b: TensorId) -> bool {
        let (a, b): (Vec<_>, Vec<_>) = (self.addresses(a).collect(), self.addresses(b).collect());
        a.iter().any(|address| b.contains(address))
    }

    /// Whether two tensors have the same bytes where they meet.
    fn agree(&self, a: TensorId, b: TensorId) -> bool {
        let bytes = |id: TensorId| self.addresses(id).zip(&self.values[id.index()]);
        let ours: HashMap<Address, &Byte> = bytes(a).collect();
        let mut theirs = bytes(b);
        theirs.all(|(address, byte)| ours.get(&address).is_none_or(|&own| own == byte))
    }

    /// Runs all operators in this order. `copies` says whether views have bytes of their own, and
    /// `on_input` whether other tensors may use the bytes of inputs that are not donated. An output
    /// that is to have the bytes of an input lies there.
    pub fn run(
        &mut self,
        order: &[usize],
        copies: bool,
        on_input: bool,
    ) -> Result<(), TestCaseError> {
        let graph = self.graph;
        for alias in graph.output_aliases() {
            let [output, input] = [alias.output, alias.input].map(|id| self.starts[id.index()]);
            prop_assert!(output == input || self.values[alias.input.index()].is_empty());
        }
        graph.inputs().iter().for_each(|&input| self.write(input));
        for &step in order {
            let op = &graph.ops()[step];
            for &read in op.reads() {
                prop_assert!(self.holds(read), "step {}: {} is gone", step, read);
            }
            let is_view = |id| op.views().iter().any(|view| view.result == id);
            let written = op
                .writes()
                .iter()
                .copied()
                .filter(|&id| copies || !is_view(id));
            let written: Vec<TensorId> = written.collect();
            for &result in &written {
                let over = op.reads().iter().filter(|&&read| self.meet(result, read));
                let over: Vec<TensorId> = over.copied().collect();
                // A result may overwrite one operand, in whose place it is declared, and no other.
                let declared = |of| {
                    op.in_place()
                        .iter()
                        .any(|p| (p.result, p.of) == (result, of))
                };
                let whole = |of: TensorId| self.starts[of.index()] == self.starts[result.index()];
                // Parts lie exactly where the result has their bytes, which stay what they are.
                let stays = |of: &TensorId| self.agree(*of, result);
                let fine = match over[..] {
                    [] => true,
                    [of] if !is_view(result) && declared(of) && whole(of) => true,
                    _ => over.iter().all(stays),
                };
                prop_assert!(fine, "step {}: {} over {:?}", step, result, over);
                let mut others = op.writes().iter().filter(|&&other| other != result);
                prop_assert!(
                    !others.any(|&other| self.meet(result, other)),
                    "step {}",
                    step
                );
                let mut kept = graph.inputs().iter().filter(|id| !graph.is_donated(**id));
                prop_assert!(on_input || !kept.any(|&input| self.meet(result, input)));
            }
            written.iter().for_each(|&result| self.write(result));
            for view in op.views().iter().filter(|_| !copies) {
                let (space, start) = self.starts[view.of.index()];
                prop_assert_eq!(
                    self.starts[view.result.index()],
                    (space, start + view.offset)
                );
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
}

#[cfg(test)]
mod tests {
    use std::alloc::Layout;

    use orionrt_plan::GraphBuilder;

    use super::*;

    /// `x` is loaded, `y` is made of it, and both are read.
    fn run(is_in_place: bool, starts: [u64; 2]) -> Result<(), TestCaseError> {
        let mut g = GraphBuilder::new();
        let [x, y] = ["x", "y"].map(|name| g.tensor(name, Layout::new::<[u8; 8]>()));
        g.op("load").writes([x]);
        match is_in_place {
            true => g.op("relu").in_place(y, x),
            false => g.op("relu").reads([x]).writes([y]),
        };
        g.output(y);
        let graph = g.build().expect("each tensor is written before it is read");
        let starts = starts.map(|start| (0, start)).to_vec();
        Machine::new(&graph, starts).run(&[0, 1], false, true)
    }

    #[test]
    fn a_result_may_overwrite_an_operand_only_in_place_and_as_a_whole() {
        assert!(run(false, [0, 8]).is_ok());
        assert!(run(true, [0, 0]).is_ok());
        assert!(run(false, [0, 0]).is_err());
        assert!(run(true, [0, 4]).is_err());
    }

    #[test]
    fn operators_that_find_no_operand_are_noticed() {
        let mut g = GraphBuilder::new();
        let [x, y] = ["x", "y"].map(|name| g.tensor(name, Layout::new::<[u8; 8]>()));
        g.op("load").writes([x]);
        g.op("other").writes([y]);
        g.op("late").reads([x, y]);
        let graph = g.build().expect("each tensor is written before it is read");
        let run = |starts: [u64; 2]| {
            let starts = starts.map(|start| (0, start)).to_vec();
            Machine::new(&graph, starts).run(&[0, 1, 2], false, true)
        };
        assert!(run([0, 8]).is_ok());
        assert!(run([0, 7]).is_err());
    }
}
