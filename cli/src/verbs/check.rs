//! `orionrt check`: verifies a plan file, and against its model.
//!
//! Stands on [`input::load_plans`]: the library reads a plan only through `Plan::new`, code that
//! shares nothing with the strategies. Invariant: "ok" is printed only for a plan that passed; what
//! was verified and what was not stands beside it.

#![forbid(unsafe_code)]

use orionrt::Plan;
use serde::Serialize;

use super::{
    check_devices::check_devices,
    check_recording::check_recording,
    check_regions::check_regions,
    check_scope::{Scope, fits, scope, verdict},
};
use crate::{
    args::{Aliasing, CheckArgs, ModelArgs, Order, Unknown},
    failure::Failure,
    figures::{self, Limits, PlanJson},
    format::{self, Lines},
    input::{self, ModelGraph, ModelJson, OfRecording, Plans, Verified},
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
    if input::is_process(&args.plan)? {
        return check_recording(args);
    }
    let path = &args.plan;
    let (plan, facts) = match input::load_plans(path)? {
        Plans::One(plan, facts) => (*plan, facts),
        Plans::OfDevices(plans) => return check_devices(args, &plans),
        Plans::InRegions(plan) => return check_regions(args, &plan),
    };
    let facts = facts.as_ref();
    let verified = against_model(args, &plan, facts)?;
    let of_recording = against_recording(args, &plan)?;
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
    let scope = match &of_recording {
        Some(of) => Scope::of_recording(of),
        None => scope(verified.as_ref()),
    };
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

/// Checks a plan against the model of the arguments; `None` if there is none.
fn against_model(
    args: &CheckArgs,
    plan: &Plan,
    facts: Option<&ModelJson>,
) -> Result<Option<Verified>, Failure> {
    let Some(model) = &args.model else {
        return Ok(None);
    };
    if input::is_process(model)? {
        return Ok(None);
    }
    let how = ModelArgs {
        keeps_graph: args.html.is_some(),
        has_page: args.html.is_some(),
        ..args.how.clone()
    };
    input::check_against_model(&args.plan, plan, facts, model, &how).map(Some)
}

/// Checks a plan against the recording of the arguments; `None` if there is none.
fn against_recording(args: &CheckArgs, plan: &Plan) -> Result<Option<OfRecording>, Failure> {
    let Some(recording) = &args.model else {
        return Ok(None);
    };
    if !input::is_process(recording)? {
        return Ok(None);
    }
    if let Some(option) = option_of_model(&args.how) {
        return Err(Failure::Usage(format!(
            "{option} says how to read a model, and '{}' is a recording of a process",
            recording.display()
        )));
    }
    input::check_against_recording(&args.plan, plan, recording).map(Some)
}

/// An option that says how to read a model.
pub(super) fn option_of_model(how: &ModelArgs) -> Option<&'static str> {
    let options = [
        (!how.dims.is_empty(), "--dim"),
        (!how.inputs.is_empty(), "--input"),
        (how.unknown != Unknown::Refuse, "--unknown"),
        (how.order != Order::File, "--order"),
        (how.aliasing != Aliasing::Off, "--aliasing"),
        (!how.donated.is_empty(), "--donate"),
        (!how.same.is_empty(), "--same"),
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
    let given = || graph.is_some().then(|| Execution::given(&args.how));
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
