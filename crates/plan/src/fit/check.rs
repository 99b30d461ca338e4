//! The check of a schedule: an executor that follows it finds every operand where it looks for it.
//!
//! Stands on the graph and the schedule alone, and shares no code with what makes schedules. It
//! goes through the steps and knows of each copy which tensor it holds:
//!
//! - a copy of an input holds it from the start; every other copy holds nothing at first;
//! - an operator needs all operands in its copies, and leaves its results there. A result may be
//!   written over an operand if the graph says so and nobody else reads that copy now; the operand
//!   is then gone;
//! - a spill and a fetch hand on what the copy holds, and nothing is fetched before it was spilled;
//! - a copy is used only while it has bytes, no two copies have bytes in common, and none ends
//!   beyond its memory;
//! - every operator runs once, after those that it waits for, and every output is there at the end.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::{String, ToString},
    vec,
    vec::Vec,
};

use super::{
    mistake::{FitMistake, FitRule},
    options::Fit,
    schedule::{CopyId, FitAction, FitSchedule, FitStep, Memory, TensorCopy},
    values::Values,
};
use crate::graph::{Graph, Op};
use crate::ids::{OpId, TensorId};

impl FitSchedule {
    /// Checks that an executor may follow this schedule of `graph`, within the memories of `fit`.
    /// O(n log n) for n steps and copies.
    ///
    /// # Errors
    /// The first broken rule that was found, with the tensor and the step.
    pub fn check(&self, graph: &Graph, fit: &Fit) -> Result<(), FitMistake> {
        let mut check = Check {
            graph,
            fit,
            schedule: self,
            values: Values::new(graph),
            holds: vec![None; self.copies.len()],
            has_run: vec![false; graph.ops().len()],
            step: None,
        };
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

struct Check<'c> {
    graph: &'c Graph,
    fit: &'c Fit,
    schedule: &'c FitSchedule,
    values: Values,
    /// What each copy holds.
    holds: Vec<Option<TensorId>>,
    has_run: Vec<bool>,
    /// The step that is looked at.
    step: Option<(usize, FitAction)>,
}

impl Check<'_> {
    /// Each copy lies in its memory and is aligned.
    fn places(&mut self) -> Result<(), FitMistake> {
        for copy in &self.schedule.copies {
            let Some(tensor) = self.graph.tensor(copy.tensor) else {
                return self.fault(copy.tensor, FitRule::Unknown);
            };
            let capacity = match copy.memory {
                Memory::Fast => self.fit.capacity,
                Memory::Slow => self.fit.slow.map_or(0, |slow| slow.capacity),
            };
            let size = tensor.layout().size() as u64;
            let end = copy.offset.checked_add(size);
            let is_there = size > 0 && !copy.steps.is_empty();
            if is_there && end.is_none_or(|end| end > capacity) {
                let rule = FitRule::Capacity {
                    memory: copy.memory,
                    capacity,
                    end: end.unwrap_or(u64::MAX),
                };
                return self.fault(copy.tensor, rule);
            }
        }
        Ok(())
    }

    /// No two copies have bytes in common while both need them.
    fn overlaps(&mut self) -> Result<(), FitMistake> {
        let copies = &self.schedule.copies;
        let occupying = |&i: &usize| self.size(copies[i].tensor) > 0 && !copies[i].steps.is_empty();
        let mut births: Vec<usize> = (0..copies.len()).filter(occupying).collect();
        births.sort_unstable_by_key(|&i| copies[i].steps.start);
        // Those that have bytes now: by when they end, and by where they begin.
        let mut ends: BTreeSet<(usize, usize)> = BTreeSet::new();
        let mut placed: [BTreeMap<u64, usize>; 2] = Default::default();
        for i in births {
            let copy = &copies[i];
            while let Some(&(end, gone)) = ends.first() {
                if end > copy.steps.start {
                    break;
                }
                ends.pop_first();
                placed[copies[gone].memory as usize].remove(&copies[gone].offset);
            }
            let there = &mut placed[copy.memory as usize];
            let end = copy.offset + self.size(copy.tensor);
            let below = there.range(..end).next_back();
            if let Some((&offset, &other)) = below {
                if offset + self.size(copies[other].tensor) > copy.offset {
                    let rule = FitRule::Overlap {
                        other: self.name(copies[other].tensor),
                        memory: copy.memory,
                    };
                    let at = copy.steps.start;
                    let action = self.schedule.steps.get(at).map(|step| (at, step.action));
                    self.step = action;
                    return self.fault(copy.tensor, rule);
                }
            }
            there.insert(copy.offset, i);
            ends.insert((copy.steps.end, i));
        }
        Ok(())
    }

