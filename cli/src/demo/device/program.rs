//! A network as a sequence of dispatches, and the constants that these read.
//!
//! Stands on [`call`](super::call), on [`shader`](super::shader), and on the tasks of
//! [`RegionLayout`]. It knows no device but the alignment of the ranges that it is given.
//!
//! ```text
//! node    mlp.norm   Overwrite(0)   LayerNorm { gain, bias }
//!            │
//! dispatch   └──► layer_norm in place   [attended, gain, bias, sizes]   8 workgroups
//! ```
//!
//! Invariant: the operands of a dispatch are the buffers of its shader, in their order.

#![forbid(unsafe_code)]

use std::ops::Range;

use orionrt::TensorId;

use super::{
    call::{Call, call, size},
    shader::{Formula, Shader, groups},
};
use crate::demo::{
    executor::{RegionLayout, Task},
    network::{Network, Node},
};

/// What a dispatch reads or writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operand {
    /// A tensor.
    Tensor(TensorId),
    /// Bytes of [`Program::constants`].
    Constant(Range<u64>),
    /// Bytes of the memory that the host fills and reads, where tensors have buffers of their own:
    /// the input, then the output.
    Staged(Range<u64>),
}

/// A shader with its operands.
#[derive(Clone, Debug)]
pub struct Dispatch {
    /// The shader.
    pub shader: Shader,
    /// What it is given, in the order of its buffers.
    pub operands: Vec<Operand>,
    /// The workgroups, across and down.
    pub groups: [u32; 2],
}

/// The dispatches of a network. With a buffer for each tensor, the first one copies the input from
/// memory that the host fills, and the last one copies the output to it.
#[derive(Clone, Debug)]
pub struct Program {
    constants: Vec<u8>,
    alignment: u64,
    /// For each node, in order.
    steps: Vec<Vec<Dispatch>>,
}

impl Program {
    /// The program of a network: with tensors where `layout` has them, or else each in a buffer of
    /// its own. Constants begin at multiples of `alignment`.
    pub fn new(network: &Network, layout: Option<&RegionLayout>, alignment: u64) -> Self {
        let mut program = Self {
            constants: Vec::new(),
            alignment,
            steps: Vec::new(),
        };
        for step in 0..network.nodes().len() {
            let dispatches = program.dispatches(network, layout, step);
            program.steps.push(dispatches);
        }
        if layout.is_none() {
            program.transfer(network);
        }
        program
    }

    /// Where the input and the output are in the memory that the host fills and reads.
    pub fn staged(network: &Network, alignment: u64) -> [Range<u64>; 2] {
        let bytes = |id| (size_of::<f32>() * network.length(id)) as u64;
        let input = bytes(network.input());
        let start = input.next_multiple_of(alignment.max(1));
        [0..input, start..start + bytes(network.output())]
    }

    /// Adds the copies of the input, before all else, and of the output, behind all else.
    fn transfer(&mut self, network: &Network) {
        let [input, output] = Self::staged(network, self.alignment).map(Operand::Staged);
        let [first, last] = [network.input(), network.output()];
        let load = self.copied(Operand::Tensor(first), input, [network.length(first), 0, 0]);
        let store = self.copied(output, Operand::Tensor(last), [network.length(last), 0, 0]);
        if let Some(steps) = self.steps.first_mut() {
            steps.insert(0, load);
        }
        if let Some(steps) = self.steps.last_mut() {
            steps.push(store);
        }
    }

    /// The constants of all dispatches: weights, biases and sizes.
    pub fn constants(&self) -> &[u8] {
        &self.constants
    }

    /// The dispatches of each node, in order.
    pub fn steps(&self) -> &[Vec<Dispatch>] {
        &self.steps
    }

    fn dispatches(
        &mut self,
        network: &Network,
        layout: Option<&RegionLayout>,
        step: usize,
    ) -> Vec<Dispatch> {
        let node = &network.nodes()[step];
        let result = node.writes();
        match layout.map_or(Task::Compute, |layout| layout.task(step)) {
            Task::View => Vec::new(),
            Task::Join => self.joined(network, layout, step),
            Task::Compute if node.kernel().is_concatenation() => self.joined(network, layout, step),
            Task::Compute => {
                let tensors = [result].into_iter().chain(node.reads().iter().copied());
                vec![self.computed(network, node, false, tensors)]
            }
            Task::Overwrite(operand) => {
                let others = node.reads().iter().enumerate();
                let others = others.filter(|&(index, _)| index != operand);
                let tensors = [result].into_iter().chain(others.map(|(_, &id)| id));
                vec![self.computed(network, node, true, tensors)]
            }
        }
    }

    fn computed(
        &mut self,
        network: &Network,
        node: &Node,
        in_place: bool,
        tensors: impl Iterator<Item = TensorId>,
    ) -> Dispatch {
        let read: Vec<usize> = node.reads().iter().map(|&id| network.length(id)).collect();
        let Call {
            formula,
            weights,
            sizes,
        } = call(node.kernel(), &read, network.length(node.writes()));
        let mut operands: Vec<_> = tensors.map(Operand::Tensor).collect();
        for values in weights {
            operands.push(self.constant(values.iter().map(|value| value.to_bits())));
        }
        self.dispatch(Shader { formula, in_place }, operands, &sizes)
    }

