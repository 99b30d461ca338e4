//! The executor: runs a network step by step.
//!
//! Stands on [`placement`](crate::demo::placement), which says where each tensor lies and what each
//! node does. An [`Executor`] makes a tensor with bytes of its own, a *root*, at the step that
//! writes it, as an ordinary `Vec` of exactly its elements, and drops it as soon as its lifetime
//! ends. Other tensors are parts of such a `Vec`: views are read there, and a node that works in
//! place overwrites its operand there.
//!
//! Invariant: a root exists only within its lifetime, so a source needs room for
//! [`Lifetimes::load`] bytes and no more. The executor itself allocates nothing else while it runs;
//! each matrix product borrows a packing buffer from the heap (at most 1.1 MiB), whatever the
//! source.
//!
//! ```text
//! step             0          1          2
//!         input ─► a ───────► b ───────► output ─► copied out, dropped
//!                  ▲          ▲
//!                  │          a.upper = 2: dropped after step 1, unless b overwrote a in place
//!                  input.upper = 1: dropped after step 0
//! ```

#![forbid(unsafe_code)]

use allocator_api2::vec::Vec as TensorVec;
use orionrt::{Lifetimes, TensorId};

use super::source::TensorSource;
use crate::demo::{
    kernels::MAX_READS,
    network::{Network, Node},
    placement::{Placement, Work, check_length, not_alive},
    run_error::RunError,
};

/// A network that is ready to run, any number of times.
#[derive(Debug)]
pub struct Executor<'n, S: TensorSource> {
    pub(super) network: &'n Network,
    placement: Placement,
    source: S,
    /// The roots whose lifetime ends after each step.
    ends: Vec<Vec<TensorId>>,
    /// The roots that exist now.
    live: Vec<Option<TensorVec<f32, S::Alloc>>>,
}

impl<'n, S: TensorSource> Executor<'n, S> {
    /// Prepares to run `network` with tensors from `source`, alive and placed as `lifetimes` says.
    ///
    /// # Errors
    /// When `lifetimes` has no [`Placement`] for `network`.
    pub fn new(network: &'n Network, lifetimes: &Lifetimes, source: S) -> Result<Self, RunError> {
        let placement = Placement::new(network, lifetimes)?;
        let mut ends = vec![Vec::new(); network.nodes().len()];
        for (id, _, row) in lifetimes.iter().filter(|(_, _, row)| row.within.is_none()) {
            let last = usize::try_from(row.upper - 1).ok();
            if let Some(ends) = last.and_then(|last| ends.get_mut(last)) {
                ends.push(id);
            }
        }
        let live = lifetimes.rows().iter().map(|_| None).collect();
        Ok(Self {
            network,
            placement,
            source,
            ends,
            live,
        })
    }

    /// Computes `output` from `input`.
    ///
    /// # Errors
    /// When a length is not that of the network's input or output, or the source has no memory for
    /// a tensor.
    pub fn run(&mut self, input: &[f32], output: &mut [f32]) -> Result<(), RunError> {
        check_length(self.network, self.network.input(), input.len())?;
        check_length(self.network, self.network.output(), output.len())?;
        let result = self.run_steps(input, output);
        self.live.fill_with(|| None);
        result
    }

    fn run_steps(&mut self, input: &[f32], output: &mut [f32]) -> Result<(), RunError> {
        let mut tensor = self.create(self.network.input())?;
        tensor.copy_from_slice(input);
        self.live[self.network.input().index()] = Some(tensor);
        let last = self.network.nodes().len() - 1;
        for (step, node) in self.network.nodes().iter().enumerate() {
            match self.placement.work(step) {
                Work::Compute => self.compute(step, node)?,
                Work::Overwrite(operand) => self.overwrite(step, node, operand)?,
                Work::View => {}
            }
            if step == last {
                output.copy_from_slice(self.read(step, self.network.output())?);
            }
            for id in &self.ends[step] {
                self.live[id.index()] = None;
            }
        }
        Ok(())
    }

    fn compute(&mut self, step: usize, node: &Node) -> Result<(), RunError> {
        let mut output = self.create(node.writes())?;
        let mut inputs = [&[][..]; MAX_READS];
        let inputs = self.operands(step, node.reads().iter().copied(), &mut inputs)?;
        node.kernel().run(inputs, &mut output);
        self.live[node.writes().index()] = Some(output);
        Ok(())
    }

    /// Takes the root out of `live` during the computation: the other operands lie in other roots.
    fn overwrite(&mut self, step: usize, node: &Node, operand: usize) -> Result<(), RunError> {
        let location = self.placement.location(node.writes()).clone();
        let taken = self.live[location.root.index()].take();
        let mut root = taken.ok_or_else(|| not_alive(self.network, step, location.root))?;
        let (before, after) = (&node.reads()[..operand], &node.reads()[operand + 1..]);
        let mut others = [&[][..]; MAX_READS];
        let rest = before.iter().chain(after).copied();
        let others = self.operands(step, rest, &mut others)?;
        let x = &mut root[location.elements];
        node.kernel().run_in_place(x, others);
        self.live[location.root.index()] = Some(root);
        Ok(())
    }

    /// The tensors of these ids, stored in `operands`.
    fn operands<'s, 'o>(
        &'s self,
        step: usize,
        ids: impl Iterator<Item = TensorId>,
        operands: &'o mut [&'s [f32]; MAX_READS],
    ) -> Result<&'o [&'s [f32]], RunError> {
        let mut count = 0;
        for (operand, id) in operands.iter_mut().zip(ids) {
            *operand = self.read(step, id)?;
            count += 1;
        }
        Ok(&operands[..count])
    }

    /// A tensor of zeros: safe code has no cheaper way to get a slice for a kernel to overwrite.
    fn create(&self, id: TensorId) -> Result<TensorVec<f32, S::Alloc>, RunError> {
        let failed = |cause| RunError::NoMemory {
            tensor: self.network.tensor_name(id).into(),
            cause,
        };
        let length = self.network.length(id);
        let allocator = self.source.allocator(id).map_err(|e| failed(Box::new(e)))?;
        let mut tensor = TensorVec::new_in(allocator);
        let reserved = tensor.try_reserve_exact(length);
        reserved.map_err(|e| failed(format!("{}: {e}", bytes(length)).into()))?;
        tensor.resize(length, 0.0);
        Ok(tensor)
    }

    fn read(&self, step: usize, id: TensorId) -> Result<&[f32], RunError> {
        let location = self.placement.location(id);
        let root = self.live[location.root.index()].as_deref();
        let root = root.ok_or_else(|| not_alive(self.network, step, id))?;
        Ok(&root[location.elements.clone()])
    }
}

fn bytes(length: usize) -> String {
    format!("{} bytes", length * size_of::<f32>())
}
