//! The memory that inference takes in each mode.
//!
//! Stands on [`bench`](super::bench) and [`resident`](crate::resident). Each mode is measured in a process of its own, which this
//! program starts from itself: what one mode leaves behind is no other's. Invariant: a number is of memory beyond what was resident
//! when the model was loaded; where the system does not tell, or the process came to nothing, there is none.

#![forbid(unsafe_code)]

use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use super::bench::{Bench, failure};
use crate::{
    Allocator,
    args::{Mode, RunArgs},
    failure::Failure,
    resident,
};

/// The first inferences: in replay, one that is recorded is among them.
const FIRST: usize = 3;
/// Those after them.
const LATER: usize = 5;

/// The most memory resident.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Peak {
    /// During all inferences, from the first on.
    pub(super) peak_bytes: Option<u64>,
    /// During all but the first ones, after the heaps have given back what is free.
    pub(super) steady_peak_bytes: Option<u64>,
}

/// Has a process of its own measure `mode`, as `args` say.
pub(super) fn ask(args: &RunArgs, mode: Mode) -> Peak {
    try_ask(args, mode).unwrap_or_default()
}

fn try_ask(args: &RunArgs, mode: Mode) -> Option<Peak> {
    let mut command = Command::new(std::env::current_exe().ok()?);
    command.args(["run", "--peak-of", mode.name()]);
    command.args(["--threads", &args.threads.to_string()]);
    command.args(["--huge-pages", args.huge_pages.name()]);
    for dim in &args.dims {
        command.args(["--dim", &format!("{}={}", dim.name, dim.size)]);
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
pub(super) fn measure(
    args: &RunArgs,
    mode: Mode,
    allocator: &'static Allocator,
) -> Result<Peak, Failure> {
    let mut bench = Bench::load(args, allocator)?;
    // Loading leaves free memory behind, which one of the modes could use.
    allocator.inner().purge();
    let Some(loaded) = resident::restart() else {
        return Ok(Peak::default());
    };
    let mut run = |inferences: usize| {
        (0..inferences).try_for_each(|_| bench.run(mode).map(drop))?;
        Ok(resident::most().map(|most| most.saturating_sub(loaded)))
    };
    let failed = |error| failure(args, error);
    let first = run(FIRST).map_err(failed)?;
    // What the first ones took and no longer need; for replay, that is all that the recorded one took.
    allocator.inner().purge();
    let is_restarted = resident::restart().is_some();
    let later = run(LATER).map_err(failed)?;
    Ok(Peak {
        peak_bytes: first.max(later),
        steady_peak_bytes: later.filter(|_| is_restarted),
    })
}
