//! `orionrt check`: verifies a plan in a file.
//!
//! Stands on [`input::load_plan`]: the library reads a plan only through `Plan::new`, code that shares nothing with the strategies.
//! Invariant: "ok" is said only of a plan that passed it.

#![forbid(unsafe_code)]

use orionrt::Plan;
use serde::Serialize;

use crate::{
    args::CheckArgs,
    failure::Failure,
    input, output,
    report::{self, Lines},
};

#[derive(Serialize)]
struct Json<'p> {
    ok: bool,
    buffers: usize,
    total_bytes: u64,
    lower_bound: u64,
    load: u64,
    peak: u64,
    ratio: f64,
    optimal: bool,
    strategy: &'p str,
    alignment: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    capacity: Option<u64>,
}

pub(crate) fn run(args: &CheckArgs) -> Result<(), Failure> {
    let path = &args.plan;
    let plan = input::load_plan(path)?;
    let too_large = args.capacity.filter(|capacity| plan.peak() > *capacity);
    if args.json {
        output::print_json(&json(args, &plan, too_large.is_none()))?;
    } else {
        output::print(&report(args, &plan, too_large.is_none()))?;
    }
    match too_large {
        None => Ok(()),
        Some(capacity) => Err(Failure::Capacity {
            path: path.clone(),
            reached: format!(
                "the plan is valid, but its peak is {} bytes, above the capacity of {}",
                report::thousands(plan.peak()),
                report::thousands(capacity)
            ),
            unwritten: Vec::new(),
        }),
    }
}

fn json<'p>(args: &CheckArgs, plan: &'p Plan, ok: bool) -> Json<'p> {
    Json {
        ok,
        buffers: input::roots(plan.lifetimes()),
        total_bytes: plan.lifetimes().total_bytes(),
        lower_bound: plan.lower_bound(),
        load: plan.load(),
        peak: plan.peak(),
        ratio: plan.ratio(),
        optimal: plan.is_optimal(),
        strategy: plan.strategy(),
        alignment: plan.alignment(),
        capacity: args.capacity,
    }
}

fn report(args: &CheckArgs, plan: &Plan, ok: bool) -> String {
    let verdict = if ok { "ok" } else { "valid, but too large" };
    Lines::default()
        .title(format!("{}: {verdict}", args.plan.display()))
        .line(
            "tensors",
            report::thousands(input::roots(plan.lifetimes()) as u64),
        )
        .line("lower bound", report::bytes(plan.lower_bound()))
        .line("peak", report::bytes(plan.peak()))
        .line(
            "ratio",
            format!("{:.4}, {}", plan.ratio(), report::verdict(plan)),
        )
        .finish()
}
