//! A comparison as text for people and as one JSON object.
//!
//! Stands on `comparison`. Invariant: a strategy that fails has a row like any other.

#![forbid(unsafe_code)]

use std::ops::Not;

use comfy_table::{Attribute, Cell, CellAlignment, Table, presets};
use orionrt::Lifetimes;
use serde::Serialize;

use super::comparison::{Comparison, Entry};
use crate::{
    escape::printable,
    figures::{self, LifetimesJson, Limits, PeakJson},
    format,
    input::Input,
    parts::{self, KeptPartsJson},
};

/// Why parts of results are not kept.
const RAISED: &str = "they would raise the peak";

#[derive(Serialize)]
pub(super) struct Json<'p> {
    #[serde(flatten)]
    lifetimes: LifetimesJson,
    alignment: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    planned_for: Option<String>,
    #[serde(flatten)]
    parts: Option<KeptPartsJson>,
    best: Option<&'p str>,
    #[serde(skip_serializing_if = "Not::not")]
    interrupted: bool,
    strategies: Vec<StrategyJson<'p>>,
}

#[derive(Serialize)]
struct StrategyJson<'p> {
    strategy: &'p str,
    #[serde(flatten)]
    outcome: OutcomeJson,
    elapsed_ms: f64,
}

#[derive(Serialize)]
#[serde(untagged)]
enum OutcomeJson {
    Plan(PeakJson),
    Failed { error: String },
}

pub(super) fn json<'p>(comparison: &'p Comparison, input: &Input) -> Json<'p> {
    let entries = &comparison.entries;
    Json {
        lifetimes: LifetimesJson::new(&input.lifetimes, comparison.lower_bound(&input.lifetimes)),
        alignment: input.alignment,
        planned_for: input
            .planned_for
            .as_ref()
            .map(|device| device.name.to_string()),
        parts: KeptPartsJson::of(input),
        best: comparison.best().map(|i| &*entries[i].strategy),
        interrupted: comparison.not_started.is_some(),
        strategies: entries
            .iter()
            .map(|entry| strategy_json(entry, comparison.lower_bound(&input.lifetimes)))
            .collect(),
    }
}

fn strategy_json(entry: &Entry, lower_bound: u64) -> StrategyJson<'_> {
    StrategyJson {
        strategy: &entry.strategy,
        outcome: match &entry.planned {
            Ok(plan) => OutcomeJson::Plan(PeakJson::beside(plan, lower_bound)),
            Err(error) => OutcomeJson::Failed {
                error: error.to_string(),
            },
        },
        elapsed_ms: format::milliseconds(entry.time),
    }
}

pub(super) fn text(
    name: &str,
    comparison: &Comparison,
    lifetimes: &Lifetimes,
    limits: Limits,
) -> String {
    let left_out = match limits.left_out {
        0 => String::new(),
        count => format!("; {} left out", format::thousands(count as u64)),
    };
    let summary = format!(
        "{}: {} tensors, {} in total{left_out}; no plan can be below {}\n",
        printable(name),
        format::thousands(figures::buffers(lifetimes) as u64),
        format::bytes(lifetimes.total_bytes()),
        format::bytes(comparison.lower_bound(lifetimes))
    );
    let interrupted = interrupted(comparison).unwrap_or_default();
    let bound = comparison.lower_bound(lifetimes);
    format!("{summary}{}\n{interrupted}", table(comparison, bound))
}

/// What parts of results the model has, if they were asked for.
pub(super) fn parts_text(input: &Input) -> String {
    let facts = parts::facts(input);
    facts.map_or(String::new(), |facts| {
        format!("parts: {}\n", parts::line(facts, RAISED))
    })
}

/// The device that the plans are for, if one is given.
pub(super) fn device_text(input: &Input) -> String {
    let device = input.planned_for.as_ref();
    device.map_or(String::new(), |device| format!("device: {device}\n"))
}

