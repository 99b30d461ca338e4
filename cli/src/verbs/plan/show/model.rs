//! The facts about a model beside its plan, as JSON and as lines of text.
//!
//! Stands on the facts that a loader has. Invariant: what is not planned is said.

#![forbid(unsafe_code)]

use orionrt::Plan;
use orionrt_models::{Format, LeftOut};
use serde::Serialize;

use crate::{
    args::{Aliasing, Order},
    escape::printable,
    format::{self, Lines},
    input::{AliasingFacts, ModelFacts, ModelJson, OwnPlan, reason},
    parts::{self, PartsJson},
};

/// Why parts are not kept.
const RAISED: &str = "they would raise the peak";

/// How many of the things that are left out are listed for people.
const LISTED: usize = 5;

#[derive(Serialize)]
pub(super) struct ModelFactsJson {
    format: &'static str,
    nodes: usize,
    weights_bytes: u64,
    computed_constants: usize,
    computed_constants_bytes: u64,
    #[serde(flatten)]
    facts: ModelJson,
    #[serde(flatten)]
    reordered: Option<OrderJson>,
    #[serde(flatten)]
    aliased: Option<AliasedJson>,
    #[serde(flatten)]
    parts: Option<PartsJson>,
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

pub(super) fn model_json(model: &ModelFacts) -> ModelFactsJson {
    ModelFactsJson {
        format: format_name(model.format),
        nodes: model.nodes,
        weights_bytes: model.weights_bytes,
        computed_constants: model.computed_constants.0,
        computed_constants_bytes: model.computed_constants.1,
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
        parts: model.parts.as_ref().map(PartsJson::new),
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

pub(super) fn model_lines(mut lines: Lines, model: &ModelFacts, plan: &Plan) -> Lines {
    let operators = format::count(model.operators.len() as u64, "operator");
    let nodes = format::count(model.nodes as u64, "node");
    let weights = weights(model);
    lines = lines.line(
        "model",
        format!("{operators} from {nodes}; {weights}, not planned"),
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
    if let Some(parts) = &model.parts {
        lines = lines.line("parts", parts::line(parts, RAISED));
    }
    if !model.donated.is_empty() {
        let line = format!(
            "{}: results may be written over them",
            listed(&model.donated)
        );
        lines = lines.line("donated", line);
    }
    if !model.same.is_empty() {
        let line = format!("{}: outputs in the bytes of inputs", listed(&model.same));
        lines = lines.line("same", line);
    }
    if let Some(own) = &model.own_plan {
        lines = lines.line("own plan", own_plan_line(own));
    }
    lines
}

/// `3.41 KiB of weights and 12 tensors computed from constants, 4.71 MiB`
fn weights(model: &ModelFacts) -> String {
    let weights = format::bytes(model.weights_bytes);
    match model.computed_constants {
        (0, _) => format!("{weights} of weights"),
        (count, bytes) => {
            let tensors = format::count(count as u64, "tensor");
            let bytes = format::bytes(bytes);
            format!("{weights} of weights and {tensors} computed from constants, {bytes}")
        }
    }
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

/// `x, mask and 3 more`
fn listed(names: &[String]) -> String {
    let first: Vec<_> = names
        .iter()
        .take(LISTED)
        .map(|name| printable(name))
        .collect();
    let more = names.len().saturating_sub(LISTED);
    match more {
        0 => first.join(", "),
        _ => format!(
            "{} and {} more",
            first.join(", "),
            format::thousands(more as u64)
        ),
    }
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
