//! `orionrt compare`: every strategy on one input, in a table.
//!
//! Stands on `Planner::strategies`. Invariant: all strategies get the same lifetimes, alignment, seed and budget, one after the
//! other, so that their times can be compared.

#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

use comfy_table::{Attribute, Cell, CellAlignment, Table, presets};
use orionrt::{Plan, Planner};
use serde::Serialize;

use crate::{
    args::CompareArgs,
    failure::Failure,
    input::{self, Input},
    output, progress, report,
};

/// What one strategy reached.
struct Entry {
    plan: Plan,
    time: Duration,
}

pub(crate) fn run(args: &CompareArgs) -> Result<(), Failure> {
    let input = input::load(&args.source)?;
    let entries = entries(args, &input)?;
    if args.json {
        output::print_json(&json(&entries, &input))
    } else {
        output::print(&text(args, &entries))
    }
}

fn entries(args: &CompareArgs, input: &Input) -> Result<Vec<Entry>, Failure> {
    let strategies = Planner::strategies();
    let each = strategies.iter().filter_map(|strategy| {
        let planner = args.search.planner(input.alignment);
        planner.strategy_named(strategy.name())
    });
    each.zip(&strategies)
        .map(|(planner, strategy)| {
            let start = Instant::now();
            let planned = progress::during(format!("planning with {}", strategy.name()), || {
                planner.plan(&input.lifetimes)
            });
            let time = start.elapsed();
            let plan = planned.map_err(|error| Failure::Planning {
                path: args.source.input.clone(),
                error: error.into(),
            })?;
            Ok(Entry { plan, time })
        })
        .collect()
}

/// The lowest peak; of equal ones the fastest.
fn best(entries: &[Entry]) -> Option<usize> {
    (0..entries.len()).min_by_key(|&i| (entries[i].plan.peak(), entries[i].time))
}

#[derive(Serialize)]
struct Json<'p> {
    buffers: usize,
    total_bytes: u64,
    lower_bound: u64,
    load: u64,
    alignment: u64,
    best: Option<&'p str>,
    strategies: Vec<StrategyJson<'p>>,
}

#[derive(Serialize)]
struct StrategyJson<'p> {
    strategy: &'p str,
    peak: u64,
    ratio: f64,
    optimal: bool,
    elapsed_ms: f64,
}

fn json<'p>(entries: &'p [Entry], input: &Input) -> Json<'p> {
    // The bound is sharpened by the alignment, which a plan knows.
    let first = entries.first().map(|entry| &entry.plan);
    Json {
        buffers: input.lifetimes.len(),
        total_bytes: input.lifetimes.total_bytes(),
        lower_bound: first.map_or(0, Plan::lower_bound),
        load: input.lifetimes.load(),
        alignment: input.alignment,
        best: best(entries).map(|i| entries[i].plan.strategy()),
        strategies: entries
            .iter()
            .map(|Entry { plan, time }| StrategyJson {
                strategy: plan.strategy(),
                peak: plan.peak(),
                ratio: plan.ratio(),
                optimal: plan.is_optimal(),
                elapsed_ms: report::milliseconds(*time),
            })
            .collect(),
    }
}

fn text(args: &CompareArgs, entries: &[Entry]) -> String {
    let best = best(entries);
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(["", "strategy", "peak", "ratio", "optimal", "time"]);
    for (i, Entry { plan, time }) in entries.iter().enumerate() {
        let is_best = best == Some(i);
        let cells = [
            if is_best {
                "best".into()
            } else {
                String::new()
            },
            plan.strategy().into(),
            report::thousands(plan.peak()),
            format!("{:.4}", plan.ratio()),
            if plan.is_optimal() { "yes" } else { "" }.into(),
            report::duration(*time),
        ];
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
    let summary = entries.first().map(|Entry { plan, .. }| {
        format!(
            "{}: {} tensors, together {}; no plan can be below {}\n",
            args.source.input.display(),
            report::thousands(plan.len() as u64),
            report::bytes(plan.lifetimes().total_bytes()),
            report::bytes(plan.lower_bound())
        )
    });
    format!("{}{table}\n", summary.unwrap_or_default())
}
