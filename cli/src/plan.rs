//! `orionrt plan`: reads, plans, writes and reports.
//!
//! Stands on [`input`](crate::input) and [`output`](crate::output). Invariant: files get their names only when all that was asked for
//! is complete, and only for a plan that keeps within the capacity.

#![forbid(unsafe_code)]

use std::{
    collections::{BTreeMap, HashMap},
    ops::Not,
    path::PathBuf,
    time::{Duration, Instant},
};

use orionrt::{
    Plan, Planner,
    planner::{Cancel, PlannerError},
};
use serde::Serialize;

use crate::{
    args::{Aliasing, PlanArgs, PlanFile, PlanForm},
    failure::Failure,
    input::{self, Gained, Input, OrderFacts, Origin},
    interrupt, output, picture, progress,
    report::{self, Lines},
    usage,
};

pub(crate) fn run(args: &PlanArgs) -> Result<(), Failure> {
    let files = files(args);
    if let [first, second] = &files[..]
        && first == second
    {
        let file = first.display();
        return Err(Failure::Usage(format!(
            "--output and --svg both name '{file}'"
        )));
    }
    files.iter().try_for_each(|file| output::check(file))?;
    let load_plan = |path: &Option<PathBuf>| path.as_deref().map(input::load_plan).transpose();
    let earlier = Earlier {
        kept: load_plan(&args.keep)?,
        start: load_plan(&args.start_from)?,
    };
    let input = input::load(&args.source)?;
    let result = search(args, &input, &earlier)?;
    if result.failure.is_none() {
        write(args, &input, &result.plan)?;
    }
    if args.json {
        output::print_json(&json(args, &input, &result))?;
    } else {
        output::print(&text(args, &input, &result))?;
    }
    result.failure.map_or(Ok(()), Err)
}

/// Plans that the user has already.
struct Earlier {
    kept: Option<Plan>,
    start: Option<Plan>,
}

/// What a search came to.
struct Found {
    /// The best plan.
    plan: Plan,
    time: Duration,
    /// What to report if the plan is not within the capacity.
    failure: Option<Failure>,
    interrupted: bool,
    kept: Option<Kept>,
}

/// How many of an earlier plan's tensors are where they were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kept {
    tensors: usize,
    of: usize,
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

/// Every tensor's name and its offset.
fn offsets(plan: &Plan) -> impl Iterator<Item = (&str, u64)> {
    let names = plan.lifetimes().iter().map(|(_, name, _)| name);
    names.zip(plan.offsets().iter().copied())
}

fn files(args: &PlanArgs) -> Vec<PathBuf> {
    let output = args.output.iter().map(|file| file.path.clone());
    output.chain(args.svg.clone()).collect()
}

fn search(args: &PlanArgs, input: &Input, earlier: &Earlier) -> Result<Found, Failure> {
    let cancel = interrupt::listen();
    let planner = planner(args, input, earlier, &cancel)?;
    let start = Instant::now();
    let message = format!("planning {} tensors", input.lifetimes.len());
    let planned = progress::during(message, || planner.plan(&input.lifetimes));
    let (time, interrupted) = (start.elapsed(), cancel.is_cancelled());
    let path = args.source.input.clone();
    let (plan, failure) = match planned {
        Ok(plan) => (plan, None),
        Err(PlannerError::Capacity { capacity, best }) => {
            let failure = Failure::Capacity {
                path,
                reached: not_reached(capacity, &best),
                unwritten: files(args),
            };
            (*best, Some(failure))
        }
        Err(error) => {
            let error = error.into();
            return Err(Failure::Planning { path, error });
        }
    };
    let kept = earlier.kept.as_ref();
    Ok(Found {
        kept: kept.map(|earlier| Kept::count(earlier, &plan)),
        plan,
        time,
        failure,
        interrupted,
    })
}

fn planner(
    args: &PlanArgs,
    input: &Input,
    earlier: &Earlier,
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
    if let Some(plan) = &earlier.kept {
        planner = planner.keep(plan);
    }
    if let Some(plan) = &earlier.start {
        planner = planner.start_from(plan);
    }
    Ok(planner)
}

