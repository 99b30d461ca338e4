//! A plan as segments and events.
//!
//! Stands on [`pickle`](super::pickle) and [`events`](super::events). The planned region is one
//! segment of device 0, reserved by the first event:
//!
//! ```text
//! generator            by which the frames below are known not to be of a program
//! segments             [{device, address, total_size, ..., blocks: [one that is free]}]
//! device_traces        [[{action, addr, size, stream, time_us, frames}, ...]]
//!   segment_alloc      the region
//!   alloc              a tensor at its offset, or one of its windows, with the operator that
//!                      writes it
//!   free_requested,    the same tensor after its last step, with the operator of that step
//!   free_completed
//! ```
//!
//! A frame has the name of the tensor or the operator in the place of a file's, and what it is in
//! the place of a function's: the viewer leaves out functions by parts of their names. Invariant:
//! an address less [`BASE`] is an offset of the plan, and `time_us` counts steps from the first.

#![forbid(unsafe_code)]

use std::io::{self, Write};

use orionrt::{Plan, TensorId};

use super::{
    events::{Action, Event, events},
    pickle::{BATCH, Memo, Pickler},
};
use crate::input::{ModelGraph, SNAPSHOT_GENERATOR as GENERATOR, TENSOR_FRAME};

/// The address of the region: in hexadecimal digits, a one in front of each offset.
const BASE: u64 = 1 << 40;
/// The end of the addresses that a snapshot can have: readers take them for signed numbers.
const END: u64 = i64::MAX as u64;

/// Writes the snapshot. `model` is the graph that the plan is for, if it is for one.
pub(crate) fn write(
    plan: &Plan,
    model: Option<&ModelGraph>,
    output: &mut dyn Write,
) -> io::Result<()> {
    if plan.peak() > END - BASE {
        let (peak, most) = (plan.peak(), END - BASE);
        return Err(io::Error::other(format!(
            "the plan has a peak of {peak} bytes, expected at most {most} in a memory snapshot"
        )));
    }
    let mut snapshot = Snapshot::begin(plan, model, output)?;
    snapshot.pickler.dict_begin()?;
    snapshot.pickler.name("generator")?;
    snapshot.pickler.name(GENERATOR)?;
    snapshot.pickler.name("segments")?;
    snapshot.segments()?;
    snapshot.pickler.name("device_traces")?;
    snapshot.traces()?;
    snapshot.pickler.name("external_annotations")?;
    snapshot.pickler.list()?;
    snapshot.pickler.dict_end()?;
    snapshot.pickler.end()
}

struct Snapshot<'s> {
    plan: &'s Plan,
    model: Option<&'s ModelGraph>,
    pickler: Pickler<'s>,
    /// The step that is at the beginning.
    first: i64,
    /// The frames of tensors and of operators that have been written, by their numbers.
    tensors: Vec<Option<Memo>>,
    operators: Vec<Option<Memo>>,
}

/// An event as it is written.
struct Entry {
    action: &'static str,
    address: u64,
    size: u64,
    step: i64,
}

impl<'s> Snapshot<'s> {
    fn begin(
        plan: &'s Plan,
        model: Option<&'s ModelGraph>,
        output: &'s mut dyn Write,
    ) -> io::Result<Self> {
        let rows = plan.lifetimes().rows().iter();
        let alive = rows.filter(|row| row.occupies());
        Ok(Self {
            plan,
            model,
            pickler: Pickler::begin(output)?,
            first: alive.map(|row| row.lower).min().unwrap_or(0),
            tensors: vec![None; plan.len()],
            operators: vec![None; model.map_or(0, |model| model.graph.ops().len())],
        })
    }

    fn number(&mut self, name: &'static str, value: u64) -> io::Result<()> {
        self.pickler.name(name)?;
        self.pickler.integer(value)
    }

    fn empty(&mut self, name: &'static str) -> io::Result<()> {
        self.pickler.name(name)?;
        self.pickler.list()
    }

    /// The region when all is over: one free block. A plan without bytes has no region.
    fn segments(&mut self) -> io::Result<()> {
        self.pickler.list()?;
        if self.plan.peak() == 0 {
            return Ok(());
        }
        self.pickler.items_begin()?;
        self.pickler.dict_begin()?;
        self.number("device", 0)?;
        self.number("address", BASE)?;
        self.number("total_size", self.plan.peak())?;
        for name in ["allocated_size", "active_size", "requested_size", "stream"] {
            self.number(name, 0)?;
        }
        self.pickler.name("segment_type")?;
        self.pickler.name("large")?;
        self.pickler.name("segment_pool_id")?;
        self.pickler.zeros()?;
        self.pickler.name("is_expandable")?;
        self.pickler.bool(false)?;
        self.empty("frames")?;
        self.empty("blocks")?;
        self.pickler.items_begin()?;
        self.free_block()?;
        self.pickler.items_end()?;
        self.pickler.dict_end()?;
        self.pickler.items_end()
    }