fn table(comparison: &Comparison, lower_bound: u64) -> Table {
    let best = comparison.best();
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    let mut header = vec!["", "strategy", "peak", "ratio", "optimal", "time"];
    // The column is left out if it would be empty.
    let has_errors = comparison.entries.iter().any(|e| e.planned.is_err());
    header.extend(has_errors.then_some("error"));
    table.set_header(header);
    for (i, entry) in comparison.entries.iter().enumerate() {
        let is_best = best == Some(i);
        let cells = cells(entry, is_best, lower_bound).into_iter();
        table.add_row(cells.map(|text| {
            if is_best {
                Cell::new(text).add_attribute(Attribute::Bold)
            } else {
                Cell::new(text)
            }
        }));
    }
    for column in [2, 3, 5] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn cells(entry: &Entry, is_best: bool, lower_bound: u64) -> Vec<String> {
    let best = if is_best { "best" } else { "" };
    let (reached, error) = match &entry.planned {
        Ok(plan) => (
            [
                format::thousands(plan.peak()),
                format!("{:.4}", figures::ratio(plan, lower_bound)),
                if plan.peak() <= lower_bound {
                    "yes"
                } else {
                    ""
                }
                .into(),
            ],
            None,
        ),
        Err(error) => (
            <[String; 3]>::default(),
            Some(printable(&error.to_string()).into()),
        ),
    };
    let named = [best.into(), entry.strategy.clone()].into_iter();
    let timed = named.chain(reached).chain([format::duration(entry.time)]);
    timed.chain(error).collect()
}

fn interrupted(comparison: &Comparison) -> Option<String> {
    let not_started = comparison.not_started.as_ref()?;
    let last = comparison.entries.last()?;
    let mut line = format!("interrupted: {} was ended early", last.strategy);
    if !not_started.is_empty() {
        line += &format!("; not started: {}", not_started.join(", "));
    }
    Some(line + "\n")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use orionrt::{Plan, plan::PlanError, planner::PlannerError};

    use super::*;

    fn lifetimes() -> Lifetimes {
        Lifetimes::from_rows([("a", 0, 2, 8, 1), ("b", 1, 3, 8, 1)]).unwrap()
    }

    fn entry(strategy: &str, planned: Result<Plan, PlannerError>) -> Entry {
        Entry {
            strategy: strategy.into(),
            planned,
            time: Duration::from_millis(2),
        }
    }

    /// A strategy that places both tensors at one offset, then one that plans.
    fn comparison() -> Comparison {
        let plan = |offsets: [u64; 2]| Plan::new(lifetimes(), offsets.into());
        let refused = |error: PlanError| PlannerError::Strategy {
            name: "bad".into(),
            error,
        };
        Comparison {
            entries: vec![
                entry("bad", plan([0, 0]).map_err(refused)),
                entry("good", plan([0, 8]).map_err(refused)),
            ],
            not_started: None,
        }
    }

    #[test]
    fn a_strategy_that_fails_shows_why_in_its_row() {
        let text = text("in.csv", &comparison(), &lifetimes(), Limits::default());
        let row = |name: &str| text.lines().find(|line| line.contains(name)).unwrap();
        assert!(row(" bad ").contains("'a' and 'b' share bytes"), "{text}");
        assert!(
            row(" good ").contains("best") && row(" good ").contains("16"),
            "{text}"
        );
        assert!(
            text.contains("error") && !text.contains("interrupted"),
            "{text}"
        );
        assert!(text.contains("no plan can be below 16 bytes"), "{text}");
    }

    #[test]
    fn a_strategy_that_fails_has_an_error_instead_of_a_peak_in_json() {
        let comparison = comparison();
        let rows = comparison
            .entries
            .iter()
            .map(|entry| strategy_json(entry, 16));
        let rows: Vec<_> = rows.map(|r| serde_json::to_value(r).unwrap()).collect();
        assert!(rows[0]["error"].as_str().unwrap().contains("share bytes"));
        assert!(rows[0].get("peak").is_none() && rows[1].get("error").is_none());
        assert_eq!(
            (&rows[0]["elapsed_ms"], &rows[1]["peak"]),
            (&2.0.into(), &16.into())
        );
        assert_eq!(comparison.best(), Some(1));
    }

    #[test]
    fn an_interrupted_comparison_names_what_was_ended_and_what_was_not_started() {
        let mut comparison = comparison();
        comparison.not_started = Some(vec!["x".into(), "y".into()]);
        let text = text("in.csv", &comparison, &lifetimes(), Limits::default());
        assert!(
            text.ends_with("\ninterrupted: good was ended early; not started: x, y\n"),
            "{text}"
        );
    }

    #[test]
    fn the_best_of_equal_peaks_is_the_fastest() {
        let mut comparison = comparison();
        let plan = || Ok(Plan::new(lifetimes(), vec![8, 0]).unwrap());
        comparison.entries.push(entry("fast", plan()));
        comparison.entries[2].time = Duration::from_millis(1);
        comparison.entries.push(entry("later", plan()));
        assert_eq!(comparison.best(), Some(2));
        comparison.entries.truncate(1);
        assert_eq!(comparison.best(), None);
    }
}