    /// The operands of a concatenation that do not lie where the result has them are copied there.
    fn joined(
        &mut self,
        network: &Network,
        layout: Option<&RegionLayout>,
        step: usize,
    ) -> Vec<Dispatch> {
        let parts = network.graph().ops()[step].parts().iter();
        let parts = parts.map(|part| (part, part.offset as usize / size_of::<f32>()));
        let apart = parts.filter(|(part, start)| {
            let is_there = |layout: &RegionLayout| {
                layout.place(part.operand).start == layout.place(part.result).start + start
            };
            !layout.is_some_and(is_there)
        });
        let apart = apart.map(|(part, start)| {
            let [to, from] = [part.result, part.operand].map(Operand::Tensor);
            self.copied(to, from, [network.length(part.operand), 0, start])
        });
        apart.collect()
    }

    /// A copy of so many elements, from one index on, to another one.
    fn copied(&mut self, to: Operand, from: Operand, sizes: [usize; 3]) -> Dispatch {
        let shader = Shader {
            formula: Formula::Copy,
            in_place: false,
        };
        self.dispatch(shader, vec![to, from], &sizes.map(size))
    }

    fn dispatch(&mut self, shader: Shader, mut operands: Vec<Operand>, sizes: &[u32]) -> Dispatch {
        operands.push(self.constant(sizes.iter().copied()));
        Dispatch {
            shader,
            operands,
            groups: groups(sizes[0]),
        }
    }

    /// Adds a constant.
    fn constant(&mut self, words: impl Iterator<Item = u32>) -> Operand {
        let alignment = usize::try_from(self.alignment).unwrap_or(1).max(1);
        let start = self.constants.len().next_multiple_of(alignment);
        self.constants.resize(start, 0);
        self.constants.extend(words.flat_map(u32::to_ne_bytes));
        Operand::Constant(start as u64..self.constants.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use orionrt::{Aliasing, Planner};

    use super::*;
    use crate::demo::models::small_networks;

    fn layout(network: &Network, aliasing: Aliasing) -> RegionLayout {
        let lifetimes = network.graph().lifetimes_with(aliasing);
        let plan = Planner::new().alignment(64).plan(&lifetimes).unwrap();
        RegionLayout::new(network, &plan).unwrap()
    }

    /// All programs of the small networks.
    fn programs() -> Vec<(Network, Program)> {
        let mut programs = Vec::new();
        for network in small_networks(1) {
            programs.push((network.clone(), Program::new(&network, None, 256)));
            for aliasing in [Aliasing::Off, Aliasing::InPlace, Aliasing::Parts] {
                let layout = layout(&network, aliasing);
                let program = Program::new(&network, Some(&layout), 64);
                programs.push((network.clone(), program));
            }
        }
        programs
    }

    #[test]
    fn a_dispatch_has_the_buffers_of_its_shader() {
        for (_, program) in programs() {
            for dispatch in program.steps().iter().flatten() {
                let shader = dispatch.shader;
                let tensors = shader.tensors().map(|_| true);
                let constants = shader.constants().iter().map(|_| false);
                let expected: Vec<bool> = tensors.chain(constants).collect();
                let operands = dispatch.operands.iter();
                let are_tensors: Vec<bool> = operands
                    .map(|operand| !matches!(operand, Operand::Constant(_)))
                    .collect();
                assert_eq!(are_tensors, expected, "{shader:?}");
            }
        }
    }

    #[test]
    fn constants_lie_apart_and_aligned() {
        for (_, program) in programs() {
            let dispatches = program.steps().iter().flatten();
            let operands = dispatches.flat_map(|dispatch| &dispatch.operands);
            let mut ranges: Vec<_> = operands
                .filter_map(|operand| match operand {
                    Operand::Constant(range) => Some(range.clone()),
                    _ => None,
                })
                .collect();
            ranges.sort_by_key(|range| range.start);
            let mut end = 0;
            for range in ranges {
                assert!(range.start >= end && range.start.is_multiple_of(program.alignment));
                assert!(!range.is_empty());
                end = range.end;
            }
            assert_eq!(end, program.constants().len() as u64);
        }
    }

    #[test]
    fn views_need_no_work_and_parts_are_not_copied() {
        let [encoder, _, u_net] = small_networks(1);
        let count = |network: &Network, layout: Option<&RegionLayout>| {
            let program = Program::new(network, layout, 64);
            let dispatches = program.steps().iter().flatten();
            dispatches
                .filter(|dispatch| dispatch.shader.formula == Formula::Copy)
                .count()
        };
        let is_view = |node: &&Node| node.kernel().view_start().is_some();
        let views = encoder.nodes().iter().filter(is_view).count();
        // And the copies of the input and the output.
        assert_eq!(count(&encoder, None), views + 2);
        assert_eq!(count(&encoder, Some(&layout(&encoder, Aliasing::Views))), 0);
        let ops = u_net.graph().ops().iter();
        let parts = ops.map(|op| op.parts().len()).sum::<usize>();
        assert_eq!(count(&u_net, None), parts + 2);
        let in_place = count(&u_net, Some(&layout(&u_net, Aliasing::InPlace)));
        let with_parts = count(&u_net, Some(&layout(&u_net, Aliasing::Parts)));
        assert!(in_place == parts && with_parts < parts, "{with_parts}");
    }
}
