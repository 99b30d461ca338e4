//! One search for a shared plan, which Ctrl-C can end.
//!
//! Stands on the library's `ModelSet`.

#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

use orionrt::{
    ModelSet, Schedule,
    models::{SharedPlan, SharingSummary},
};

use super::models::{Model, failure};
use crate::{args::ShareArgs, failure::Failure, interrupt, progress};

/// How many tensors are listed with the partner that each could share most bytes with.
const BEST: usize = 100;

/// What a search found.
pub(super) struct SharedSearch {
    pub(super) shared: SharedPlan,
    pub(super) summary: SharingSummary,
    pub(super) time: Duration,
    pub(super) interrupted: bool,
}

/// Searches as `args` say.
pub(super) fn search(
    args: &ShareArgs,
    models: &[Model],
    set: &ModelSet,
    schedule: &Schedule,
) -> Result<SharedSearch, Failure> {
    let cancel = interrupt::cancel_on_ctrl_c();
    let planner = args.search.planner(1, &cancel);
    let start = Instant::now();
    let tensors: usize = models.iter().map(|model| model.input.lifetimes.len()).sum();
    let message = format!("planning {tensors} tensors of {} models", models.len());
    let failed = |error| failure(models, Some(&args.schedule), error);
    let planned = progress::with_spinner(message, || set.plan(schedule, &planner));
    let shared = planned.map_err(failed)?;
    let (time, interrupted) = (start.elapsed(), cancel.is_cancelled());
    Ok(SharedSearch {
        summary: set.sharing_summary(schedule, BEST).map_err(failed)?,
        shared,
        time,
        interrupted,
    })
}
