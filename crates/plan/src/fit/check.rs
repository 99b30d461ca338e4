//! The check of a schedule: an executor that follows it finds every operand where it looks for it.
//!
//! Stands on the graph, the schedule and the options. It shares no code with what makes schedules,
//! except that the options say how many bytes a compressed form has and which inputs are stored. It
//! goes through the steps and knows of each copy which tensor it holds. Invariant: a schedule that
//! passes keeps these rules:
//!
//! - a copy of an input holds it from the start; every other copy holds nothing at first;
//! - an operator needs all operands in its copies, and leaves its results there. A result may be
//!   written over an operand if the graph says so and nobody else reads that copy now; the operand
//!   is then gone. If parts of results are allowed, the copy of a concatenation's result holds the
//!   operands, too;
//! - a spill and a fetch hand on what the copy holds, and nothing is fetched before it was spilled;
//! - so do what compresses a tensor and what expands it, which need both forms at once; a tensor is
//!   compressed only into as many bytes as its codec says, and nothing reads it in that form;
//! - a copy is used only while it has bytes, no two copies have bytes in common, and none ends
//!   beyond its memory. If parts of results are allowed, a result may have the bytes of operands
//!   that end with its operator, where they are all of it and lie where it has them;
//! - every operator runs once, after those that it waits for, and in the graph's order unless
//!   another one is allowed; every output is there at the end, at its alignment;
//! - an operator is rerun only after it has run, and if that is allowed;
//! - results share the bytes of operands no more than is allowed.

use alloc::string::{String, ToString};

use super::{
    check_state::Check,
    mistake::{FitMistake, FitRule},
    options::Fit,
    result_writes::{ResultWrite, result_writes},
    schedule::{CopyId, FitAction, FitSchedule, FitStep, Form, Memory},
};
use crate::graph::{Graph, Op};
use crate::ids::{OpId, TensorId};
use crate::lifetimes::Aliasing;

impl FitSchedule {
    /// Checks that an executor may follow this schedule of `graph`, within the memories of `fit`
    /// and by the means that it allows: spills, compressed forms, reruns, stored inputs, another
    /// order of the operators, and results that share bytes with operands. O(n log n) for n steps,
    /// copies, operands and results.
    ///
    /// # Errors
    /// The first broken rule that was found, with the tensor and the step.
    pub fn check(&self, graph: &Graph, fit: &Fit) -> Result<(), FitMistake> {
        let mut check = Check::new(graph, fit, self);
        check.places()?;
        check.overlaps()?;
        check.start()?;
        for (step, what) in self.steps.iter().enumerate() {
            check.step = Some((step, what.action));
            check.step(step, what)?;
        }
        check.step = None;
        check.end()
    }
}

