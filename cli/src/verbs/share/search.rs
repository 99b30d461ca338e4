//! The search for a shared plan, which Ctrl-C can end.
//!
//! Stands on the library's `ModelSet`.

#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

use orionrt::{
    ModelSet, Plan, Schedule,
    models::{SharedPlan, SharingSummary},
};

use super::models::{Model, failure, model_set};
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

/// Searches as `args` say. With parts of results, the models are planned with them, without them,
/// and each in the way in which it needs less alone; what is kept is the smallest arena and, of
/// equal ones, the first. Models that are kept without parts are left without.
pub(super) fn search(
    args: &ShareArgs,
    models: &mut [Model],
    set: &ModelSet,
    schedule: &Schedule,
) -> Result<SharedSearch, Failure> {
    let cancel = interrupt::cancel_on_ctrl_c();
    let planner = args.search.planner(1, &cancel);
    let start = Instant::now();
    let plan = |set: &ModelSet, models: &[Model]| {
        let tensors: usize = models.iter().map(|model| model.input.lifetimes.len()).sum();
        let message = format!("planning {tensors} tensors of {} models", models.len());
        let planned = progress::with_spinner(message, || set.plan(schedule, &planner));
        planned.map_err(|error| failure(models, Some(&args.schedule), error))
    };
    let mut best = Candidate {
        without: vec![false; models.len()],
        set: set.clone(),
        shared: plan(set, models)?,
    };
    if models
        .iter()
        .any(|model| model.input.without_parts().is_some())
    {
        let first = isolated_peaks(&best.shared);
        let mut try_without = |without: Vec<bool>| -> Result<Vec<u64>, Failure> {
            let set = model_set(models, |model| without[model])?;
            let shared = plan(&set, models)?;
            let peaks = isolated_peaks(&shared);
            if shared.plan().peak() < best.shared.plan().peak() {
                best = Candidate {
                    without,
                    set,
                    shared,
                };
            }
            Ok(peaks)
        };
        let second = try_without(vec![true; models.len()])?;
        let lower: Vec<bool> = first.iter().zip(second).map(|(a, b)| b < *a).collect();
        if lower.contains(&true) && lower.contains(&false) {
            try_without(lower)?;
        }
    }
    let (time, interrupted) = (start.elapsed(), cancel.is_cancelled());
    let summary = best.set.sharing_summary(schedule, BEST);
    let summary = summary.map_err(|error| failure(models, Some(&args.schedule), error))?;
    for (model, _) in models.iter_mut().zip(best.without).filter(|(_, is)| *is) {
        model.input.leave_parts_out();
    }
    Ok(SharedSearch {
        summary,
        shared: best.shared,
        time,
        interrupted,
    })
}

/// A shared plan, and of which lifetimes.
struct Candidate {
    /// Whether each model is without parts of results.
    without: Vec<bool>,
    set: ModelSet,
    shared: SharedPlan,
}

/// What each model would need alone.
fn isolated_peaks(shared: &SharedPlan) -> Vec<u64> {
    let models = shared.models().map(|(model, _)| shared.isolated(model));
    models.map(|alone| alone.map_or(0, Plan::peak)).collect()
}
