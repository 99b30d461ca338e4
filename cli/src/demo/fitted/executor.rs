//! Runs a network by a fitted schedule, step by step.
//!
//! Stands on [`Copies`]. An operator reads and writes the copies that its step names; a spill, a
//! fetch, and what compresses and expands make a copy from another one; and an operator that is
//! rerun runs as at the first time. A tensor is all of its copy, or a part of it: a view, or an
//! operand of a concatenation that is read within the result.
//!
//! Invariant: whatever the schedule, an operator reads values that the schedule brought where it
//! looks for them; if there are none, the run ends with an error.

#![forbid(unsafe_code)]

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use orionrt::{
    TensorId,
    fit::{CopyId, FitAction, FitSchedule, TensorStarts},
    graph::OpId,
    slots::SlotError,
};

use super::{
    copies::{Copies, CopyError, Memories},
    stored_weights::StoredWeights,
};
use crate::demo::{
    kernels::MAX_READS, network::Network, placement::check_length, run_error::RunError,
};

/// A network that is ready to run by a fitted schedule, any number of times.
#[derive(Debug)]
pub struct FittedExecutor<'n> {
    network: &'n Network,
    schedule: &'n FitSchedule,
    copies: Copies<'n>,
    weights: &'n StoredWeights,
    starts: TensorStarts,
    times: Vec<Duration>,
}

impl<'n> FittedExecutor<'n> {
    /// Prepares to run `network` by a schedule that was made for its graph, in memories that have
    /// the plans of the schedule. Its weights, if they are tensors, come from `weights`.
    pub fn new(
        network: &'n Network,
        schedule: &'n FitSchedule,
        memories: &'n Memories,
        weights: &'n StoredWeights,
    ) -> Self {
        Self {
            network,
            schedule,
            copies: Copies::new(schedule, memories),
            weights,
            starts: TensorStarts::new(network.graph()),
            times: vec![Duration::ZERO; schedule.steps.len()],
        }
    }

    /// How long each step took in the latest run.
    pub fn times(&self) -> &[Duration] {
        &self.times
    }

    /// Computes `output` from `input`.
    ///
    /// # Errors
    /// When a length is not that of the network's input or output, when a step needs a copy that
    /// does not exist, or when a copy has no memory.
    pub fn run(&mut self, input: &[f32], output: &mut [f32]) -> Result<(), RunError> {
        self.run_observed(input, output, |_, _| {})
    }

