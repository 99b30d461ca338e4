//! The executor in one region: each tensor lies at its planned offset.
//!
//! Stands on the checks of [`placement`](crate::demo::placement). A slot lends a tensor as a whole,
//! and `join` makes a concatenation of operands that all lie within it; it cannot where one of them
//! lies elsewhere. Here a tensor is a range of the region, whoever has the bytes around it.
//!
//! ```text
//! region   ├──────────── joined ────────────┤     upsampled and skip are written where joined has
//!          ├─ upsampled ─┤├───── skip ──────┤     them: the concatenation copies neither
//! ```
//!
//! Invariant: a node writes bytes that none of its operands has, or over one operand that the graph
//! declares; a concatenation copies the operands that lie elsewhere. That the bytes of a tensor
//! stay what they are while it is needed is what [`Plan`] promises.

#![forbid(unsafe_code)]

use std::ops::Range;

use orionrt::{Plan, TensorId, graph::Op};

use crate::demo::{
    kernels::MAX_READS,
    network::{Network, Node},
    placement::{check_alive, check_length, check_sizes},
    run_error::RunError,
};

/// What a node has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Compute the result from operands that lie elsewhere.
    Compute,
    /// Compute over the operand of this index.
    Overwrite(usize),
    /// Copy the operands that do not lie where the result has them.
    Join,
    /// Nothing: the result is a part of its operand.
    View,
}

/// Where a plan has the tensors of a network in a region, and what each node has to do there.
#[derive(Clone, Debug)]
pub struct RegionLayout {
    /// The elements of the region that each tensor has.
    places: Vec<Range<usize>>,
    tasks: Vec<Task>,
}

impl RegionLayout {
    /// The layout of `network` under `plan`.
    ///
    /// # Errors
    /// When the plan is not one of this network, or a result lies where the graph does not allow
    /// it.
    pub fn new(network: &Network, plan: &Plan) -> Result<Self, RunError> {
        check_sizes(network, plan.lifetimes())?;
        check_alive(network, plan.lifetimes())?;
        let tensors = network.graph().tensors().zip(plan.offsets());
        let places = tensors.map(|((id, _), &offset)| {
            let start = elements(offset);
            start..start + network.length(id)
        });
        let places: Vec<Range<usize>> = places.collect();
        let steps = network.nodes().iter().zip(network.graph().ops());
        let tasks = steps.map(|(node, op)| {
            task(&places, node, op).ok_or_else(|| {
                let place = |id: TensorId| &places[id.index()];
                let mut reads = node.reads().iter();
                let over = reads.find(|id| meet(place(**id), place(node.writes())));
                RunError::NotDeclared {
                    tensor: network.tensor_name(node.writes()).into(),
                    root: network.tensor_name(*over.unwrap_or(&node.writes())).into(),
                }
            })
        });
        let tasks = tasks.collect::<Result<_, _>>()?;
        Ok(Self { places, tasks })
    }

    /// The elements of the region that a tensor has.
    pub fn place(&self, id: TensorId) -> Range<usize> {
        self.places[id.index()].clone()
    }

    /// What the node at `step` has to do.
    pub fn task(&self, step: usize) -> Task {
        self.tasks[step]
    }
}

/// A network that is ready to run in a region, any number of times.
#[derive(Debug)]
pub struct RegionExecutor<'n, 'r> {
    network: &'n Network,
    region: &'r mut [f32],
    layout: RegionLayout,
}

impl<'n, 'r> RegionExecutor<'n, 'r> {
    /// Prepares to run `network` in `region`, with tensors where `plan` has them.
    ///
    /// # Errors
    /// When the plan is not one of this network, a result lies where the graph does not allow it,
    /// or the region is smaller than the plan's peak.
    pub fn new(network: &'n Network, plan: &Plan, region: &'r mut [f32]) -> Result<Self, RunError> {
        let layout = RegionLayout::new(network, plan)?;
        if (region.len() as u64) < elements(plan.peak()) as u64 {
            return Err(RunError::WrongLength {
                tensor: "the planned region".into(),
                expected: elements(plan.peak()),
                given: region.len(),
            });
        }
        Ok(Self {
            network,
            region,
            layout,
        })
    }