fn not_reached(capacity: u64, best: &Plan) -> String {
    let [capacity, peak, bound] =
        [capacity, best.peak(), best.lower_bound()].map(report::thousands);
    format!(
        "no plan within {capacity} bytes was found: the best one reached {peak} bytes, and no plan can be below {bound}"
    )
}

/// All files are complete before the first gets its name.
fn write(args: &PlanArgs, input: &Input, plan: &Plan) -> Result<(), Failure> {
    let mut staged = Vec::new();
    if let Some(PlanFile { path, form }) = &args.output {
        staged.push(output::stage(path, |file| match (form, &input.origin) {
            (PlanForm::Json, _) => plan.write_json(file),
            (PlanForm::Csv, Origin::Csv(text)) => plan.write_csv_like(&text[..], file),
            (PlanForm::Csv, Origin::Onnx(_)) => plan.write_csv(file),
        })?);
    }
    if let Some(path) = &args.svg {
        let name = args.source.input.file_name().unwrap_or_default();
        let name = name.to_string_lossy();
        staged.push(output::stage(path, |file| {
            picture::write(&name, plan, file)
        })?);
    }
    staged.into_iter().try_for_each(output::Staged::commit)
}

#[derive(Serialize)]
struct Json<'p> {
    buffers: usize,
    total_bytes: u64,
    lower_bound: u64,
    load: u64,
    peak: u64,
    ratio: f64,
    optimal: bool,
    strategy: &'p str,
    elapsed_ms: f64,
    alignment: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    capacity: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kept: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kept_of: Option<usize>,
    #[serde(skip_serializing_if = "Not::not")]
    interrupted: bool,
    load_ms: f64,
    load_peak_rss_bytes: Option<u64>,
    #[serde(flatten)]
    onnx: Option<OnnxJson<'p>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<usage::Json<'p>>,
}

#[derive(Serialize)]
struct OnnxJson<'p> {
    nodes: usize,
    weights_bytes: u64,
    assumed: &'p BTreeMap<String, usize>,
    #[serde(flatten)]
    order: Option<OrderJson<'p>>,
    aliasing: &'static str,
    #[serde(flatten)]
    gained: Option<GainedJson>,
}

#[derive(Serialize)]
struct GainedJson {
    load_without_aliasing: u64,
    aliased: usize,
}

#[derive(Serialize)]
struct OrderJson<'p> {
    load_before: u64,
    load_after: u64,
    order_optimal: bool,
    /// The operators in the order that the plan is for.
    order: &'p [String],
}

fn json<'p>(args: &PlanArgs, input: &'p Input, found: &'p Found) -> Json<'p> {
    let plan = &found.plan;
    Json {
        buffers: input::roots(plan.lifetimes()),
        total_bytes: plan.lifetimes().total_bytes(),
        lower_bound: plan.lower_bound(),
        load: plan.load(),
        peak: plan.peak(),
        ratio: plan.ratio(),
        optimal: plan.is_optimal(),
        strategy: plan.strategy(),
        elapsed_ms: report::milliseconds(found.time),
        alignment: input.alignment,
        capacity: args.capacity,
        kept: found.kept.map(|kept| kept.tensors),
        kept_of: found.kept.map(|kept| kept.of),
        interrupted: found.interrupted,
        load_ms: report::milliseconds(input.load_time),
        load_peak_rss_bytes: input.peak_rss_bytes,
        onnx: match &input.origin {
            Origin::Csv(_) => None,
            Origin::Onnx(facts) => Some(OnnxJson {
                nodes: facts.nodes,
                weights_bytes: facts.weights_bytes,
                assumed: &facts.assumed,
                order: facts.order.as_ref().map(|order| OrderJson {
                    load_before: order.load_before,
                    load_after: order.load_after,
                    order_optimal: order.is_optimal,
                    order: &order.operators,
                }),
                aliasing: facts.aliasing.name(),
                gained: facts.gained.as_ref().map(|gained| GainedJson {
                    load_without_aliasing: gained.load_without,
                    aliased: gained.aliased,
                }),
            }),
        },
        report: args.report.then(|| usage::json(plan)),
    }
}

