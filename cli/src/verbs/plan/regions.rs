//! A plan in several regions of limited size (`--max-region`).
//!
//! Stands on the library's plans in regions. Invariant: the file is complete before it gets its
//! name, and the result is printed only then. With parts of results, the tensors are planned with
//! and without them, and the plan with fewer or smaller regions is kept.

#![forbid(unsafe_code)]

use std::{
    ops::Not,
    time::{Duration, Instant},
};

use orionrt::{
    planner::Cancel,
    regions::{RegionError, RegionPlan},
};
use serde::Serialize;

use crate::{
    args::{PlanArgs, PlanFormat},
    failure::Failure,
    figures,
    format::{self, Lines},
    input::{Input, Origin},
    output,
    parts::{self, KeptPartsJson},
    progress,
    staging::stage,
};

/// How many regions are listed for people.
const LISTED: usize = 24;

/// Why parts of results are not kept.
const NEED_MORE: &str = "they would need more or larger regions";

/// Plans in regions of at most `limit` bytes.
pub(super) fn plan(
    args: &PlanArgs,
    input: &mut Input,
    limit: u64,
    cancel: &Cancel,
) -> Result<(), Failure> {
    let output = args.output.as_ref();
    if let Some(file) = output.filter(|file| file.format == PlanFormat::Tflite) {
        let file = file.path.display();
        return Err(Failure::Usage(format!(
            "--output '{file}' is for the plan of one region, expected .csv or .json with \
             --max-region"
        )));
    }
    let planner = args.search.planner(input.alignment, cancel);
    let start = Instant::now();
    let message = format!("planning {} tensors", input.lifetimes.len());
    let plan_of = |lifetimes| {
        progress::with_spinner(message.clone(), || planner.plan_regions(lifetimes, limit))
    };
    let mut plan = plan_of(&input.lifetimes);
    if let Some(second) = input.without_parts().map(plan_of)
        && needs_less(&second, &plan)
    {
        plan = second;
        input.leave_parts_out();
    }
    let plan = plan.map_err(|error| Failure::file(&args.source.input, error))?;
    let time = start.elapsed();
    if let Some(device) = &input.planned_for {
        device.check_regions(&plan)?;
    }
    write(args, input, &plan)?;
    match args.json {
        true => output::print_json(&json(input, &plan, time, cancel)),
        false => output::print(&text(args, input, &plan, time, cancel)),
    }
}

/// Whether one plan has fewer regions than another, or as many that are smaller together.
fn needs_less(
    one: &Result<RegionPlan, RegionError>,
    other: &Result<RegionPlan, RegionError>,
) -> bool {
    let needed = |plan: &RegionPlan| (plan.sizes().len(), plan.total_bytes());
    match (one, other) {
        (Ok(one), Ok(other)) => needed(one) < needed(other),
        (one, other) => one.is_ok() && other.is_err(),
    }
}

fn write(args: &PlanArgs, input: &Input, plan: &RegionPlan) -> Result<(), Failure> {
    let Some(file) = &args.output else {
        return Ok(());
    };
    let staged = stage(&file.path, |output| match (file.format, &input.origin) {
        (PlanFormat::Csv, Origin::Csv(table)) => {
            let regions = plan.regions().iter();
            let regions: Vec<String> = regions.map(u32::to_string).collect();
            table.write_with_column("region", &regions, plan.offsets(), output)
        }
        (PlanFormat::Csv, _) => plan.write_csv(output),
        _ => plan.write_json(output),
    });
    staged?.commit()
}

#[derive(Serialize)]
struct Json<'p> {
    buffers: usize,
    total_bytes: u64,
    load: u64,
    max_region: u64,
    /// The size of each region.
    regions: &'p [u64],
    regions_lower_bound: usize,
    optimal: bool,
    elapsed_ms: f64,
    alignment: u64,
    #[serde(skip_serializing_if = "Not::not")]
    interrupted: bool,
    left_out: usize,
    #[serde(flatten)]
    parts: Option<KeptPartsJson>,
    load_ms: f64,
    load_peak_rss_bytes: Option<u64>,
}

fn json<'p>(input: &Input, plan: &'p RegionPlan, time: Duration, cancel: &Cancel) -> Json<'p> {
    let lifetimes = plan.lifetimes();
    Json {
        buffers: figures::buffers(lifetimes),
        total_bytes: lifetimes.total_bytes(),
        load: lifetimes.load(),
        max_region: plan.limit(),
        regions: plan.sizes(),
        regions_lower_bound: plan.lower_bound(),
        optimal: plan.is_optimal(),
        elapsed_ms: format::milliseconds(time),
        alignment: input.alignment,
        interrupted: cancel.is_cancelled(),
        left_out: input.limits().left_out,
        parts: KeptPartsJson::of(input),
        load_ms: format::milliseconds(input.load_time),
        load_peak_rss_bytes: input.peak_rss_bytes,
    }
}

fn text(
    args: &PlanArgs,
    input: &Input,
    plan: &RegionPlan,
    time: Duration,
    cancel: &Cancel,
) -> String {
    let tensors = format::thousands(figures::buffers(plan.lifetimes()) as u64);
    let total = format::bytes(plan.lifetimes().total_bytes());
    let mut lines = Lines::default()
        .title(args.source.input.display().to_string())
        .line("tensors", format!("{tensors}, {total} in total"))
        .line("load", format::bytes(plan.lifetimes().load()))
        .line("regions", count(plan))
        .line(
            "",
            format!("{} together", format::bytes(plan.total_bytes())),
        );
    for (region, &size) in plan.sizes().iter().take(LISTED).enumerate() {
        lines = lines.line(&format!("region {region}"), format::bytes(size));
    }
    let more = plan.sizes().len().saturating_sub(LISTED);
    if more > 0 {
        let more = format::thousands(more as u64);
        lines = lines.line("", format!("and {more} more (--json lists all)"));
    }
    if let Some(facts) = parts::facts(input) {
        lines = lines.line("parts", parts::line(facts, NEED_MORE));
    }
    lines = lines
        .line("planned in", format::duration(time))
        .line("loaded in", format::duration(input.load_time));
    if input.limits().left_out > 0 {
        let count = format::thousands(input.limits().left_out as u64);
        lines = lines.line("left out", format!("{count} of what the model has"));
    }
    if cancel.is_cancelled() {
        lines = lines.line("interrupted", "this is the best plan found until then");
    }
    if let Some(file) = &args.output {
        lines = lines.line("written", file.path.display().to_string());
    }
    lines.finish()
}

/// `3 of at most 4.00 MiB; optimal: no plan has fewer`
fn count(plan: &RegionPlan) -> String {
    let regions = format::thousands(plan.sizes().len() as u64);
    let limit = format::bytes(plan.limit());
    let verdict = match plan.is_optimal() {
        true => "optimal: no plan has fewer".into(),
        false => format!("every plan has at least {}", plan.lower_bound()),
    };
    format!("{regions} of at most {limit}; {verdict}")
}