    /// Computes `output` from `input`.
    ///
    /// # Errors
    /// When a length is not that of the network's input or output.
    pub fn run(&mut self, input: &[f32], output: &mut [f32]) -> Result<(), RunError> {
        let network = self.network;
        check_length(network, network.input(), input.len())?;
        check_length(network, network.output(), output.len())?;
        let place = self.place(network.input());
        self.region[place].copy_from_slice(input);
        for (step, node) in network.nodes().iter().enumerate() {
            match self.layout.task(step) {
                Task::Compute => self.compute(node),
                Task::Overwrite(operand) => self.overwrite(node, operand),
                Task::Join => self.join(&network.graph().ops()[step]),
                Task::View => {}
            }
        }
        output.copy_from_slice(&self.region[self.place(network.output())]);
        Ok(())
    }

    fn place(&self, id: TensorId) -> Range<usize> {
        self.layout.place(id)
    }

    fn compute(&mut self, node: &Node) {
        let mut operands = [&[][..]; MAX_READS];
        let reads = node.reads().iter().map(|&id| self.layout.place(id));
        let at = self.place(node.writes());
        let (output, inputs) = lend(self.region, at, reads, &mut operands);
        node.kernel().run(inputs, output);
    }

    fn overwrite(&mut self, node: &Node, operand: usize) {
        let mut operands = [&[][..]; MAX_READS];
        let (before, after) = (&node.reads()[..operand], &node.reads()[operand + 1..]);
        let others = before.iter().chain(after);
        let others = others.map(|&id| self.layout.place(id));
        let at = self.place(node.writes());
        let (x, others) = lend(self.region, at, others, &mut operands);
        node.kernel().run_in_place(x, others);
    }

    fn join(&mut self, op: &Op) {
        for part in op.parts() {
            let (from, result) = (self.place(part.operand), self.place(part.result));
            let to = result.start + elements(part.offset);
            if from.start != to {
                self.region.copy_within(from, to);
            }
        }
    }
}

/// What a node has to do; `None` if its result lies where the graph does not allow it.
fn task(places: &[Range<usize>], node: &Node, op: &Op) -> Option<Task> {
    let place = |id: TensorId| &places[id.index()];
    let result = place(node.writes());
    let begins = |id: TensorId, offset: u64| place(id).start + elements(offset);
    let mut views = op.views().iter();
    if views.any(|view| begins(view.of, view.offset) == place(view.result).start) {
        return Some(Task::View);
    }
    let mut over = node.reads().iter().filter(|id| meet(place(**id), result));
    if node.kernel().is_concatenation() {
        // What is copied must not lie over what is still to be copied.
        let is_apart = op.parts().iter().all(|part| {
            let start = begins(part.result, part.offset);
            let target = start..start + place(part.operand).len();
            let mut others = op.parts().iter().map(|other| place(other.operand));
            place(part.operand).start == start || !others.any(|other| meet(other, &target))
        });
        return is_apart.then_some(Task::Join);
    }
    match (over.next(), over.next()) {
        (None, _) => Some(Task::Compute),
        (Some(_), Some(_)) => None,
        (Some(&only), None) => {
            let is_declared = |pair: &&orionrt::graph::InPlace| pair.of == only;
            op.in_place().iter().find(is_declared)?;
            let operand = node.reads().iter().position(|&id| id == only)?;
            (place(only) == result).then_some(Task::Overwrite(operand))
        }
    }
}

fn meet(a: &Range<usize>, b: &Range<usize>) -> bool {
    a.start.max(b.start) < a.end.min(b.end)
}

/// The elements at one place, to be written, and those at others, which do not meet it.
fn lend<'r, 'o>(
    region: &'r mut [f32],
    at: Range<usize>,
    reads: impl Iterator<Item = Range<usize>>,
    operands: &'o mut [&'r [f32]; MAX_READS],
) -> (&'r mut [f32], &'o [&'r [f32]]) {
    let (before, rest) = region.split_at_mut(at.start);
    let (written, behind) = rest.split_at_mut(at.len());
    let (before, behind): (&'r [f32], &'r [f32]) = (before, behind);
    let mut count = 0;
    for (operand, read) in operands.iter_mut().zip(reads) {
        *operand = match read.end <= at.start {
            true => &before[read],
            false => &behind[read.start - at.end..][..read.len()],
        };
        count += 1;
    }
    (written, &operands[..count])
}

fn elements(bytes: u64) -> usize {
    (bytes / size_of::<f32>() as u64) as usize
}
