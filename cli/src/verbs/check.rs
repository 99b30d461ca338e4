//! `orionrt check`: verifies a plan file, and against its model.
//!
//! Stands on [`input::load_plans`]: the library reads a plan only through `Plan::new`, code that
//! shares nothing with the strategies. Invariant: "ok" is printed only for a plan that passed; what
//! was verified and what was not stands beside it.

#![forbid(unsafe_code)]

use orionrt::Plan;
use serde::Serialize;

use super::check_devices::check_devices;
use crate::{
    args::{Aliasing, CheckArgs, ModelArgs, Order, Unknown},
    failure::Failure,
    figures::{self, Limits, PlanJson},
    format::{self, Lines},
    input::{self, ModelGraph, ModelJson, Plans, Verified},
    output,
    page::{self, Execution, Page, PageMap},
    staging::stage,
    target::{Role, check_files},
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
    #[serde(flatten)]
    scope: Scope,
}

/// The plan of a model in its own metadata.
#[derive(Serialize)]
struct OwnJson {
    ok: bool,
    peak: u64,
    placed: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    capacity: Option<u64>,
    #[serde(flatten)]
    scope: Scope,
}

/// What was verified, and what was not, in words.
#[derive(Serialize)]
struct Scope {
    verified: Vec<String>,
    not_verified: Vec<String>,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

pub(crate) fn check(args: &CheckArgs) -> Result<(), Failure> {
    if args.model.is_none()
        && let Some(option) = option_of_model(&args.how)
    {
        return Err(Failure::Usage(format!(
            "{option} says how to read a model, and there is none: expected --model MODEL, too"
        )));
    }
    check_page(args)?;
    if input::holds_own_plan(&args.plan)? {
        if args.html.is_some() {
            let path = args.plan.display();
            return Err(Failure::Usage(format!(
                "--html draws plans in files of their own, and '{path}' is a model: expected \
                 'orionrt plan {path} --html FILE'"
            )));
        }
        return check_own_plan(args);
    }
    let path = &args.plan;
    let (plan, facts) = match input::load_plans(path)? {
        Plans::One(plan, facts) => (*plan, facts),
        Plans::OfDevices(plans) => return check_devices(args, &plans),
    };
    let facts = facts.as_ref();
    let verified = match &args.model {
        Some(model) => {
            let how = ModelArgs {
                keeps_graph: args.html.is_some(),
                has_page: args.html.is_some(),
                ..args.how.clone()
            };
            let verified = input::check_against_model(path, &plan, facts, model, &how)?;
            Some(verified)
        }
        None => None,
    };
    let limits = match &verified {
        Some(verified) => verified.limits,
        None => facts.map_or_else(Limits::default, |facts| Limits {
            left_out: facts.left_out.len(),
            bounds: facts.bounds.len(),
        }),
    };
    // What is known of the model is stronger than what the file says.
    let checked = verified.as_ref().map_or(&plan, |of| &of.plan);
    let exceeded = args.capacity.filter(|capacity| checked.peak() > *capacity);
    let scope = scope(verified.as_ref());
    let graph = verified.as_ref().and_then(|of| of.graph.as_ref());
    write_page(args, checked, facts, graph, &scope)?;
    if args.json {
        output::print_json(&Json {
            ok: exceeded.is_none(),
            plan: PlanJson::new(checked).made_by(plan.strategy()),
            alignment: plan.alignment(),
            capacity: args.capacity,
            left_out: limits.left_out,
            model: args.model.as_ref().map(|model| model.display().to_string()),
            scope,
        })?;
    } else {
        let text = text(args, checked, facts, limits, exceeded.is_none());
        output::print(&text.scope(&scope).finish())?;
    }
    fits(args, checked.peak())
}

/// An option that says how to read a model.
pub(super) fn option_of_model(how: &ModelArgs) -> Option<&'static str> {
    let options = [
        (!how.dims.is_empty(), "--dim"),
        (!how.inputs.is_empty(), "--input"),
        (how.unknown != Unknown::Refuse, "--unknown"),
        (how.order != Order::File, "--order"),
        (how.aliasing != Aliasing::Off, "--aliasing"),
    ];
    let given = options.into_iter().find(|(is_given, _)| *is_given);
    given.map(|(_, option)| option)
}

/// Fails if the page can never be written, or would replace what is read.
fn check_page(args: &CheckArgs) -> Result<(), Failure> {
    let page: Vec<Role> = args.html.iter().map(|path| ("--html", &**path)).collect();
    let mut inputs: Vec<Role> = vec![("the plan", &args.plan)];
    inputs.extend(args.model.iter().map(|path| ("the model", &**path)));
    check_files(&page, &inputs)
}

