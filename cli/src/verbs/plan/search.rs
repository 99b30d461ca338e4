//! One search for a plan, which Ctrl-C can end.
//!
//! Stands on `Planner`. Invariant: if there is a capacity and the plan is above it, the result
//! says so as a [`Failure`].

#![forbid(unsafe_code)]

use std::{
    collections::HashMap,
    path::PathBuf,
    time::{Duration, Instant},
};

use orionrt::{
    Lifetimes, Plan, Planner,
    planner::{Cancel, PlannerError},
};

use super::{files::files, why::Why};
use crate::{
    args::PlanArgs,
    failure::Failure,
    format,
    input::{self, Input},
    progress,
};

/// Plans from earlier searches.
#[derive(Default)]
pub(super) struct EarlierPlans {
    /// Of `--keep`.
    keep: Option<Plan>,
    /// Of `--start-from`.
    start_from: Option<Plan>,
}

impl EarlierPlans {
    pub(super) fn load(args: &PlanArgs) -> Result<Self, Failure> {
        let load = |path: &Option<PathBuf>| path.as_deref().map(input::load_plan).transpose();
        Ok(Self {
            keep: load(&args.keep)?,
            start_from: load(&args.start_from)?,
        })
    }
}

/// What a search found.
pub(super) struct Found {
    /// The best plan.
    pub(super) plan: Plan,
    pub(super) time: Duration,
    /// What to report if the plan is above the capacity.
    pub(super) failure: Option<Failure>,
    /// Why it is, then.
    pub(super) why: Option<Why>,
    pub(super) interrupted: bool,
    pub(super) kept: Option<Kept>,
    /// Whether the plan is for the lifetimes without parts of results.
    pub(super) is_without_parts: bool,
}

/// How many tensors of an earlier plan are still where they were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) tensors: usize,
    /// All tensors of the earlier plan.
    pub(super) of: usize,
}

impl Kept {
    fn count(earlier: &Plan, plan: &Plan) -> Self {
        let now: HashMap<&str, u64> = offsets(plan).collect();
        let stayed = offsets(earlier).filter(|(name, offset)| now.get(name) == Some(offset));
        Self {
            tensors: stayed.count(),
            of: earlier.len(),
        }
    }
}

/// Every tensor's name and offset.
fn offsets(plan: &Plan) -> impl Iterator<Item = (&str, u64)> {
    let names = plan.lifetimes().iter().map(|(_, name, _)| name);
    names.zip(plan.offsets().iter().copied())
}

/// Searches as `args` say.
pub(super) fn search(
    args: &PlanArgs,
    input: &Input,
    earlier: &EarlierPlans,
    cancel: &Cancel,
) -> Result<Found, Failure> {
    let planner = planner(args, input, earlier, cancel)?;
    let start = Instant::now();
    let message = format!("planning {} tensors", input.lifetimes.len());
    let planned = progress::with_spinner(message, || match input.without_parts() {
        Some(without) => planner.plan_lower([&input.lifetimes, without]),
        None => planner.plan(&input.lifetimes).map(|plan| (0, plan)),
    });
    let (time, interrupted) = (start.elapsed(), cancel.is_cancelled());
    let path = &args.source.input;
    let (is_without_parts, plan, failure, why) = match planned {
        Ok((position, plan)) => (position > 0, plan, None, None),
        Err(PlannerError::Capacity { capacity, best }) => {
            let failure = Failure::Capacity {
                path: path.clone(),
                reached: not_reached(capacity, &best),
                unwritten: files(args),
            };
            let message = "looking for tensors that do not fit together";
            let without = input.without_parts().filter(|of| is_for(of, &best));
            let lifetimes = without.unwrap_or(&input.lifetimes);
            let set =
                progress::with_spinner(message, || planner.infeasible_set(lifetimes, capacity));
            let set = set.map_err(|error| Failure::file(path, error))?;
            let why = Some(Why { capacity, set });
            (without.is_some(), *best, Some(failure), why)
        }
        Err(error) => return Err(Failure::file(path, error)),
    };
    let kept = earlier.keep.as_ref();
    Ok(Found {
        is_without_parts,
        kept: kept.map(|earlier| Kept::count(earlier, &plan)),
        plan,
        time,
        failure,
        why,
        interrupted,
    })
}

/// Whether in a plan the same tensors lie within others as in lifetimes.
fn is_for(lifetimes: &Lifetimes, plan: &Plan) -> bool {
    let [of, in_plan] = [lifetimes, plan.lifetimes()].map(|of| of.rows().iter());
    of.map(|row| row.within).eq(in_plan.map(|row| row.within))
}

fn planner(
    args: &PlanArgs,
    input: &Input,
    earlier: &EarlierPlans,
    cancel: &Cancel,
) -> Result<Planner, Failure> {
    let unknown = || Failure::Usage(format!("there is no strategy '{}'", args.strategy.0));
    let planner = args.search.planner(input.alignment, cancel);
    let mut planner = planner
        .strategy_named(&args.strategy.0)
        .ok_or_else(unknown)?;
    if let Some(capacity) = args.capacity {
        planner = planner.capacity(capacity);
    }
    if let Some(plan) = &earlier.keep {
        planner = planner.keep(plan);
    }
    if let Some(plan) = &earlier.start_from {
        planner = planner.start_from(plan);
    }
    Ok(planner)
}

fn not_reached(capacity: u64, best: &Plan) -> String {
    let [capacity, peak, bound] =
        [capacity, best.peak(), best.lower_bound()].map(format::thousands);
    format!(
        "no plan within {capacity} bytes was found: the best plan has a peak of {peak} bytes, \
         and no plan can be below {bound} bytes"
    )
}
