//! The result of `orionrt plan`: JSON for programs, lines for people.
//!
//! Stands on [`figures`](crate::figures) and [`usage`](super::usage). Invariant: reading the file
//! and planning are timed apart.

#![forbid(unsafe_code)]

use std::{collections::BTreeMap, ops::Not};

use orionrt::Plan;
use serde::Serialize;

use super::{files::files, search::Found, usage};
use crate::{
    args::{Aliasing, PlanArgs},
    figures::{self, PlanJson},
    format::{self, Lines},
    input::{AliasingFacts, Input, ModelFacts, OrderFacts, Origin},
};

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
    model: Option<ModelJson<'p>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<usage::Json<'p>>,
}

#[derive(Serialize)]
struct ModelJson<'p> {
    nodes: usize,
    weights_bytes: u64,
    assumed: &'p BTreeMap<String, usize>,
    #[serde(flatten)]
    order: Option<OrderJson<'p>>,
    aliasing: &'static str,
    #[serde(flatten)]
    aliased: Option<AliasedJson>,
}

#[derive(Serialize)]
struct AliasedJson {
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
            Origin::Csv(_) => None,
            Origin::Onnx(model) => Some(model_json(model)),
        },
        report: args.report.then(|| usage::json(plan)),
    }
}

fn model_json(model: &ModelFacts) -> ModelJson<'_> {
    ModelJson {
        nodes: model.nodes,
        weights_bytes: model.weights_bytes,
        assumed: &model.assumed,
        order: model.order.as_ref().map(|order| OrderJson {
            load_before: order.load_before,
            load_after: order.load_after,
            order_optimal: order.is_optimal,
            order: &order.operators,
        }),
        aliasing: model.aliasing.name(),
        aliased: model.aliased.as_ref().map(|aliased| AliasedJson {
            load_without_aliasing: aliased.load_without,
            aliased: aliased.tensors,
        }),
    }
}

pub(super) fn text(args: &PlanArgs, input: &Input, found: &Found) -> String {
    let plan = &found.plan;
    let mut lines = Lines::default().title(args.source.input.display().to_string());
    if let Origin::Onnx(model) = &input.origin {
        lines = model_lines(lines, model, plan);
    }
    let tensors = format::thousands(figures::buffers(plan.lifetimes()) as u64);
    let total = format::bytes(plan.lifetimes().total_bytes());
    let (alignment, seed) = (input.alignment, args.search.seed);
    lines = lines
        .line("tensors", format!("{tensors}, {total} in total"))
        .peak(plan)
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
    let [operators, nodes] = [model.operators, model.nodes].map(|n| format::thousands(n as u64));
    let weights = format::bytes(model.weights_bytes);
    lines = lines.line(
        "model",
        format!("{operators} operators from {nodes} nodes; {weights} of weights, not planned"),
    );
    for (name, size) in &model.assumed {
        lines = lines.assumed(name, *size);
    }
    if let Some(order) = &model.order {
        lines = lines.line("order", order_line(order));
    }
    if let Some(aliased) = &model.aliased {
        let line = aliasing_line(model.aliasing, aliased, plan.load());
        lines = lines.line("aliasing", line);
    }
    lines
}

fn order_line(order: &OrderFacts) -> String {
    let [before, after] = [order.load_before, order.load_after].map(format::bytes);
    let verdict = match (order.load_after < order.load_before, order.is_optimal) {
        (false, true) => return format!("kept the model's order (optimal: peak load {before})"),
        (false, false) => {
            return format!("kept the model's order (no better one found: peak load {before})");
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
    format!("{name}: {tensors} {verb} within others (only .json files say where); {peak}")
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
