//! The peak memory of inference in each mode.
//!
//! Stands on [`runner`](super::runner) and [`resident_memory`](crate::resident_memory). Each mode
//! is measured in a process of its own, in which this program runs itself, so that no mode inherits
//! memory from another. Invariant: a number counts the memory beyond what was resident when the
//! model was loaded; there is none if the system does not tell or the process fails.

#![forbid(unsafe_code)]

use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use super::{error::InferenceError, runner::Runner};
use crate::{
    args::{Mode, RunArgs},
    dual_heap::Allocator,
    failure::Failure,
    resident_memory,
};

/// The number of first inferences; in replay the recorded one is among them.
const FIRST: usize = 3;
/// The number of inferences after them.
const LATER: usize = 5;

/// The peak resident memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PeakMemory {
    /// During all inferences.
    pub(super) peak_bytes: Option<u64>,
    /// During the later ones, after the heaps have given their free memory back.
    pub(super) steady_peak_bytes: Option<u64>,
}

/// Measures all modes, each in a process of its own.
pub(crate) fn measure_in_child_processes(args: &RunArgs) -> [PeakMemory; Mode::ALL.len()] {
    Mode::ALL.map(|mode| measure_in_child_process(args, mode).unwrap_or_default())
}

fn measure_in_child_process(args: &RunArgs, mode: Mode) -> Option<PeakMemory> {
    let mut command = Command::new(std::env::current_exe().ok()?);
    command.args(["run", "--peak-of", mode.name()]);
    command.args(["--threads", &args.threads.to_string()]);
    command.args(["--huge-pages", args.huge_pages.name()]);
    for dim in &args.dims {
        // In one word: the name may begin with a dash.
        command.arg(format!("--dim={}={}", dim.name, dim.size));
    }
    command.arg("--").arg(&args.model);
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let peak = serde_json::from_slice(&output.stdout).ok()?;
    output.status.success().then_some(peak)
}

/// Measures `mode` in this process, which has done nothing else.
pub(crate) fn measure_here(
    args: &RunArgs,
    mode: Mode,
    allocator: &'static Allocator,
) -> Result<PeakMemory, Failure> {
    let mut runner = Runner::load(args, allocator)?;
    // Loading leaves free memory behind that one of the modes could use.
    allocator.inner().purge();
    let Some(loaded) = resident_memory::reset_peak() else {
        return Ok(PeakMemory::default());
    };
    let mut run = |inferences: usize| {
        (0..inferences).try_for_each(|_| runner.run(mode).map(drop))?;
        Ok(resident_memory::peak().map(|peak| peak.saturating_sub(loaded)))
    };
    let failed = |error: InferenceError| Failure::file(&args.model, error);
    let first = run(FIRST).map_err(failed)?;
    // Memory that only the first inferences needed; in replay, all that the recorded one took.
    allocator.inner().purge();
    let is_reset = resident_memory::reset_peak().is_some();
    let later = run(LATER).map_err(failed)?;
    Ok(PeakMemory {
        peak_bytes: first.max(later),
        steady_peak_bytes: later.filter(|_| is_reset),
    })
}