/// Writes the page, if one was asked for.
fn write_page(
    args: &CheckArgs,
    plan: &Plan,
    facts: Option<&ModelJson>,
    graph: Option<&ModelGraph>,
    scope: &Scope,
) -> Result<(), Failure> {
    let Some(path) = &args.html else {
        return Ok(());
    };
    let given = || args.model.is_some().then(|| Execution::given(&args.how));
    let not_verified = scope.not_verified.iter();
    let page = Page {
        kind: "check",
        title: &args.plan.file_name().unwrap_or_default().to_string_lossy(),
        notes: not_verified
            .map(|what| format!("not verified: {what}"))
            .collect(),
        maps: vec![PageMap {
            capacity: args.capacity,
            model: graph,
            execution: facts.map(Execution::of_file).or_else(given),
            ..PageMap::new("", plan)
        }],
    };
    stage(path, |file| page::write(&page, file))?.commit()
}

/// Checks the plan in a model's own metadata.
fn check_own_plan(args: &CheckArgs) -> Result<(), Failure> {
    let path = &args.plan;
    if let Some(model) = &args.model {
        return Err(Failure::Usage(format!(
            "--model {}: '{}' is a model itself, whose own plan is checked",
            model.display(),
            path.display()
        )));
    }
    let own = input::check_own_plan(path)?;
    let placed = format::count(own.placed as u64, "tensor");
    let mut not_verified = vec!["whether the runtime needs more alignment".to_string()];
    if own.left_to_runtime > 0 {
        let left = format::count(own.left_to_runtime as u64, "tensor");
        not_verified.insert(0, format!("{left} that the runtime places"));
    }
    let scope = Scope {
        verified: vec![
            format!("no two of {placed} share a byte while both are alive, in the model's order"),
            "offsets are aligned as their elements need it".into(),
        ],
        not_verified,
    };
    let exceeded = args.capacity.filter(|capacity| own.peak > *capacity);
    if args.json {
        output::print_json(&OwnJson {
            ok: exceeded.is_none(),
            peak: own.peak,
            placed: own.placed,
            capacity: args.capacity,
            scope,
        })?;
    } else {
        let verdict = verdict(exceeded.is_none());
        let lines = Lines::default()
            .title(format!("{}: {verdict}", path.display()))
            .line("tensors", format::thousands(own.placed as u64))
            .line("peak", format::bytes(own.peak));
        output::print(&lines.scope(&scope).finish())?;
    }
    fits(args, own.peak)
}

/// What was verified of a plan, and what was not.
fn scope(verified: Option<&Verified>) -> Scope {
    let Some(of) = verified else {
        return Scope {
            verified: vec![
                "no two live tensors share a byte".into(),
                "offsets are aligned".into(),
            ],
            not_verified: vec![
                "whether names, sizes and lifetimes are those of a model (--model MODEL)".into(),
            ],
        };
    };
    let alignment = format::count(of.alignment, "byte");
    let mut checked = vec![
        format!(
            "all {} with names, sizes and lifetimes in the order of {}",
            format::count(of.tensors as u64, "tensor"),
            format::count(of.operators as u64, "operator")
        ),
        format!("offsets are multiples of {alignment}; no two live tensors share a byte"),
    ];
    if of.within > 0 {
        let within = format::count(of.within as u64, "tensor");
        checked.push(format!("{within} within others, as the model allows"));
    }
    let mut not_verified = Vec::new();
    if of.limits.left_out > 0 {
        let left_out = format::thousands(of.limits.left_out as u64);
        not_verified.push(format!("{left_out} left out of the plan"));
    }
    if of.limits.bounds > 0 {
        let bounds = format::count(of.limits.bounds as u64, "size");
        not_verified.push(format!("that data keep to {bounds} given as bounds"));
    }
    not_verified.push("that the executor keeps to order and aliasing".into());
    Scope {
        verified: checked,
        not_verified,
    }
}

impl Lines {
    /// The lines about what was verified and what was not.
    fn scope(self, scope: &Scope) -> Self {
        self.line("verified", scope.verified.join("; "))
            .line("not verified", scope.not_verified.join("; "))
    }
}

/// An error if a peak is above the capacity.
fn fits(args: &CheckArgs, peak: u64) -> Result<(), Failure> {
    match args.capacity.filter(|capacity| peak > *capacity) {
        None => Ok(()),
        Some(capacity) => Err(Failure::Capacity {
            path: args.plan.clone(),
            reached: format!(
                "the plan is valid, but its peak of {} bytes is above the capacity of {} bytes",
                format::thousands(peak),
                format::thousands(capacity)
            ),
            unwritten: Vec::new(),
        }),
    }
}

fn verdict(fits: bool) -> &'static str {
    if fits { "ok" } else { "valid, but too large" }
}

fn text(
    args: &CheckArgs,
    plan: &Plan,
    facts: Option<&ModelJson>,
    limits: Limits,
    fits: bool,
) -> Lines {
    let verdict = verdict(fits);
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
    lines.peak(plan, limits)
}
