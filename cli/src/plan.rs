//! `orionrt plan`: reads, plans, writes and reports.
//!
//! Stands on [`input`](crate::input) and [`output`](crate::output). Invariant: files get their names only when all that was asked for
//! is complete, and only for a plan that keeps within the capacity.

#![forbid(unsafe_code)]

use std::{
    collections::BTreeMap,
    path::PathBuf,
    time::{Duration, Instant},
};

use orionrt::{Plan, PlannerError};
use serde::Serialize;

use crate::{
    args::{PlanArgs, PlanFile, PlanForm},
    failure::Failure,
    input::{self, Input, Origin},
    output, picture, progress,
    report::{self, Lines},
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
    let input = input::load(&args.source)?;
    let (plan, planning_time, failure) = search(args, &input)?;
    if failure.is_none() {
        write(args, &input, &plan)?;
    }
    if args.json {
        output::print_json(&json(args, &input, &plan, planning_time))?;
    } else {
        output::print(&text(args, &input, &plan, planning_time, failure.is_none()))?;
    }
    failure.map_or(Ok(()), Err)
}

fn files(args: &PlanArgs) -> Vec<PathBuf> {
    let output = args.output.iter().map(|file| file.path.clone());
    output.chain(args.svg.clone()).collect()
}

/// The best plan, the time it took, and the failure to report if it is not within the capacity.
fn search(args: &PlanArgs, input: &Input) -> Result<(Plan, Duration, Option<Failure>), Failure> {
    let path = &args.source.input;
    let unknown = || Failure::Usage(format!("there is no strategy '{}'", args.strategy.0));
    let planner = args.search.planner(input.alignment);
    let mut planner = planner
        .strategy_named(&args.strategy.0)
        .ok_or_else(unknown)?;
    if let Some(capacity) = args.capacity {
        planner = planner.capacity(capacity);
    }
    let start = Instant::now();
    let message = format!("planning {} tensors", input.lifetimes.len());
    let planned = progress::during(message, || planner.plan(&input.lifetimes));
    let time = start.elapsed();
    match planned {
        Ok(plan) => Ok((plan, time, None)),
        Err(PlannerError::Capacity { capacity, best }) => {
            let failure = Failure::Capacity {
                path: path.clone(),
                reached: not_reached(capacity, &best),
                unwritten: files(args),
            };
            Ok((*best, time, Some(failure)))
        }
        Err(error) => Err(Failure::Planning {
            path: path.clone(),
            error: error.into(),
        }),
    }
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
    load_ms: f64,
    load_peak_rss_bytes: Option<u64>,
    #[serde(flatten)]
    onnx: Option<OnnxJson<'p>>,
}

#[derive(Serialize)]
struct OnnxJson<'p> {
    nodes: usize,
    weights_bytes: u64,
    assumed: &'p BTreeMap<String, usize>,
}

fn json<'p>(args: &PlanArgs, input: &'p Input, plan: &'p Plan, time: Duration) -> Json<'p> {
    Json {
        buffers: plan.len(),
        total_bytes: plan.lifetimes().total_bytes(),
        lower_bound: plan.lower_bound(),
        load: plan.load(),
        peak: plan.peak(),
        ratio: plan.ratio(),
        optimal: plan.is_optimal(),
        strategy: plan.strategy(),
        elapsed_ms: report::milliseconds(time),
        alignment: input.alignment,
        capacity: args.capacity,
        load_ms: report::milliseconds(input.load_time),
        load_peak_rss_bytes: input.peak_rss_bytes,
        onnx: match &input.origin {
            Origin::Csv(_) => None,
            Origin::Onnx(facts) => Some(OnnxJson {
                nodes: facts.nodes,
                weights_bytes: facts.weights_bytes,
                assumed: &facts.assumed,
            }),
        },
    }
}

fn text(args: &PlanArgs, input: &Input, plan: &Plan, time: Duration, written: bool) -> String {
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
    }
    let tensors = report::thousands(plan.len() as u64);
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
        .line("planned in", report::duration(time))
        .line("loaded in", loaded(input));
    for file in files(args).iter().filter(|_| written) {
        lines = lines.line("written", file.display().to_string());
    }
    lines.finish()
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
