//! The result of `orionrt share`: JSON for programs, lines with bars for people.
//!
//! Stands on [`format`](crate::format).

#![forbid(unsafe_code)]

use std::{collections::BTreeMap, fmt::Write, ops::Not};

use orionrt::{
    Plan,
    models::{ModelTensor, SharingOpportunity},
};
use serde::Serialize;

use super::{files::Files, models::Model, search::SharedSearch};
use crate::{
    args::{ScheduleArg, ShareArgs},
    device_memory::PlannedDevice,
    escape::{dim_option, printable},
    figures::{self, Limits},
    format::{self, Lines},
    input::{ModelFacts, Origin},
    parts::{self, KeptPartsJson},
};

/// Why a model is without parts of results.
const RAISED: &str = "they would raise the arena";

/// The letters of the longest bar.
const BAR: usize = 40;

#[derive(Serialize)]
pub(super) struct Json<'m> {
    models: Vec<ModelJson<'m>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    planned_for: Option<String>,
    shared_peak: u64,
    lower_bound: u64,
    optimal: bool,
    isolated_sum: u64,
    saved_bytes: u64,
    strategy: &'m str,
    /// Pairs of tensors of different models that share bytes in this plan.
    shared_pairs: u64,
    /// Pairs that could share bytes in some plan.
    opportunities: u64,
    /// Whether there may be more of them, and better ones than `best`.
    #[serde(skip_serializing_if = "Not::not")]
    opportunities_at_least: bool,
    best: Vec<BestJson<'m>>,
    elapsed_ms: f64,
    #[serde(skip_serializing_if = "Not::not")]
    interrupted: bool,
}

#[derive(Serialize)]
struct ModelJson<'m> {
    name: &'m str,
    file: String,
    tensors: usize,
    total_bytes: u64,
    alignment: u64,
    isolated_peak: u64,
    isolated_lower_bound: u64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    assumed: BTreeMap<&'m str, u64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    bounds: BTreeMap<&'m str, u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    left_out: Vec<&'m str>,
    #[serde(flatten)]
    parts: Option<KeptPartsJson>,
}

#[derive(Serialize)]
struct BestJson<'m> {
    tensor: TensorJson<'m>,
    partner: TensorJson<'m>,
    bytes: u64,
}

#[derive(Serialize)]
struct TensorJson<'m> {
    model: &'m str,
    id: &'m str,
    size: u64,
}

pub(super) fn json<'m>(models: &'m [Model], found: &'m SharedSearch) -> Json<'m> {
    let shared = &found.shared;
    let best = found.summary.best.iter();
    Json {
        models: each(models, found).map(model_json).collect(),
        planned_for: device(models).map(|device| device.name.to_string()),
        shared_peak: shared.plan().peak(),
        lower_bound: shared.plan().lower_bound(),
        optimal: shared.plan().is_optimal(),
        isolated_sum: shared.isolated_sum(),
        saved_bytes: shared.saved_bytes(),
        strategy: shared.plan().strategy(),
        shared_pairs: shared.shared_pairs(),
        opportunities: found.summary.pairs,
        opportunities_at_least: !found.summary.is_complete,
        best: best.filter_map(|best| best_json(models, best)).collect(),
        elapsed_ms: format::milliseconds(found.time),
        interrupted: found.interrupted,
    }
}

/// Each model with its plan if it were alone.
fn each<'m>(
    models: &'m [Model],
    found: &'m SharedSearch,
) -> impl Iterator<Item = (&'m Model, &'m Plan)> {
    let plans = found.shared.models();
    let plans = plans.filter_map(|(model, _)| found.shared.isolated(model));
    models.iter().zip(plans)
}

fn model_json<'m>((model, alone): (&'m Model, &Plan)) -> ModelJson<'m> {
    ModelJson {
        name: &model.name,
        file: model.path.display().to_string(),
        tensors: alone.len(),
        total_bytes: alone.lifetimes().total_bytes(),
        alignment: model.input.alignment,
        isolated_peak: alone.peak(),
        isolated_lower_bound: alone.lower_bound(),
        assumed: sizes(facts(model).map(|(_, facts)| &facts.assumed)),
        bounds: sizes(facts(model).map(|(_, facts)| &facts.bounds)),
        left_out: facts(model).map_or_else(Vec::new, |(_, facts)| {
            facts.left_out.iter().map(|one| one.name.as_str()).collect()
        }),
        parts: KeptPartsJson::of(&model.input),
    }
}

fn sizes(named: Option<&BTreeMap<String, u64>>) -> BTreeMap<&str, u64> {
    let each = named.into_iter().flatten();
    each.map(|(name, size)| (name.as_str(), *size)).collect()
}

