//! The result of `orionrt plan`: JSON for programs, lines for people.
//!
//! Stands on [`figures`](crate::figures) and [`usage`](super::usage). Invariant: reading the file
//! and planning are timed apart.

#![forbid(unsafe_code)]

use std::ops::Not;

use orionrt::Plan;
use orionrt_models::{Format, LeftOut};
use serde::Serialize;

use super::{alternate, files::files, heaptrack, search::Found, snapshot, usage, xla};
use crate::{
    args::{Aliasing, Order, PlanArgs},
    figures::{self, PlanJson},
    format::{self, Lines},
    input::{
        AliasingFacts, AlternateFacts, HeaptrackFacts, Input, ModelFacts, ModelJson, Origin,
        OwnPlan, SnapshotFacts, XlaFacts, reason,
    },
};

/// How many of the things that are left out are listed for people.
const LISTED: usize = 5;

#[derive(Serialize)]
pub(super) struct Json<'p> {
    #[serde(flatten)]
    plan: PlanJson<'p>,
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
    model: Option<ModelFactsJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    snapshot: Option<&'p SnapshotFacts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    heaptrack: Option<&'p HeaptrackFacts>,
    #[cfg(target_os = "linux")]
    #[serde(skip_serializing_if = "Option::is_none")]
    recording: Option<&'p crate::input::TraceFacts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    xla: Option<&'p XlaFacts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    xla_alternate_memory: Option<&'p AlternateFacts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<usage::Json<'p>>,
}

#[derive(Serialize)]
struct ModelFactsJson {
    format: &'static str,
    nodes: usize,
    weights_bytes: u64,
    #[serde(flatten)]
    facts: ModelJson,
    #[serde(flatten)]
    reordered: Option<OrderJson>,
    #[serde(flatten)]
    aliased: Option<AliasedJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    own_plan: Option<OwnPlanJson>,
}

#[derive(Serialize)]
struct AliasedJson {
    load_without_aliasing: u64,
    aliased: usize,
}

#[derive(Serialize)]
struct OrderJson {
    load_before: u64,
    load_after: u64,
    order_optimal: bool,
}

#[derive(Serialize)]
struct OwnPlanJson {
    peak: u64,
    tensors: usize,
    valid: bool,
}

pub(super) fn json<'p>(args: &PlanArgs, input: &'p Input, found: &'p Found) -> Json<'p> {
    let plan = &found.plan;
    Json {
        plan: PlanJson::new(plan),
        elapsed_ms: format::milliseconds(found.time),
        alignment: input.alignment,
        capacity: args.capacity,
        kept: found.kept.map(|kept| kept.tensors),
        kept_of: found.kept.map(|kept| kept.of),
        interrupted: found.interrupted,
        load_ms: format::milliseconds(input.load_time),
        load_peak_rss_bytes: input.peak_rss_bytes,
        model: match &input.origin {
            Origin::Model(model) => Some(model_json(model)),
            _ => None,
        },
        snapshot: match &input.origin {
            Origin::Snapshot(facts) => Some(facts),
            _ => None,
        },
        #[cfg(target_os = "linux")]
        recording: match &input.origin {
            Origin::Trace(facts) => Some(facts),
            _ => None,
        },
        xla: match &input.origin {
            Origin::Xla(facts) => Some(facts),
            _ => None,
        },
        xla_alternate_memory: match &input.origin {
            Origin::Alternate(facts) => Some(facts),
            _ => None,
        },
        heaptrack: match &input.origin {
            Origin::Heaptrack(facts) => Some(facts),
            _ => None,
        },
        report: args.report.then(|| usage::json(plan)),
    }
}

fn model_json(model: &ModelFacts) -> ModelFactsJson {
    ModelFactsJson {
        format: format_name(model.format),
        nodes: model.nodes,
        weights_bytes: model.weights_bytes,
        facts: ModelJson::new(model),
        reordered: model.reordered.as_ref().map(|order| OrderJson {
            load_before: order.load_before,
            load_after: order.load_after,
            order_optimal: order.is_optimal,
        }),
        aliased: model.aliased.as_ref().map(|aliased| AliasedJson {
            load_without_aliasing: aliased.load_without,
            aliased: aliased.tensors,
        }),
        own_plan: model.own_plan.map(|own| OwnPlanJson {
            peak: own.peak,
            tensors: own.tensors,
            valid: own.is_valid,
        }),
    }
}

fn format_name(format: Format) -> &'static str {
    match format {
        Format::Tflite => "tflite",
        _ => "onnx",
    }
}

