//! The schedule as a file that an executor follows, in JSON and in CSV.
//!
//! Stands on the library's schedules. `docs/fit.md` describes both forms: they are read by other
//! programs, so fields may be added and none is changed. Invariant: the offset of an operand is
//! that of its bytes in the memory, also for a view within a copy.

#![forbid(unsafe_code)]

use std::io::{self, Write};

use orionrt::{
    Graph, TensorId,
    fit::{CopyId, FitAction, FitStep, Fitted, Memory, TensorStarts},
};
use serde::Serialize;

use crate::args::Aliasing;

/// The version of both forms.
const VERSION: u32 = 1;

/// What a schedule is of.
pub(super) struct ScheduleOf<'f> {
    graph: &'f Graph,
    fitted: &'f Fitted,
    capacity: u64,
    slow_capacity: u64,
    starts: TensorStarts,
}

#[derive(Serialize)]
struct Json<'f> {
    format: &'static str,
    version: u32,
    capacity: u64,
    slow_capacity: u64,
    peak: u64,
    slow_peak: u64,
    aliasing: &'static str,
    copies: Vec<CopyJson<'f>>,
    /// The copy of each input at the start.
    inputs: Vec<PlaceJson<'f>>,
    outputs: Vec<PlaceJson<'f>>,
    steps: Vec<StepJson<'f>>,
}

#[derive(Serialize)]
struct CopyJson<'f> {
    tensor: &'f str,
    memory: &'static str,
    offset: u64,
    size: u64,
    first_step: usize,
    /// The one after the last.
    end_step: usize,
    /// Whether it holds the tensor in compressed form.
    compressed: bool,
}

#[derive(Serialize)]
struct StepJson<'f> {
    action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    operator: Option<&'f str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tensor: Option<&'f str>,
    /// For a fetch: how many operators run before the first step that reads the copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    operators_ahead: Option<usize>,
    reads: Vec<PlaceJson<'f>>,
    writes: Vec<PlaceJson<'f>>,
}

/// A tensor in a copy.
#[derive(Serialize)]
struct PlaceJson<'f> {
    tensor: &'f str,
    copy: usize,
    /// Where it begins in the memory.
    offset: u64,
}

/// A tensor in a copy, with all that CSV has of it.
struct Place<'f> {
    tensor: &'f str,
    copy: CopyId,
    memory: &'static str,
    offset: u64,
    size: u64,
}

impl<'f> ScheduleOf<'f> {
    /// The schedule of a graph that was fitted into this many bytes of fast and slow memory.
    pub(super) fn new(
        graph: &'f Graph,
        fitted: &'f Fitted,
        capacity: u64,
        slow_capacity: u64,
    ) -> Self {
        Self {
            starts: TensorStarts::new(graph),
            graph,
            fitted,
            capacity,
            slow_capacity,
        }
    }

    pub(super) fn write_json(&self, output: &mut dyn Write) -> io::Result<()> {
        let schedule = self.fitted.schedule();
        let copies = schedule.copies.iter().map(|copy| CopyJson {
            tensor: self.name(copy.tensor),
            memory: memory_name(copy.memory),
            offset: copy.offset,
            size: copy.bytes(self.graph),
            first_step: copy.steps.start,
            end_step: copy.steps.end,
            compressed: copy.compressed.is_some(),
        });
        let inputs = self.graph.inputs().iter().zip(&schedule.inputs);
        let inputs = inputs.filter_map(|(&id, &copy)| Some(self.json(id, copy?)));
        let outputs = self.graph.outputs().iter().zip(&schedule.outputs);
        let json = Json {
            format: "orionrt-fit",
            version: VERSION,
            capacity: self.capacity,
            slow_capacity: self.slow_capacity,
            peak: self.fitted.fast_plan().peak(),
            slow_peak: self.fitted.slow_plan().peak(),
            aliasing: aliasing_name(self.fitted.aliasing()),
            copies: copies.collect(),
            inputs: inputs.collect(),
            outputs: outputs.map(|(&id, &copy)| self.json(id, copy)).collect(),
            steps: (0..schedule.steps.len()).map(|at| self.step(at)).collect(),
        };
        serde_json::to_writer(&mut *output, &json)?;
        output.write_all(b"\n")
    }