fn best_json<'m>(
    models: &'m [Model],
    (tensor, best): &(ModelTensor, SharingOpportunity),
) -> Option<BestJson<'m>> {
    let json = |tensor: ModelTensor| {
        let model = models.get(tensor.model.index())?;
        let lifetimes = &model.input.lifetimes;
        Some(TensorJson {
            model: &model.name,
            id: lifetimes.name(tensor.tensor)?,
            size: lifetimes.get(tensor.tensor)?.size,
        })
    };
    Some(BestJson {
        tensor: json(*tensor)?,
        partner: json(best.partner_of(*tensor)?)?,
        bytes: best.bytes,
    })
}

pub(super) fn text(
    args: &ShareArgs,
    models: &[Model],
    found: &SharedSearch,
    files: &Files,
) -> String {
    let shared = &found.shared;
    let schedule = match &args.schedule {
        ScheduleArg::OneAtATime => "one at a time".into(),
        ScheduleArg::Any => "any of them at once".into(),
        ScheduleArg::File(path) => format!("scheduled by {}", path.display()),
    };
    let title = format!(
        "{} in one arena, {schedule}",
        format::count(models.len() as u64, "model")
    );
    let saved = match shared.isolated_sum() {
        0 => "nothing".into(),
        sum => {
            let percent = 100.0 * shared.saved_bytes() as f64 / sum as f64;
            format!("{}, {percent:.1} %", format::bytes(shared.saved_bytes()))
        }
    };
    let verdict = figures::verdict(shared.plan(), limits(models));
    let at_least = match found.summary.is_complete {
        true => "",
        false => "at least ",
    };
    let pairs = format!(
        "{} from different models share bytes, of {at_least}{} that could",
        format::count(shared.shared_pairs(), "pair"),
        format::thousands(found.summary.pairs)
    );
    let mut lines = Lines::default()
        .title(title)
        .block(&bars(models, found))
        .line("arena", format::bytes(shared.plan().peak()))
        .line(
            "lower bound",
            format!("{}; {verdict}", format::bytes(shared.plan().lower_bound())),
        )
        .line("saved", saved)
        .line("tensors", pairs)
        .line("planned in", format::duration(found.time));
    if let Some(device) = device(models) {
        lines = lines.line("device", device.to_string());
    }
    for Model { name, input, .. } in models {
        if let Some(facts) = parts::facts(input) {
            let line = format!("{name}: {}", parts::line(facts, RAISED));
            lines = lines.line("parts", line);
        }
    }
    for (model, facts) in models.iter().filter_map(facts) {
        for (dim, size) in &facts.assumed {
            let option = dim_option(&format!("{model}:{dim}"));
            let assumed = format!("{model}: {dim} = {size} (change it with {option})");
            lines = lines.line("assumed", assumed);
        }
        for (dim, bound) in &facts.bounds {
            lines = lines.line("bounded", format!("{model}: {dim} is at most {bound}"));
        }
        if !facts.left_out.is_empty() {
            let count = format::thousands(facts.left_out.len() as u64);
            let hint = format!("{model}: {count} (orionrt plan lists them)");
            lines = lines.line("left out", hint);
        }
    }
    if found.interrupted {
        lines = lines.line("interrupted", "this is the best plan found until then");
    }
    let files = files.each.iter().chain(&files.shared).chain(&files.page);
    for file in files {
        lines = lines.line("written", file.display().to_string());
    }
    lines.finish()
}

/// The device that the plan is for: that of all models that are planned for one.
pub(super) fn device(models: &[Model]) -> Option<&PlannedDevice> {
    let mut devices = models.iter().map(|model| model.input.planned_for.as_ref());
    devices.find_map(|device| device)
}

/// The facts about a model that is read from a model file.
fn facts(model: &Model) -> Option<(&str, &ModelFacts)> {
    match &model.input.origin {
        Origin::Model(facts) => Some((&model.name, facts)),
        _ => None,
    }
}

/// What limits a claim about the plan of all models.
fn limits(models: &[Model]) -> Limits {
    let each = models.iter().map(|model| model.input.limits());
    each.fold(Limits::default(), |sum, limits| Limits {
        left_out: sum.left_out + limits.left_out,
        bounds: sum.bounds + limits.bounds,
    })
}

/// A bar for each model alone, for all of them in separate arenas, and for the one arena.
fn bars(models: &[Model], found: &SharedSearch) -> String {
    let shared = &found.shared;
    let alone = each(models, found).map(|(model, alone)| {
        let tensors = format::thousands(alone.len() as u64);
        (printable(&model.name), tensors, alone.peak())
    });
    let all = [
        ("separately".into(), String::new(), shared.isolated_sum()),
        ("in one arena".into(), String::new(), shared.plan().peak()),
    ];
    let rows: Vec<_> = alone.chain(all).collect();
    let names = rows.iter().map(|(name, ..)| name.chars().count());
    let width = names.max().unwrap_or(0);
    let full = shared.isolated_sum();
    let mut text = format!("  {:<width$} {:>8}\n", "", "tensors");
    for (name, tensors, bytes) in rows {
        let (bar, bytes) = (format::bar(bytes, full, BAR), format::short_bytes(bytes));
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "  {name:<width$} {tensors:>8}  {bar:<BAR$}  {bytes:>8}"
        );
    }
    text
}
