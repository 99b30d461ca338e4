//! What the check of a schedule knows at a step, and how it names what is wrong.
//!
//! Stands on the graph, the options and the schedule's types alone. Invariant: a mistake names the
//! step that is looked at.

use alloc::{
    string::{String, ToString},
    vec,
    vec::Vec,
};

use super::{
    mistake::{FitMistake, FitRule},
    options::Fit,
    schedule::{CopyId, FitAction, FitSchedule, Form, Memory, TensorCopy},
    values::Values,
};
use crate::graph::{Graph, TensorSet};
use crate::ids::TensorId;
use crate::lifetimes::Aliasing;

/// The state of a check.
pub(super) struct Check<'c> {
    pub(super) graph: &'c Graph,
    pub(super) fit: &'c Fit,
    pub(super) schedule: &'c FitSchedule,
    pub(super) values: Values,
    /// The inputs whose bytes exist outside the fast memory.
    pub(super) stored: TensorSet,
    /// What each copy holds.
    pub(super) holds: Vec<Option<TensorId>>,
    pub(super) has_run: Vec<bool>,
    /// The step that is looked at.
    pub(super) step: Option<(usize, FitAction)>,
}

impl<'c> Check<'c> {
    pub(super) fn new(graph: &'c Graph, fit: &'c Fit, schedule: &'c FitSchedule) -> Self {
        Self {
            graph,
            fit,
            schedule,
            values: Values::new(graph, fit.aliasing == Aliasing::Parts),
            stored: fit.stored_inputs(),
            holds: vec![None; schedule.copies.len()],
            has_run: vec![false; graph.ops().len()],
            step: None,
        }
    }

    /// A plain copy that has bytes at this step.
    pub(super) fn used(
        &self,
        tensor: TensorId,
        id: CopyId,
        memory: Memory,
        step: usize,
    ) -> Result<&'c TensorCopy, FitMistake> {
        self.used_in(tensor, id, (memory, Form::Plain), step)
    }

    /// A copy in this memory and form that has bytes at this step.
    pub(super) fn used_in(
        &self,
        tensor: TensorId,
        id: CopyId,
        place: (Memory, Form),
        step: usize,
    ) -> Result<&'c TensorCopy, FitMistake> {
        let copy = self.copy(tensor, id, place)?;
        match copy.steps.contains(&step) {
            true => Ok(copy),
            false => self.fault(tensor, FitRule::NoBytes),
        }
    }

    /// A copy in this memory and form.
    pub(super) fn copy(
        &self,
        tensor: TensorId,
        id: CopyId,
        (memory, form): (Memory, Form),
    ) -> Result<&'c TensorCopy, FitMistake> {
        if self.graph.tensor(tensor).is_none() {
            return self.fault(tensor, FitRule::UnknownTensor);
        }
        match self.schedule.copies.get(id.index()) {
            Some(copy) if copy.memory != memory => {
                self.fault(tensor, FitRule::WrongMemory { expected: memory })
            }
            Some(copy) if copy.form() != form => {
                self.fault(tensor, FitRule::WrongForm { expected: form })
            }
            Some(copy) => Ok(copy),
            None => self.fault(tensor, FitRule::UnknownCopy { copy: id }),
        }
    }

    /// Where a tensor begins in a copy; `None` if the copy does not hold it.
    pub(super) fn start_of(&self, tensor: TensorId, id: CopyId) -> Option<u64> {
        let held = self.holds[id.index()]?;
        self.values.start_in(tensor, held)
    }

    /// Whether a tensor is all that a copy holds, not a part of it.
    pub(super) fn is_all_of(&self, tensor: TensorId, id: CopyId) -> bool {
        let held = self.holds[id.index()].map_or(0, |held| self.size(held));
        self.start_of(tensor, id) == Some(0) && held == self.size(tensor)
    }

    /// Whether a copy holds a tensor, at its alignment.
    pub(super) fn find(&self, tensor: TensorId, id: CopyId) -> Result<(), FitMistake> {
        let Some(held) = self.holds[id.index()] else {
            return self.fault(tensor, FitRule::NeverWritten);
        };
        let Some(start) = self.values.start_in(tensor, held) else {
            let holds = self.name(held);
            return self.fault(tensor, FitRule::NotThere { holds });
        };
        let copy = &self.schedule.copies[id.index()];
        self.aligned(tensor, copy.offset.saturating_add(start))
    }

    /// Writes a tensor to a plain copy.
    pub(super) fn put(&mut self, tensor: TensorId, id: CopyId) -> Result<(), FitMistake> {
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

    pub(super) fn aligned(&self, tensor: TensorId, offset: u64) -> Result<(), FitMistake> {
        let align = |tensor: &crate::graph::Tensor| tensor.layout().align() as u64;
        let alignment = self.graph.tensor(tensor).map_or(1, align);
        match self.size(tensor) == 0 || offset % alignment == 0 {
            true => Ok(()),
            false => self.fault(tensor, FitRule::Misaligned { offset, alignment }),
        }
    }

    pub(super) fn size(&self, id: TensorId) -> u64 {
        let tensor = self.graph.tensor(id);
        tensor.map_or(0, |tensor| tensor.layout().size() as u64)
    }

    pub(super) fn name(&self, id: TensorId) -> String {
        let tensor = self.graph.tensor(id);
        tensor.map_or_else(|| id.to_string(), |tensor| tensor.name().to_string())
    }

    /// Refuses a step that does not name one copy to read for each operand, and one to write for
    /// each result.
    pub(super) fn counts(
        &self,
        name: &str,
        [reads, writes]: [usize; 2],
        [read, written]: [usize; 2],
    ) -> Result<(), FitMistake> {
        let rule = if read != reads {
            let (expected, found) = (reads, read);
            FitRule::Reads { expected, found }
        } else if written != writes {
            let (expected, found) = (writes, written);
            FitRule::Writes { expected, found }
        } else {
            return Ok(());
        };
        Err(self.mistake(name.to_string(), rule))
    }

    pub(super) fn fault<T>(&self, tensor: TensorId, rule: FitRule) -> Result<T, FitMistake> {
        Err(self.mistake(self.name(tensor), rule))
    }

    pub(super) fn mistake(&self, name: String, rule: FitRule) -> FitMistake {
        let subject = self
            .step
            .map_or_else(String::new, |(_, action)| match action {
                FitAction::Run(op) | FitAction::Rerun(op) => {
                    let op_of_graph = self.graph.ops().get(op.index());
                    op_of_graph.map_or_else(|| op.to_string(), |op| op.name().to_string())
                }
                FitAction::Spill(tensor)
                | FitAction::Fetch(tensor)
                | FitAction::Compress(tensor)
                | FitAction::Expand(tensor) => self.name(tensor),
            });
        FitMistake {
            rule,
            step: self.step,
            subject,
            name,
        }
    }
}