impl Check<'_> {
    /// The caller fills the inputs.
    fn start(&mut self) -> Result<(), FitMistake> {
        let (inputs, copies) = (self.graph.inputs(), &self.schedule.inputs);
        if inputs.len() != copies.len() {
            let (expected, found) = (inputs.len(), copies.len());
            let rule = FitRule::Inputs { expected, found };
            return Err(self.mistake(String::new(), rule));
        }
        for (&input, &copy) in inputs.iter().zip(copies) {
            let Some(id) = copy else {
                if self.stored.contains(input) {
                    continue;
                }
                return self.fault(input, FitRule::InputMissing);
            };
            if self.fit.cold_start && self.stored.contains(input) && self.size(input) > 0 {
                return self.fault(input, FitRule::ThereAtStart);
            }
            let copy = self.copy(input, id, (Memory::Fast, Form::Plain))?;
            if copy.steps.start != 0 || copy.steps.is_empty() {
                return self.fault(input, FitRule::NoBytes);
            }
            if let Some(held) = self.holds[id.index()] {
                let other = self.name(held);
                return self.fault(input, FitRule::SharedInput { other });
            }
            self.put(input, id)?;
        }
        Ok(())
    }

    fn step(&mut self, step: usize, what: &FitStep) -> Result<(), FitMistake> {
        match what.action {
            FitAction::Run(op) => self.operator(step, what, op, true),
            FitAction::Rerun(op) => self.operator(step, what, op, false),
            FitAction::Spill(tensor) => self.transfer(step, what, tensor, Memory::Fast),
            FitAction::Fetch(tensor) if what.reads.is_empty() => {
                self.fetch_stored(step, what, tensor)
            }
            FitAction::Fetch(tensor) => self.transfer(step, what, tensor, Memory::Slow),
            FitAction::Compress(tensor) => self.compress(step, what, tensor),
            FitAction::Expand(tensor) => self.expand(step, what, tensor),
        }
    }

    /// The copy of a tensor that a step reads, and the one that it writes.
    fn pair(
        &self,
        step: usize,
        what: &FitStep,
        tensor: TensorId,
        places: [(Memory, Form); 2],
    ) -> Result<[CopyId; 2], FitMistake> {
        let found = [what.reads.len(), what.writes.len()];
        self.counts(&self.name(tensor), [1, 1], found)?;
        let pair = [what.reads[0], what.writes[0]];
        for (id, place) in pair.into_iter().zip(places) {
            let copy = self.used_in(tensor, id, place, step)?;
            if copy.tensor != tensor {
                let other = self.name(copy.tensor);
                return self.fault(tensor, FitRule::CopyOfOther { other });
            }
        }
        Ok(pair)
    }

    /// What is in the one copy is written to the other one, which is in the other memory.
    fn transfer(
        &mut self,
        step: usize,
        what: &FitStep,
        tensor: TensorId,
        from: Memory,
    ) -> Result<(), FitMistake> {
        let to = match from {
            Memory::Fast => Memory::Slow,
            Memory::Slow => Memory::Fast,
        };
        let places = [(from, Form::Plain), (to, Form::Plain)];
        let [source, target] = self.pair(step, what, tensor, places)?;
        match (self.holds[source.index()], from) {
            (Some(held), _) => self.put(held, target),
            (None, Memory::Slow) => self.fault(tensor, FitRule::NotSpilled),
            (None, Memory::Fast) => self.fault(tensor, FitRule::NeverWritten),
        }
    }

    /// The compressed form of what is in the one copy is written to the other one.
    fn compress(
        &mut self,
        step: usize,
        what: &FitStep,
        tensor: TensorId,
    ) -> Result<(), FitMistake> {
        let places = [Form::Plain, Form::Compressed].map(|form| (Memory::Fast, form));
        let [source, target] = self.pair(step, what, tensor, places)?;
        let codec = self.fit.compression.codec(tensor);
        let bytes = codec.and_then(|codec| codec.compressed_bytes(self.size(tensor)));
        let Some(expected) = bytes else {
            return self.fault(tensor, FitRule::MayNotCompress);
        };
        let found = self.schedule.copies[target.index()].bytes(self.graph);
        if found < expected {
            return self.fault(tensor, FitRule::CompressedSize { expected, found });
        }
        match self.holds[source.index()] {
            None => self.fault(tensor, FitRule::NeverWritten),
            held => {
                self.holds[target.index()] = held;
                Ok(())
            }
        }
    }

    /// What the one copy has in compressed form is written to the other one.
    fn expand(&mut self, step: usize, what: &FitStep, tensor: TensorId) -> Result<(), FitMistake> {
        let places = [Form::Compressed, Form::Plain].map(|form| (Memory::Fast, form));
        let [source, target] = self.pair(step, what, tensor, places)?;
        match self.holds[source.index()] {
            None => self.fault(tensor, FitRule::NotCompressed),
            Some(held) => self.put(held, target),
        }
    }

    /// A stored input is read from outside both memories.
    fn fetch_stored(
        &mut self,
        step: usize,
        what: &FitStep,
        tensor: TensorId,
    ) -> Result<(), FitMistake> {
        self.counts(&self.name(tensor), [0, 1], [0, what.writes.len()])?;
        let is_input = self.graph.inputs().binary_search(&tensor).is_ok();
        if !(is_input && self.stored.contains(tensor)) {
            return self.fault(tensor, FitRule::NotStored);
        }
        let target = what.writes[0];
        self.used(tensor, target, Memory::Fast, step)?;
        self.put(tensor, target)
    }

    fn operator(
        &mut self,
        step: usize,
        what: &FitStep,
        id: OpId,
        is_first: bool,
    ) -> Result<(), FitMistake> {
        let graph = self.graph;
        let Some(op) = graph.ops().get(id.index()) else {
            return Err(self.mistake(id.to_string(), FitRule::UnknownOperator));
        };
        let expected = [op.reads().len(), op.writes().len()];
        self.counts(op.name(), expected, [what.reads.len(), what.writes.len()])?;
        if let Some(rule) = self.turn(op, id, is_first) {
            return Err(self.mistake(op.name().to_string(), rule));
        }
        self.has_run[id.index()] = true;
        for (&operand, &copy) in op.reads().iter().zip(&what.reads) {
            self.used(operand, copy, Memory::Fast, step)?;
            self.find(operand, copy)?;
        }
        let writes = result_writes(self, op, what);
        let results = || op.writes().iter().zip(&what.writes).zip(&writes);
        for ((&result, &copy), &write) in results() {
            self.used(result, copy, Memory::Fast, step)?;
            let least = match write {
                ResultWrite::Apart => Aliasing::Off,
                ResultWrite::View => Aliasing::Views,
                ResultWrite::InPlace => Aliasing::InPlace,
                ResultWrite::Forbidden => return self.fault(result, FitRule::Overwritten),
            };
            if self.fit.aliasing < least {
                return self.fault(result, FitRule::MayNotShare);
            }
        }
        for ((&result, &copy), &write) in results() {
            if write != ResultWrite::View {
                self.put(result, copy)?;
            }
        }
        Ok(())
    }

    /// The rule that is broken if it is not the operator's turn, or if it may not be rerun.
    fn turn(&self, op: &Op, id: OpId, is_first: bool) -> Option<FitRule> {
        match (is_first, self.has_run[id.index()]) {
            (true, true) => return Some(FitRule::RunTwice),
            (false, false) => return Some(FitRule::RerunFirst),
            (false, true) if !self.may_be_rerun(id) => return Some(FitRule::MayNotRerun),
            _ => {}
        }
        let name = |op: usize| self.graph.ops()[op].name().to_string();
        if let Some(awaited) = op.waits().iter().find(|wait| !self.has_run[wait.index()]) {
            let other = name(awaited.index());
            return Some(FitRule::BeforeWait { other });
        }
        // Where each operator runs after the one before it, all are in order.
        let before = id.index().checked_sub(1).filter(|_| !self.fit.reorder);
        let before = before.filter(|&before| !self.has_run[before])?;
        let other = name(before);
        Some(FitRule::MayNotReorder { other })
    }

    fn may_be_rerun(&self, id: OpId) -> bool {
        let costs = self.fit.costs.as_ref();
        let cost = costs.and_then(|costs| costs.seconds().get(id.index()));
        self.fit.recompute && cost.is_none_or(|cost| cost.is_finite())
    }

    /// Everything has run, and the outputs are there.
    fn end(&self) -> Result<(), FitMistake> {
        if let Some(missing) = self.has_run.iter().position(|&has_run| !has_run) {
            let name = self.graph.ops()[missing].name().to_string();
            return Err(self.mistake(name, FitRule::NeverRun));
        }
        let (outputs, copies) = (self.graph.outputs(), &self.schedule.outputs);
        if outputs.len() != copies.len() {
            let (expected, found) = (outputs.len(), copies.len());
            let rule = FitRule::Outputs { expected, found };
            return Err(self.mistake(String::new(), rule));
        }
        for (&output, &id) in outputs.iter().zip(copies) {
            let copy = self.copy(output, id, (Memory::Fast, Form::Plain))?;
            let start = self.start_of(output, id);
            let Some(start) = start.filter(|_| copy.steps.end == self.schedule.end()) else {
                return self.fault(output, FitRule::OutputMissing);
            };
            self.aligned(output, copy.offset.saturating_add(start))?;
        }
        Ok(())
    }
}