    /// The caller fills the inputs.
    fn start(&mut self) -> Result<(), FitMistake> {
        let (inputs, copies) = (self.graph.inputs(), &self.schedule.inputs);
        self.count("the inputs", inputs.len(), copies.len())?;
        for (&input, &copy) in inputs.iter().zip(copies) {
            let Some(id) = copy else {
                if self.fit.stored.contains(&input) {
                    continue;
                }
                return self.fault(input, FitRule::NotThere { holds: None });
            };
            let copy = self.copy(input, id, Memory::Fast)?;
            if copy.steps.start != 0 || copy.steps.is_empty() {
                return self.fault(input, FitRule::NoBytes);
            }
            if self.holds[id.index()].is_some() {
                return self.fault(input, FitRule::Overwritten);
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
            FitAction::Fetch(tensor) if what.reads.is_empty() => self.load(step, what, tensor),
            FitAction::Fetch(tensor) => self.transfer(step, what, tensor, Memory::Slow),
        }
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
        let name = self.name(tensor);
        self.count(&name, 1, what.reads.len())?;
        self.count(&name, 1, what.writes.len())?;
        let (source, target) = (what.reads[0], what.writes[0]);
        for (id, memory) in [(source, from), (target, to)] {
            let copy = self.used(tensor, id, memory, step)?;
            if copy.tensor != tensor {
                return self.fault(tensor, FitRule::WrongCopy { expected: memory });
            }
        }
        match (self.holds[source.index()], from) {
            (Some(held), _) => self.put(held, target),
            (None, Memory::Slow) => self.fault(tensor, FitRule::NotSpilled),
            (None, Memory::Fast) => self.fault(tensor, FitRule::NotThere { holds: None }),
        }
    }

    /// An input is read from outside both memories.
    fn load(&mut self, step: usize, what: &FitStep, tensor: TensorId) -> Result<(), FitMistake> {
        let name = self.name(tensor);
        self.count(&name, 1, what.writes.len())?;
        if !self.fit.stored.contains(&tensor) || !self.graph.inputs().contains(&tensor) {
            return self.fault(tensor, FitRule::NotSpilled);
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
            let name = id.to_string();
            return Err(self.mistake(name, FitRule::Unknown));
        };
        self.count(op.name(), op.reads().len(), what.reads.len())?;
        self.count(op.name(), op.writes().len(), what.writes.len())?;
        self.turn(op, id, is_first)?;
        for (&operand, &copy) in op.reads().iter().zip(&what.reads) {
            self.used(operand, copy, Memory::Fast, step)?;
            self.find(operand, copy)?;
        }
        for (at, &result) in op.writes().iter().enumerate() {
            self.used(result, what.writes[at], Memory::Fast, step)?;
            if !self.stays(op, what, at) {
                self.may_write(op, what, at)?;
            }
        }
        for (at, &result) in op.writes().iter().enumerate() {
            if !self.stays(op, what, at) {
                self.put(result, what.writes[at])?;
            }
        }
        Ok(())
    }

    /// Whether it is the operator's turn.
    fn turn(&mut self, op: &Op, id: OpId, is_first: bool) -> Result<(), FitMistake> {
        let name = || op.name().to_string();
        if !is_first && !self.has_run[id.index()] {
            return Err(self.mistake(name(), FitRule::TooEarly));
        }
        if is_first && self.has_run[id.index()] {
            return Err(self.mistake(name(), FitRule::RunOnce));
        }
        if !op.waits().iter().all(|wait| self.has_run[wait.index()]) {
            return Err(self.mistake(name(), FitRule::TooEarly));
        }
        self.has_run[id.index()] = true;
        Ok(())
    }

    /// Whether result `at` is a view in the copy of its operand, so that nothing is written.
    fn stays(&self, op: &Op, what: &FitStep, at: usize) -> bool {
        let (result, copy) = (op.writes()[at], what.writes[at]);
        let is_operand = |(of, other): (TensorId, CopyId)| {
            let mut views = op.views().iter();
            other == copy && views.any(|view| (view.result, view.of) == (result, of))
        };
        let operands = op.reads().iter().copied();
        operands.zip(what.reads.iter().copied()).any(is_operand)
    }

    /// Whether result `at` may be written to its copy: no operand is there but one that it may
    /// replace, and no other result.
    fn may_write(&self, op: &Op, what: &FitStep, at: usize) -> Result<(), FitMistake> {
        let (result, copy) = (op.writes()[at], what.writes[at]);
        let replaces = |of: TensorId| {
            let mut pairs = op.in_place().iter();
            let is_pair = pairs.any(|pair| (pair.result, pair.of) == (result, of));
            is_pair && self.size(of) == self.size(result)
        };
        let operands = op.reads().iter().zip(&what.reads);
        let mut operands = operands.filter(|&(_, &other)| other == copy);
        let may = match (operands.next(), operands.next()) {
            (None, _) => true,
            (Some((&of, _)), None) => replaces(of),
            (Some(_), Some(_)) => false,
        };
        let is_taken = |other: usize| {
            other != at && what.writes[other] == copy && !self.stays(op, what, other)
        };
        match may && !(0..what.writes.len()).any(is_taken) {
            true => Ok(()),
            false => self.fault(result, FitRule::Overwritten),
        }
    }

    /// Everything has run, and the outputs are there.
    fn end(&self) -> Result<(), FitMistake> {
        if let Some(missing) = self.has_run.iter().position(|&has_run| !has_run) {
            let name = self.graph.ops()[missing].name().to_string();
            return Err(self.mistake(name, FitRule::RunOnce));
        }
        let (outputs, copies) = (self.graph.outputs(), &self.schedule.outputs);
        self.count("the outputs", outputs.len(), copies.len())?;
        for (&output, &id) in outputs.iter().zip(copies) {
            let copy = self.copy(output, id, Memory::Fast)?;
            let held = self.holds[id.index()];
            let start = held.and_then(|held| self.values.start_in(output, held));
            if start.is_none() || copy.steps.end != self.schedule.end() {
                return self.fault(output, FitRule::OutputMissing);
            }
        }
        Ok(())
    }

    /// A copy that has bytes at this step.
    fn used(
        &self,
        tensor: TensorId,
        id: CopyId,
        memory: Memory,
        step: usize,
    ) -> Result<&TensorCopy, FitMistake> {
        let copy = self.copy(tensor, id, memory)?;
        match copy.steps.contains(&step) {
            true => Ok(copy),
            false => self.fault(tensor, FitRule::NoBytes),
        }
    }

    /// A copy of this memory.
    fn copy(
        &self,
        tensor: TensorId,
        id: CopyId,
        memory: Memory,
    ) -> Result<&TensorCopy, FitMistake> {
        match self.schedule.copy(id) {
            Some(copy) if copy.memory == memory && self.graph.tensor(tensor).is_some() => Ok(copy),
            Some(_) => self.fault(tensor, FitRule::WrongCopy { expected: memory }),
            None => self.fault(tensor, FitRule::Unknown),
        }
    }

    /// Whether a copy holds a tensor, at its alignment.
    fn find(&self, tensor: TensorId, id: CopyId) -> Result<(), FitMistake> {
        let held = self.holds[id.index()];
        let Some(start) = held.and_then(|held| self.values.start_in(tensor, held)) else {
            let holds = held.map(|other| self.name(other));
            return self.fault(tensor, FitRule::NotThere { holds });
        };
        let copy = &self.schedule.copies[id.index()];
        self.aligned(tensor, copy.offset.saturating_add(start))
    }

    /// Writes a tensor to a copy.
    fn put(&mut self, tensor: TensorId, id: CopyId) -> Result<(), FitMistake> {
        let copy = &self.schedule.copies[id.index()];
        if self.size(tensor) > self.size(copy.tensor) {
            return self.fault(tensor, FitRule::TooSmall);
        }
        if copy.memory == Memory::Fast {
            self.aligned(tensor, copy.offset)?;
        }
        self.holds[id.index()] = Some(tensor);
        Ok(())
    }

    fn aligned(&self, tensor: TensorId, offset: u64) -> Result<(), FitMistake> {
        let align = |tensor: &crate::graph::Tensor| tensor.layout().align() as u64;
        let alignment = self.graph.tensor(tensor).map_or(1, align);
        match self.size(tensor) == 0 || offset % alignment == 0 {
            true => Ok(()),
            false => self.fault(tensor, FitRule::Misaligned { offset, alignment }),
        }
    }

    fn size(&self, id: TensorId) -> u64 {
        let tensor = self.graph.tensor(id);
        tensor.map_or(0, |tensor| tensor.layout().size() as u64)
    }

    fn name(&self, id: TensorId) -> String {
        let tensor = self.graph.tensor(id);
        tensor.map_or_else(|| id.to_string(), |tensor| tensor.name().to_string())
    }

    fn count(&self, name: &str, expected: usize, found: usize) -> Result<(), FitMistake> {
        match expected == found {
            true => Ok(()),
            false => {
                let rule = FitRule::Count { expected, found };
                Err(self.mistake(name.to_string(), rule))
            }
        }
    }

    fn fault<T>(&self, tensor: TensorId, rule: FitRule) -> Result<T, FitMistake> {
        Err(self.mistake(self.name(tensor), rule))
    }

    fn mistake(&self, name: String, rule: FitRule) -> FitMistake {
        FitMistake {
            rule,
            step: self.step,
            name,
        }
    }
}