fn text(args: &PlanArgs, input: &Input, found: &Found) -> String {
    let plan = &found.plan;
    let total = plan.lifetimes().total_bytes();
    let mut lines = Lines::default().title(args.source.input.display().to_string());
    if let Origin::Onnx(facts) = &input.origin {
        lines = lines.line(
            "model",
            format!(
                "{} operators of {} nodes; weights {}, not planned",
                report::thousands(facts.operators as u64),
                report::thousands(facts.nodes as u64),
                report::bytes(facts.weights_bytes)
            ),
        );
        for (name, size) in &facts.assumed {
            let flag = format!("{name} = {size} (change it with --dim {name}=N)");
            lines = lines.line("assumed", flag);
        }
        if let Some(order) = &facts.order {
            lines = lines.line("order", order_line(order));
        }
        if let Some(gained) = &facts.gained {
            let line = aliasing_line(facts.aliasing, gained, plan.load());
            lines = lines.line("aliasing", line);
        }
    }
    let tensors = report::thousands(input::roots(plan.lifetimes()) as u64);
    lines = lines
        .line(
            "tensors",
            format!("{tensors}, together {}", report::bytes(total)),
        )
        .line("lower bound", report::bytes(plan.lower_bound()))
        .line("peak", report::bytes(plan.peak()))
        .line(
            "ratio",
            format!("{:.4}, {}", plan.ratio(), report::verdict(plan)),
        )
        .line(
            "strategy",
            format!(
                "{}, alignment {}, seed {}",
                plan.strategy(),
                input.alignment,
                args.search.seed
            ),
        )
        .line("planned in", report::duration(found.time))
        .line("loaded in", loaded(input));
    if let (Some(kept), Some(path)) = (found.kept, &args.keep) {
        let [tensors, of] = [kept.tensors, kept.of].map(|count| report::thousands(count as u64));
        let kept = format!("{tensors} of {of} tensors of {}", path.display());
        lines = lines.line("kept", kept);
    }
    if found.interrupted {
        lines = lines.line("interrupted", "the best plan that was found until then");
    }
    let written = found.failure.is_none();
    for file in files(args).iter().filter(|_| written) {
        lines = lines.line("written", file.display().to_string());
    }
    let report = args.report.then(|| usage::text(plan));
    lines.finish() + &report.unwrap_or_default()
}

fn order_line(order: &OrderFacts) -> String {
    let [before, after] = [order.load_before, order.load_after].map(report::bytes);
    let verdict = match (order.load_after < order.load_before, order.is_optimal) {
        (false, true) => return format!("the model's: none has less alive at once than {before}"),
        (false, false) => return format!("the model's: none was found with less than {before}"),
        (true, true) => "; none has less",
        (true, false) => "",
    };
    format!("another, printed by --json: {after} alive at once instead of {before}{verdict}")
}

fn aliasing_line(aliasing: Aliasing, gained: &Gained, load: u64) -> String {
    let (name, tensors) = (aliasing.name(), report::thousands(gained.aliased as u64));
    let lie = if gained.aliased == 1 {
        "tensor lies"
    } else {
        "tensors lie"
    };
    let alive = if load == gained.load_without {
        format!("no less alive at once: {}", report::bytes(load))
    } else {
        let [load, without] = [load, gained.load_without].map(report::bytes);
        format!("{load} alive at once instead of {without}")
    };
    format!("{name}: {tensors} {lie} within others (told by .json files alone); {alive}")
}

/// Reading the file is told apart from planning.
fn loaded(input: &Input) -> String {
    let time = report::duration(input.load_time);
    match input.peak_rss_bytes {
        Some(bytes) => format!(
            "{time}, with a peak of {} resident",
            report::short_bytes(bytes)
        ),
        None => time,
    }
}