    /// As [`run`](Self::run), and shows each result of an operator after its step.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_observed(
        &mut self,
        input: &[f32],
        output: &mut [f32],
        observe: impl FnMut(TensorId, &[f32]),
    ) -> Result<(), RunError> {
        check_length(self.network, self.network.input(), input.len())?;
        check_length(self.network, self.network.output(), output.len())?;
        let result = self.run_steps(input, output, observe);
        self.copies.clear();
        result
    }

    fn run_steps(
        &mut self,
        input: &[f32],
        output: &mut [f32],
        mut observe: impl FnMut(TensorId, &[f32]),
    ) -> Result<(), RunError> {
        let schedule = self.schedule;
        let inputs = self.network.graph().inputs().iter();
        for (&tensor, copy) in inputs.zip(&schedule.inputs) {
            if let &Some(copy) = copy {
                self.fill(tensor, copy, input)?;
            }
        }
        let last = schedule.end() - 1;
        for (at, step) in schedule.steps.iter().enumerate() {
            let start = Instant::now();
            match step.action {
                FitAction::Run(op) | FitAction::Rerun(op) => self.operator(at, op)?,
                FitAction::Fetch(tensor) if step.reads.is_empty() => {
                    self.fill(tensor, step.writes[0], input)?;
                }
                FitAction::Spill(_) | FitAction::Fetch(_) => self.copy(at, Copies::transfer)?,
                FitAction::Compress(_) => self.copy(at, Copies::compress)?,
                FitAction::Expand(_) => self.copy(at, Copies::expand)?,
                _ => return Err(RunError::UnknownStep { step: at }),
            }
            self.times[at] = start.elapsed();
            if let FitAction::Run(op) = step.action {
                let result = self.network.nodes()[op.index()].writes();
                observe(result, self.read(at, result, step.writes[0])?);
            }
            // The outputs are read first.
            if at < last {
                self.copies.end(at);
            }
        }
        let result = self.network.output();
        output.copy_from_slice(self.read(last, result, schedule.outputs[0])?);
        Ok(())
    }

    /// Makes a copy of an input of the graph, from outside both memories.
    fn fill(&mut self, tensor: TensorId, copy: CopyId, input: &[f32]) -> Result<(), RunError> {
        let values = self.weights.get(tensor).unwrap_or(input);
        let filled = self.copies.fill(copy, values);
        filled.map_err(|error| self.no_memory(copy, error))
    }

    /// Runs an operator: over one of its operands if its result lies there, and not at all if its
    /// result is a part of what is there, or its operands are parts of the result.
    fn operator(&mut self, at: usize, op: OpId) -> Result<(), RunError> {
        let (step, node) = (&self.schedule.steps[at], &self.network.nodes()[op.index()]);
        let (to, kernel) = (step.writes[0], node.kernel());
        let over = step.reads.iter().position(|&copy| copy == to);
        if over.is_some() && kernel.view_start().is_some() {
            return Ok(());
        }
        if kernel.is_concatenation()
            && self.copy(at, |copies, _, to| copies.join(&step.reads, to))?
        {
            return Ok(());
        }
        let target = self.copies.take(to);
        let mut target = target.map_err(|error| self.no_memory(to, error))?;
        let result = 0..self.network.length(node.writes());
        let mut inputs = [&[][..]; MAX_READS];
        let mut count = 0;
        for (which, (&tensor, &copy)) in node.reads().iter().zip(&step.reads).enumerate() {
            if Some(which) != over {
                inputs[count] = self.read(at, tensor, copy)?;
                count += 1;
            }
        }
        match over {
            None => kernel.run(&inputs[..count], &mut target[result]),
            // The operand is all that the copy holds.
            Some(_) => kernel.run_in_place(&mut target[result], &inputs[..count]),
        }
        self.copies.put(to, target);
        Ok(())
    }

    /// Makes the copy that a step writes from the one that it reads.
    fn copy<T>(
        &mut self,
        at: usize,
        make: impl FnOnce(&mut Copies<'n>, CopyId, CopyId) -> Result<T, CopyError>,
    ) -> Result<T, RunError> {
        let step = &self.schedule.steps[at];
        let (from, to) = (step.reads[0], step.writes[0]);
        make(&mut self.copies, from, to).map_err(|error| match error {
            CopyError::Missing => self.no_copy(at, from),
            CopyError::NoMemory(error) => self.no_memory(to, error),
            CopyError::TooLarge => RunError::NotSmallEnough {
                tensor: self.name_of(to),
                planned: self.schedule.copy(to).and_then(|copy| copy.compressed),
            },
            CopyError::Corrupt => RunError::NotExpanded {
                tensor: self.name_of(to),
                step: at,
            },
        })
    }

    /// A tensor in a copy that holds it.
    fn read(&self, at: usize, tensor: TensorId, copy: CopyId) -> Result<&[f32], RunError> {
        let values = self.copies.values(copy);
        let tensor = values.and_then(|values| values.get(self.elements(tensor, copy)));
        tensor.ok_or_else(|| self.no_copy(at, copy))
    }

    /// The elements of a copy that are a tensor.
    fn elements(&self, tensor: TensorId, copy: CopyId) -> Range<usize> {
        let copy = self.schedule.copy(copy);
        let start = copy.and_then(|copy| self.starts.in_copy(tensor, copy));
        let start = start.unwrap_or(0) as usize / size_of::<f32>();
        start..start + self.network.length(tensor)
    }

    fn name_of(&self, copy: CopyId) -> String {
        let copy = self.schedule.copy(copy);
        let name = copy.map_or("?", |copy| self.network.tensor_name(copy.tensor));
        name.into()
    }

    fn no_memory(&self, copy: CopyId, error: SlotError) -> RunError {
        RunError::NoMemory {
            tensor: self.name_of(copy),
            cause: Box::new(error),
        }
    }

    fn no_copy(&self, step: usize, copy: CopyId) -> RunError {
        RunError::NoCopy {
            tensor: self.name_of(copy),
            step,
        }
    }
}
