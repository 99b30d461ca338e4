//! `orionrt compare`: every strategy on one input, in a table.
//!
//! Stands on `Planner::strategies`. Invariant: all strategies get the same lifetimes, alignment, seed and budget, one after the
//! other, so that their times can be compared; one that fails has a row like any other. After a Ctrl-C no other is begun: what it could
//! reach would be no comparison.

#![forbid(unsafe_code)]

use std::{
    ops::Not,
    time::{Duration, Instant},
};

use comfy_table::{Attribute, Cell, CellAlignment, Table, presets};
use orionrt::{Lifetimes, Plan, Planner, planner::PlannerError};
use serde::Serialize;

use crate::{
    args::CompareArgs,
    failure::Failure,
    input::{self, Input},
    interrupt, output, progress, report,
};

/// What the strategies reached.
struct Comparison {
    /// Those that were begun.
    entries: Vec<Entry>,
    /// Those that were not, if there was a Ctrl-C during the last entry.
    not_begun: Option<Vec<String>>,
}

/// What one strategy reached.
struct Entry {
    strategy: String,
    planned: Result<Plan, PlannerError>,
    time: Duration,
}

impl Entry {
    fn plan(&self) -> Option<&Plan> {
        self.planned.as_ref().ok()
    }
}

impl Comparison {
    fn plans(&self) -> impl Iterator<Item = &Plan> {
        self.entries.iter().filter_map(Entry::plan)
    }

    /// The position of the lowest peak; of equal ones, the fastest.
    fn best(&self) -> Option<usize> {
        let each = self.entries.iter().enumerate();
        let reached = each.filter_map(|(i, entry)| Some((entry.plan()?.peak(), entry.time, i)));
        reached.min().map(|(_, _, i)| i)
    }

    /// The bound is sharpened by the alignment, which a plan knows.
    fn lower_bound(&self, lifetimes: &Lifetimes) -> u64 {
        let known = self.plans().next().map(Plan::lower_bound);
        known.unwrap_or_else(|| lifetimes.lower_bound())
    }
}

pub(crate) fn run(args: &CompareArgs) -> Result<(), Failure> {
    let input = input::load(&args.source)?;
    let comparison = compare(args, &input)?;
    if args.json {
        output::print_json(&json(&comparison, &input))?;
    } else {
        let name = args.source.input.display().to_string();
        output::print(&text(&name, &comparison, &input.lifetimes))?;
    }
    if comparison.plans().next().is_some() {
        return Ok(());
    }
    let first = comparison.entries.into_iter().find_map(|e| e.planned.err());
    first.map_or(Ok(()), |error| Err(planning(args, error)))
}

fn compare(args: &CompareArgs, input: &Input) -> Result<Comparison, Failure> {
    let cancel = interrupt::listen();
    let planner = args.search.planner(input.alignment, &cancel);
    let strategies = Planner::strategies();
    let mut names = strategies.iter().map(|strategy| strategy.name());
    let mut entries = Vec::new();
    for name in names.by_ref() {
        let Some(planner) = planner.clone().strategy_named(name) else {
            continue;
        };
        let start = Instant::now();
        let planned = progress::during(format!("planning with {name}"), || {
            planner.plan(&input.lifetimes)
        });
        let time = start.elapsed();
        match planned {
            Err(error) if !is_of_strategy(&error) => return Err(planning(args, error)),
            planned => entries.push(Entry {
                strategy: name.to_string(),
                planned,
                time,
            }),
        }
        if cancel.is_cancelled() {
            break;
        }
    }
    let not_begun = names.map(str::to_string);
    Ok(Comparison {
        not_begun: cancel.is_cancelled().then(|| not_begun.collect()),
        entries,
    })
}

/// Whether another strategy may fare better: what is wrong with the input is wrong for all.
fn is_of_strategy(error: &PlannerError) -> bool {
    matches!(error, PlannerError::Strategy { .. })
}

fn planning(args: &CompareArgs, error: PlannerError) -> Failure {
    Failure::Planning {
        path: args.source.input.clone(),
        error: error.into(),
    }
}

#[derive(Serialize)]
struct Json<'p> {
    buffers: usize,
    total_bytes: u64,
    lower_bound: u64,
    load: u64,
    alignment: u64,
    best: Option<&'p str>,
    #[serde(skip_serializing_if = "Not::not")]
    interrupted: bool,
    strategies: Vec<StrategyJson<'p>>,
}