pub(super) fn text(args: &PlanArgs, input: &Input, found: &Found) -> String {
    let plan = &found.plan;
    let mut lines = Lines::default().title(args.source.input.display().to_string());
    match &input.origin {
        Origin::Model(model) => lines = model_lines(lines, model, plan),
        Origin::Snapshot(facts) => lines = snapshot::lines(lines, facts, plan),
        Origin::Heaptrack(facts) => lines = heaptrack::lines(lines, facts, plan),
        #[cfg(target_os = "linux")]
        Origin::Trace(facts) => lines = super::trace::lines(lines, facts),
        Origin::Xla(facts) => lines = xla::lines(lines, facts, plan),
        Origin::Alternate(facts) => lines = alternate::lines(lines, facts, plan),
        Origin::Csv(_) | Origin::Rows => {}
    }
    let tensors = format::thousands(figures::buffers(plan.lifetimes()) as u64);
    let total = format::bytes(plan.lifetimes().total_bytes());
    let (alignment, seed) = (input.alignment, args.search.seed);
    lines = lines
        .line("tensors", format!("{tensors}, {total} in total"))
        .peak(plan, input.limits())
        .line(
            "strategy",
            format!("{}, alignment {alignment}, seed {seed}", plan.strategy()),
        )
        .line("planned in", format::duration(found.time))
        .line("loaded in", loaded(input));
    if let (Some(kept), Some(path)) = (found.kept, &args.keep) {
        let [tensors, of] = [kept.tensors, kept.of].map(|count| format::thousands(count as u64));
        let kept = format!("{tensors} of {of} tensors of {}", path.display());
        lines = lines.line("kept", kept);
    }
    if found.interrupted {
        lines = lines.line("interrupted", "this is the best plan found until then");
    }
    let written = found.failure.is_none();
    for file in files(args).iter().filter(|_| written) {
        lines = lines.line("written", file.display().to_string());
    }
    let report = args.report.then(|| usage::text(plan));
    lines.finish() + &report.unwrap_or_default()
}

fn model_lines(mut lines: Lines, model: &ModelFacts, plan: &Plan) -> Lines {
    let operators = format::count(model.operators.len() as u64, "operator");
    let nodes = format::count(model.nodes as u64, "node");
    let weights = format::bytes(model.weights_bytes);
    lines = lines.line(
        "model",
        format!("{operators} from {nodes}; {weights} of weights, not planned"),
    );
    for (name, size) in &model.assumed {
        lines = lines.assumed(name, *size);
    }
    for (name, bound) in &model.bounds {
        let bound = format!("{name} is at most {bound}: sizes that follow from it are bounds");
        lines = lines.line("bounded", bound);
    }
    lines = left_out_lines(lines, &model.left_out);
    lines = lines.line("order", order_line(model, plan));
    if let Some(aliased) = &model.aliased {
        let line = aliasing_line(model.aliasing, aliased, plan.load());
        lines = lines.line("aliasing", line);
    }
    if let Some(own) = &model.own_plan {
        lines = lines.line("own plan", own_plan_line(own));
    }
    lines
}

/// What is not planned, the first of it by name.
fn left_out_lines(mut lines: Lines, left_out: &[LeftOut]) -> Lines {
    for one in left_out.iter().take(LISTED) {
        lines = lines.line("left out", format!("{}: {}", one.name, reason(&one.reason)));
    }
    let more = left_out.len().saturating_sub(LISTED);
    if more > 0 {
        let more = format!(
            "and {} more (--json lists all)",
            format::thousands(more as u64)
        );
        lines = lines.line("", more);
    }
    lines
}

fn own_plan_line(own: &OwnPlan) -> String {
    let peak = format::bytes(own.peak);
    let tensors = format::count(own.tensors as u64, "tensor");
    let verdict = if own.is_valid {
        "valid"
    } else {
        "NOT valid: tensors overlap"
    };
    format!("the file places {tensors} in {peak}; {verdict}")
}

fn order_line(model: &ModelFacts, plan: &Plan) -> String {
    let order = match (&model.order, &model.reordered) {
        (Order::File, _) => return "that of the file".into(),
        (Order::Given(path), _) => return format!("that of {}", path.display()),
        (Order::Memory, None) => return format::bytes(plan.load()),
        (Order::Memory, Some(order)) => order,
    };
    let [before, after] = [order.load_before, order.load_after].map(format::bytes);
    let verdict = match (order.load_after < order.load_before, order.is_optimal) {
        (false, true) => return format!("kept the file's order (optimal: peak load {before})"),
        (false, false) => {
            return format!("kept the file's order (no better one found: peak load {before})");
        }
        (true, true) => "; optimal",
        (true, false) => "",
    };
    format!("reordered (--json prints the order): peak load {after} instead of {before}{verdict}")
}

fn aliasing_line(aliasing: Aliasing, aliased: &AliasingFacts, load: u64) -> String {
    let (name, tensors) = (
        aliasing.name(),
        format::count(aliased.tensors as u64, "tensor"),
    );
    let verb = if aliased.tensors == 1 { "lies" } else { "lie" };
    let peak = if load == aliased.load_without {
        format!("peak load unchanged at {}", format::bytes(load))
    } else {
        let [load, without] = [load, aliased.load_without].map(format::bytes);
        format!("peak load {load} instead of {without}")
    };
    format!("{name}: {tensors} {verb} within others (CSV leaves them out); {peak}")
}

/// How long reading the file took, as opposed to planning.
fn loaded(input: &Input) -> String {
    let time = format::duration(input.load_time);
    match input.peak_rss_bytes {
        Some(bytes) => format!(
            "{time}, peak resident memory {}",
            format::short_bytes(bytes)
        ),
        None => time,
    }
}