    fn step(&self, at: usize) -> StepJson<'f> {
        let schedule = self.fitted.schedule();
        let step = &schedule.steps[at];
        let (action, operator, tensor) = self.action(step);
        let places = |tensors: Vec<TensorId>, copies: &[CopyId]| {
            let each = tensors.into_iter().zip(copies);
            each.map(|(id, &copy)| self.json(id, copy)).collect()
        };
        StepJson {
            action,
            operator,
            tensor,
            operators_ahead: match step.action {
                FitAction::Fetch(_) => Some(schedule.operators_ahead(at)),
                _ => None,
            },
            reads: places(self.tensors(step, false), &step.reads),
            writes: places(self.tensors(step, true), &step.writes),
        }
    }

    pub(super) fn write_csv(&self, output: &mut dyn Write) -> csv::Result<()> {
        let mut writer = csv::Writer::from_writer(output);
        writer.write_record([
            "step", "action", "operator", "role", "tensor", "copy", "memory", "offset", "size",
        ])?;
        for (at, step) in self.fitted.schedule().steps.iter().enumerate() {
            let (action, operator, _) = self.action(step);
            for (role, copies) in [("read", &step.reads), ("write", &step.writes)] {
                let tensors = self.tensors(step, role == "write");
                for (id, &copy) in tensors.into_iter().zip(copies) {
                    let place = self.place(id, copy);
                    let numbers = [place.copy.index() as u64, place.offset, place.size];
                    let [copy, offset, size] = numbers.map(|number| number.to_string());
                    writer.write_record([
                        &*at.to_string(),
                        action,
                        operator.unwrap_or(""),
                        role,
                        place.tensor,
                        &copy,
                        place.memory,
                        &offset,
                        &size,
                    ])?;
                }
            }
        }
        Ok(writer.flush()?)
    }

    /// The name of an action, and what it is of.
    fn action(&self, step: &FitStep) -> (&'static str, Option<&'f str>, Option<&'f str>) {
        let operator = |op: orionrt::graph::OpId| {
            let op = self.graph.ops().get(op.index());
            op.map(|op| op.name())
        };
        let tensor = |id| Some(self.name(id));
        match step.action {
            FitAction::Run(op) => ("run", operator(op), None),
            FitAction::Rerun(op) => ("rerun", operator(op), None),
            FitAction::Spill(id) => ("spill", None, tensor(id)),
            FitAction::Fetch(id) => ("fetch", None, tensor(id)),
            FitAction::Compress(id) => ("compress", None, tensor(id)),
            FitAction::Expand(id) => ("expand", None, tensor(id)),
            _ => ("other", None, None),
        }
    }

    /// The tensors that a step reads or writes, one for each copy.
    fn tensors(&self, step: &FitStep, are_written: bool) -> Vec<TensorId> {
        let copies = if are_written {
            &step.writes
        } else {
            &step.reads
        };
        match step.action {
            FitAction::Run(op) | FitAction::Rerun(op) => {
                let op = self.graph.ops().get(op.index());
                let of = |op: &orionrt::graph::Op| match are_written {
                    true => op.writes().to_vec(),
                    false => op.reads().to_vec(),
                };
                op.map(of).unwrap_or_default()
            }
            _ => {
                let copies = copies.iter();
                let tensor = |id: &CopyId| self.fitted.schedule().copy(*id).map(|of| of.tensor);
                copies.filter_map(tensor).collect()
            }
        }
    }

    fn json(&self, id: TensorId, copy: CopyId) -> PlaceJson<'f> {
        let place = self.place(id, copy);
        PlaceJson {
            tensor: place.tensor,
            copy: copy.index(),
            offset: place.offset,
        }
    }

    /// A tensor in a copy: of the tensor itself, or of what it lies within.
    fn place(&self, id: TensorId, copy: CopyId) -> Place<'f> {
        let of = self.fitted.schedule().copy(copy);
        let is_root = of.is_some_and(|of| of.tensor == id);
        let offset = of.map(|of| of.offset + self.starts.in_copy(id, of).unwrap_or(0));
        Place {
            tensor: self.name(id),
            copy,
            memory: of.map_or("", |of| memory_name(of.memory)),
            offset: offset.unwrap_or(0),
            size: match of {
                Some(of) if is_root => of.bytes(self.graph),
                _ => self.size(id),
            },
        }
    }

    fn size(&self, id: TensorId) -> u64 {
        let tensor = self.graph.tensor(id);
        tensor.map_or(0, |tensor| tensor.layout().size() as u64)
    }

    fn name(&self, id: TensorId) -> &'f str {
        self.graph.tensor(id).map_or("", |tensor| tensor.name())
    }
}

fn memory_name(memory: Memory) -> &'static str {
    match memory {
        Memory::Fast => "fast",
        Memory::Slow => "slow",
    }
}

/// The name that the command line has.
pub(super) fn aliasing_name(aliasing: orionrt::Aliasing) -> &'static str {
    let all = [Aliasing::Off, Aliasing::Views, Aliasing::InPlace];
    let found = all.into_iter().find(|of| aliasing == (*of).into());
    found.unwrap_or(Aliasing::Parts).name()
}