#[derive(Serialize)]
struct StrategyJson<'p> {
    strategy: &'p str,
    #[serde(flatten)]
    reached: ReachedJson,
    elapsed_ms: f64,
}

#[derive(Serialize)]
#[serde(untagged)]
enum ReachedJson {
    Plan {
        peak: u64,
        ratio: f64,
        optimal: bool,
    },
    Nothing {
        error: String,
    },
}

fn json<'p>(comparison: &'p Comparison, input: &Input) -> Json<'p> {
    let entries = &comparison.entries;
    Json {
        buffers: input::roots(&input.lifetimes),
        total_bytes: input.lifetimes.total_bytes(),
        lower_bound: comparison.lower_bound(&input.lifetimes),
        load: input.lifetimes.load(),
        alignment: input.alignment,
        best: comparison.best().map(|i| &*entries[i].strategy),
        interrupted: comparison.not_begun.is_some(),
        strategies: entries.iter().map(strategy_json).collect(),
    }
}

fn strategy_json(entry: &Entry) -> StrategyJson<'_> {
    StrategyJson {
        strategy: &entry.strategy,
        reached: match &entry.planned {
            Ok(plan) => ReachedJson::Plan {
                peak: plan.peak(),
                ratio: plan.ratio(),
                optimal: plan.is_optimal(),
            },
            Err(error) => ReachedJson::Nothing {
                error: error.to_string(),
            },
        },
        elapsed_ms: report::milliseconds(entry.time),
    }
}

fn text(name: &str, comparison: &Comparison, lifetimes: &Lifetimes) -> String {
    let summary = format!(
        "{name}: {} tensors, together {}; no plan can be below {}\n",
        report::thousands(input::roots(lifetimes) as u64),
        report::bytes(lifetimes.total_bytes()),
        report::bytes(comparison.lower_bound(lifetimes))
    );
    let interrupted = interrupted(comparison).unwrap_or_default();
    format!("{summary}{}\n{interrupted}", table(comparison))
}

fn table(comparison: &Comparison) -> Table {
    let best = comparison.best();
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    let mut header = vec!["", "strategy", "peak", "ratio", "optimal", "time"];
    // There is such a column only if there is something in it.
    let has_errors = comparison.entries.iter().any(|e| e.planned.is_err());
    header.extend(has_errors.then_some("error"));
    table.set_header(header);
    for (i, entry) in comparison.entries.iter().enumerate() {
        let is_best = best == Some(i);
        let cells = cells(entry, is_best).into_iter();
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

fn cells(entry: &Entry, is_best: bool) -> Vec<String> {
    let best = if is_best { "best" } else { "" };
    let (reached, error) = match &entry.planned {
        Ok(plan) => (
            [
                report::thousands(plan.peak()),
                format!("{:.4}", plan.ratio()),
                if plan.is_optimal() { "yes" } else { "" }.into(),
            ],
            None,
        ),
        Err(error) => (<[String; 3]>::default(), Some(error.to_string())),
    };
    let named = [best.into(), entry.strategy.clone()].into_iter();
    let timed = named.chain(reached).chain([report::duration(entry.time)]);
    timed.chain(error).collect()
}

fn interrupted(comparison: &Comparison) -> Option<String> {
    let not_begun = comparison.not_begun.as_ref()?;
    let last = comparison.entries.last()?;
    let mut line = format!("interrupted: {} was ended early", last.strategy);
    if !not_begun.is_empty() {
        line += &format!("; not begun: {}", not_begun.join(", "));
    }
    Some(line + "\n")
}

#[cfg(test)]
mod tests {
    use orionrt::plan::PlanError;

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

    /// One strategy that plans, and before it one that proposes that both tensors be in one place.
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
            not_begun: None,
        }
    }

    #[test]
    fn a_strategy_that_fails_shows_why_in_its_row() {
        let text = text("in.csv", &comparison(), &lifetimes());
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
    fn a_strategy_that_fails_has_an_error_in_json_and_no_peak() {
        let comparison = comparison();
        let rows = comparison.entries.iter().map(strategy_json);
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
    fn an_interrupt_says_what_was_ended_and_what_was_not_begun() {
        let mut comparison = comparison();
        comparison.not_begun = Some(vec!["x".into(), "y".into()]);
        let text = text("in.csv", &comparison, &lifetimes());
        assert!(
            text.ends_with("\ninterrupted: good was ended early; not begun: x, y\n"),
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
