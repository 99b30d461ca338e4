//! A plan against the recording of a process that it is for.
//!
//! Stands on [`process`](super::super::process). A block begins at a step at which no other one
//! does, so the step tells which row of the plan is which block; names do not count, since they
//! depend on which part of the recording was planned. Invariant: a plan that passes has nothing but
//! blocks of the recording, each alive for as long as it is there.

use std::{collections::HashMap, path::Path};

use orionrt::{Plan, TensorId};

use super::super::process::{Ended, Follow, Process};
use crate::failure::Failure;

/// What of a plan was verified against a recording.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct OfRecording {
    /// The blocks that the plan has.
    pub(crate) blocks: u64,
    /// Those that it does not have, and their bytes.
    pub(crate) others: u64,
    pub(crate) other_bytes: u64,
    /// The events that the recording has lost.
    pub(crate) lost: u64,
}

/// Fails unless every row of a plan is a block of the recording.
pub(crate) fn check_against_recording(
    path: &Path,
    plan: &Plan,
    recording: &Path,
) -> Result<OfRecording, Failure> {
    let process = Process::open(recording)?;
    let reader = process.reader(recording)?;
    let is_not = |reason: String| {
        let recording = recording.display();
        Failure::file(path, format!("not a plan of '{recording}': {reason}"))
    };
    let mut rows = Rows::new(plan).map_err(is_not)?;
    rows.found.lost = reader.header().lost;
    let mut follow = Follow::default();
    let mut last_ns = 0;
    for recorded in reader.events() {
        last_ns = recorded.time_ns;
        for ended in follow.take(&recorded) {
            rows.take(&ended).map_err(is_not)?;
        }
    }
    let end = follow.steps;
    for block in follow.alive() {
        let (upper, to_ns) = (end, last_ns);
        let ended = Ended {
            block,
            upper,
            to_ns,
        };
        rows.take(&ended).map_err(is_not)?;
    }
    rows.finish().map_err(is_not)
}

/// The rows of a plan that no block was found for yet.
struct Rows<'p> {
    plan: &'p Plan,
    by_beginning: HashMap<i64, TensorId>,
    found: OfRecording,
}

impl<'p> Rows<'p> {
    fn new(plan: &'p Plan) -> Result<Self, String> {
        let mut by_beginning = HashMap::new();
        for (id, name, row) in plan.lifetimes().iter() {
            if row.within.is_some() || plan.lifetimes().live_ranges(id).count() != 1 {
                return Err(format!(
                    "tensor '{name}' lies within another one or has gaps; expected a block"
                ));
            }
            if let Some(other) = by_beginning.insert(row.lower, id) {
                let other = plan.lifetimes().name(other).unwrap_or_default();
                return Err(format!(
                    "tensors '{other}' and '{name}' begin at step {}; expected one block to begin \
                     at a step",
                    row.lower
                ));
            }
        }
        Ok(Self {
            plan,
            by_beginning,
            found: OfRecording::default(),
        })
    }

    /// Takes the next block of the recording.
    fn take(&mut self, ended: &Ended) -> Result<(), String> {
        let block = ended.block;
        let Some(id) = self.by_beginning.remove(&block.lower) else {
            self.found.others += 1;
            self.found.other_bytes = self.found.other_bytes.saturating_add(block.size);
            return Ok(());
        };
        self.found.blocks += 1;
        let row = &self.plan.lifetimes().rows()[id.index()];
        let offset = self.plan.offsets()[id.index()];
        let fits = row.size == block.size
            && row.upper >= ended.upper
            && offset.is_multiple_of(block.alignment);
        if fits {
            return Ok(());
        }
        Err(format!(
            "tensor '{}' has {} bytes at offset {offset} in steps {}..{}; expected {} bytes at a \
             multiple of {} in steps {}..{}, as the block that begins there",
            self.plan.lifetimes().name(id).unwrap_or_default(),
            row.size,
            row.lower,
            row.upper,
            block.size,
            block.alignment,
            block.lower,
            ended.upper
        ))
    }

    fn finish(self) -> Result<OfRecording, String> {
        let left = self.by_beginning.into_iter().min();
        match left {
            None => Ok(self.found),
            Some((step, id)) => Err(format!(
                "tensor '{}' begins at step {step}, where no block of the recording begins",
                self.plan.lifetimes().name(id).unwrap_or_default()
            )),
        }
    }
}
