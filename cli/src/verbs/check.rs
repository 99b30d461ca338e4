//! `orionrt check`: verifies a plan file.
//!
//! Stands on [`input::load_plan`]: the library reads a plan only through `Plan::new`, code that
//! shares nothing with the strategies. Invariant: "ok" is printed only for a plan that passed.

#![forbid(unsafe_code)]

use orionrt::Plan;
use serde::Serialize;

use crate::{
    args::CheckArgs,
    failure::Failure,
    figures::{self, Limits, PlanJson},
    format::{self, Lines},
    input::{self, ModelJson},
    output,
};

#[derive(Serialize)]
struct Json<'p> {
    ok: bool,
    #[serde(flatten)]
    plan: PlanJson<'p>,
    alignment: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    capacity: Option<u64>,
    /// How many things of the model are not in the plan.
    #[serde(skip_serializing_if = "is_zero")]
    left_out: usize,
    /// The model that the plan was checked against.
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

pub(crate) fn check(args: &CheckArgs) -> Result<(), Failure> {
    let path = &args.plan;
    let (plan, facts) = input::load_plan_of_model(path)?;
    let facts = facts.as_ref();
    let limits = match &args.model {
        Some(model) => input::check_against_model(path, &plan, facts, model, &args.dims)?,
        None => facts.map_or_else(Limits::default, |facts| Limits {
            left_out: facts.left_out.len(),
            bounds: facts.bounds.len(),
        }),
    };
    let exceeded = args.capacity.filter(|capacity| plan.peak() > *capacity);
    if args.json {
        output::print_json(&Json {
            ok: exceeded.is_none(),
            plan: PlanJson::new(&plan),
            alignment: plan.alignment(),
            capacity: args.capacity,
            left_out: limits.left_out,
            model: args.model.as_ref().map(|model| model.display().to_string()),
        })?;
    } else {
        output::print(&text(args, &plan, facts, limits, exceeded.is_none()))?;
    }
    match exceeded {
        None => Ok(()),
        Some(capacity) => Err(Failure::Capacity {
            path: path.clone(),
            reached: format!(
                "the plan is valid, but its peak of {} bytes is above the capacity of {} bytes",
                format::thousands(plan.peak()),
                format::thousands(capacity)
            ),
            unwritten: Vec::new(),
        }),
    }
}

fn text(
    args: &CheckArgs,
    plan: &Plan,
    facts: Option<&ModelJson>,
    limits: Limits,
    fits: bool,
) -> String {
    let verdict = if fits { "ok" } else { "valid, but too large" };
    let tensors = figures::buffers(plan.lifetimes()) as u64;
    let verdict = match &args.model {
        Some(model) => format!("{verdict} for {}", model.display()),
        None => verdict.into(),
    };
    let mut lines = Lines::default()
        .title(format!("{}: {verdict}", args.plan.display()))
        .line("tensors", format::thousands(tensors));
    if let Some(facts) = facts {
        let operators = format::count(facts.order.len() as u64, "operator");
        let order = match facts.order_of.as_str() {
            "file" => format!("that of the model's file, {operators}"),
            "memory" => format!("one that needs less memory, {operators}"),
            given => format!("that of {given}, {operators}"),
        };
        lines = lines.line("order", order);
    }
    lines.peak(plan, limits).finish()
}
