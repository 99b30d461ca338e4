//! The curve as text, as JSON, and as points to draw.
//!
//! Stands on `json`, `quantities`, `head`, `left_out` and `text`. Invariant: each limit that is
//! reported is a point of the curve.

#![forbid(unsafe_code)]

use comfy_table::{Cell, CellAlignment, Table, presets};
use orionrt::fit::Fitted;
use serde::Serialize;

use super::{
    head::head,
    json::{AskedJson, FittedJson},
    left_out::left_out,
    quantities::{percent, seconds, share},
    text::nothing_below,
};
use crate::{
    format,
    verbs::fit::{
        asked::Asked,
        curve::{Curve, LIMITS, Point},
        curve_picture::Drawn,
        files::files,
        smallest::NONE_KNOWN,
    },
};

/// The curve for people.
pub(crate) fn curve_text(asked: &Asked<'_>, curve: &Curve) -> String {
    let mut lines = left_out(head(asked), asked);
    for (at, limit) in LIMITS.into_iter().enumerate() {
        let label = if at == 0 { "added time" } else { "" };
        lines = lines.line(label, sentence(asked, curve, limit));
    }
    let smallest = match curve.points.last() {
        Some(point) => format!(
            "{}, {} of the peak",
            format::bytes(point.capacity),
            share(point.capacity, asked.before.peak())
        ),
        None => format!("none is known: {NONE_KNOWN}"),
    };
    lines = lines.line("smallest", smallest);
    if let Some(below) = nothing_below(curve.proven) {
        lines = lines.line("", below);
    }
    if asked.cancel.is_cancelled() {
        lines = lines.line("interrupted", "these are the points found until then");
    }
    if curve.points.is_empty() {
        return lines.finish();
    }
    for file in files(asked.args) {
        lines = lines.line("written", file.display().to_string());
    }
    format!("{}{}\n", lines.finish(), table(asked, curve))
}

/// `at most 5 %: 3.20 MiB, 62.1 % of the peak`
fn sentence(asked: &Asked<'_>, curve: &Curve, limit: f64) -> String {
    match curve.within(asked, limit) {
        Some(point) => format!(
            "at most {limit} %: down to {}, {} of the peak",
            format::bytes(point.capacity),
            share(point.capacity, asked.before.peak())
        ),
        None => format!("at most {limit} %: no capacity that was tried"),
    }
}

fn table(asked: &Asked<'_>, curve: &Curve) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header([
        "capacity",
        "of the peak",
        "added time",
        "percent",
        "what is done",
    ]);
    let right = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
    for point in &curve.points {
        let added = point.fitted.cost().seconds();
        table.add_row([
            right(format::short_bytes(point.capacity)),
            right(share(point.capacity, asked.before.peak())),
            right(seconds(added)),
            right(percent(asked.percent(added))),
            Cell::new(done(&point.fitted)),
        ]);
    }
    table
}

/// `1.20 MiB spilled, 2.40 MiB fetched, 3 reruns`
fn done(fitted: &Fitted) -> String {
    let cost = fitted.cost();
    let kinds = [
        ("spilled", cost.written_bytes),
        ("fetched", cost.read_bytes),
        ("compressed", cost.compressed_bytes),
        ("expanded", cost.expanded_bytes),
    ];
    let moved = kinds.into_iter().filter(|(_, bytes)| *bytes > 0);
    let moved = moved.map(|(kind, bytes)| format!("{} {kind}", format::short_bytes(bytes)));
    let mut parts: Vec<String> = moved.collect();
    if cost.reruns > 0 {
        parts.push(format::count(cost.reruns as u64, "rerun"));
    }
    match parts.is_empty() {
        true => "nothing".into(),
        false => parts.join(", "),
    }
}

#[derive(Serialize)]
struct CurveJson {
    points: Vec<PointJson>,
    limits: Vec<LimitJson>,
    /// No smaller capacity works, for what was tried.
    needed: u64,
    #[serde(flatten)]
    asked: AskedJson,
}

#[derive(Serialize)]
struct PointJson {
    capacity: u64,
    peak_percent: f64,
    #[serde(flatten)]
    fitted: FittedJson,
}

/// The smallest capacity for so much added time.
#[derive(Serialize)]
struct LimitJson {
    added_percent: f64,
    capacity: Option<u64>,
    peak_percent: Option<f64>,
}

/// The curve as one JSON object.
pub(crate) fn curve_json(asked: &Asked<'_>, curve: &Curve) -> impl Serialize + use<> {
    let peak = asked.before.peak().max(1) as f64;
    let of_peak = |point: &Point| 100.0 * point.capacity as f64 / peak;
    let points = curve.points.iter().map(|point| PointJson {
        capacity: point.capacity,
        peak_percent: of_peak(point),
        fitted: FittedJson::new(asked, &point.fitted),
    });
    let limits = LIMITS.into_iter().map(|limit| {
        let point = curve.within(asked, limit);
        LimitJson {
            added_percent: limit,
            capacity: point.map(|point| point.capacity),
            peak_percent: point.map(of_peak),
        }
    });
    CurveJson {
        points: points.collect(),
        limits: limits.collect(),
        needed: curve.proven,
        asked: AskedJson::new(asked),
    }
}

/// The points to draw.
pub(crate) fn drawn(asked: &Asked<'_>, curve: &Curve) -> Vec<Drawn> {
    let points = curve.points.iter();
    let point = |point: &Point| {
        let added = point.fitted.cost().seconds();
        let done = done(&point.fitted);
        Drawn {
            capacity: point.capacity,
            percent: asked.percent(added),
            tip: format!(
                "{} added, {}\n{done}",
                seconds(added),
                percent(asked.percent(added))
            ),
        }
    };
    points.map(point).collect()
}