    fn free_block(&mut self) -> io::Result<()> {
        self.pickler.dict_begin()?;
        self.number("address", BASE)?;
        self.number("size", self.plan.peak())?;
        self.number("requested_size", 0)?;
        self.pickler.name("state")?;
        self.pickler.name("inactive")?;
        self.empty("frames")?;
        self.pickler.dict_end()
    }

    /// The events of device 0.
    fn traces(&mut self) -> io::Result<()> {
        self.pickler.list()?;
        self.pickler.items_begin()?;
        self.pickler.list()?;
        let events = events(self.plan);
        if !events.is_empty() {
            self.pickler.items_begin()?;
            self.reserve()?;
            self.pickler.items_end()?;
        }
        for batch in events.chunks(BATCH / 2) {
            self.pickler.items_begin()?;
            for event in batch {
                self.event(*event)?;
            }
            self.pickler.items_end()?;
        }
        self.pickler.items_end()
    }

    fn reserve(&mut self) -> io::Result<()> {
        self.entry_begin(&Entry {
            action: "segment_alloc",
            address: BASE,
            size: self.plan.peak(),
            step: self.first,
        })?;
        self.empty("frames")?;
        self.pickler.dict_end()
    }

    fn event(&mut self, event: Event) -> io::Result<()> {
        let id = TensorId::from_index(event.tensor);
        let Some(offset) = self.plan.offset(id) else {
            return Ok(());
        };
        let actions: &[&'static str] = match event.action {
            Action::Allocate => &["alloc"],
            Action::Free => &["free_requested", "free_completed"],
        };
        let mut frames = None;
        for action in actions {
            self.entry_begin(&Entry {
                action,
                address: BASE + offset + event.start,
                size: event.size,
                step: event.step,
            })?;
            self.pickler.name("frames")?;
            frames = Some(match frames {
                Some(frames) => {
                    self.pickler.again(frames)?;
                    frames
                }
                None => {
                    self.frames(event, id)?;
                    self.pickler.memoise()?
                }
            });
            self.pickler.dict_end()?;
        }
        Ok(())
    }

    /// Begins the dictionary of an event, which lacks its frames and its end.
    fn entry_begin(&mut self, entry: &Entry) -> io::Result<()> {
        self.pickler.dict_begin()?;
        self.pickler.name("action")?;
        self.pickler.name(entry.action)?;
        self.number("addr", entry.address)?;
        self.number("size", entry.size)?;
        self.number("stream", 0)?;
        self.number("time_us", entry.step.abs_diff(self.first))
    }

    /// The tensor, and the operator at whose step it is written or used for the last time.
    fn frames(&mut self, event: Event, id: TensorId) -> io::Result<()> {
        self.pickler.list()?;
        self.pickler.items_begin()?;
        self.tensor(id)?;
        if let Some(step) = self.operator_of(event, id) {
            self.operator(step)?;
        }
        self.pickler.items_end()
    }

    /// The number of an operator; what no operator writes is an input.
    fn operator_of(&self, event: Event, id: TensorId) -> Option<usize> {
        let ops = self.model?.graph.ops();
        match event.action {
            Action::Allocate => {
                let step = usize::try_from(event.step).ok()?;
                let writes = ops.get(step)?.writes();
                writes.contains(&id).then_some(step)
            }
            Action::Free => {
                let step = usize::try_from(event.step.checked_sub(1)?).ok()?;
                (step < ops.len()).then_some(step)
            }
        }
    }

    fn tensor(&mut self, id: TensorId) -> io::Result<()> {
        if let Some(memo) = self.tensors[id.index()] {
            return self.pickler.again(memo);
        }
        let lifetimes = self.plan.lifetimes();
        let lower = lifetimes.get(id).map_or(self.first, |row| row.lower);
        let line = lower.abs_diff(self.first);
        self.frame(lifetimes.name(id).unwrap_or_default(), line, TENSOR_FRAME)?;
        self.tensors[id.index()] = Some(self.pickler.memoise()?);
        Ok(())
    }

    fn operator(&mut self, step: usize) -> io::Result<()> {
        let (Some(memo), Some(model)) = (self.operators.get(step), self.model) else {
            return Ok(());
        };
        if let Some(memo) = *memo {
            return self.pickler.again(memo);
        }
        let kind = model.operator_types.get(step).map_or("", |kind| kind);
        self.frame(model.graph.ops()[step].name(), step as u64, kind)?;
        self.operators[step] = Some(self.pickler.memoise()?);
        Ok(())
    }

    fn frame(&mut self, file: &str, line: u64, function: &str) -> io::Result<()> {
        self.pickler.dict_begin()?;
        self.pickler.name("filename")?;
        self.pickler.text(file)?;
        self.number("line", line)?;
        self.pickler.name("name")?;
        self.pickler.text(function)?;
        self.pickler.dict_end()
    }
}
