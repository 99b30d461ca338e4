//! The verb `compare`.
//!
//! Stands on `Planner::strategies`. Invariant: all strategies get the same lifetimes, alignment,
//! seed and budget, one after the other, so that their times can be compared. With parts of
//! results, the lifetimes are those with which the default strategy has the lower peak. After
//! Ctrl-C no further strategy is started: without its budget it could not be compared.

#![forbid(unsafe_code)]

use std::time::Instant;

use orionrt::{
    Planner,
    planner::{Cancel, PlannerError},
};

use super::{
    comparison::{Comparison, Entry},
    page::{self, check_page, page_role},
    show::{device_text, json, parts_text, text},
};
use crate::{
    args::CompareArgs,
    failure::Failure,
    input::{self, Input},
    interrupt, output, progress,
    target::check_files,
};

pub(crate) fn compare(args: &CompareArgs) -> Result<(), Failure> {
    check_page(args)?;
    let mut source = args.source.clone();
    source.model.has_page = args.html.is_some();
    source.model.keeps_graph = args.html.is_some();
    let mut input = input::load(&source)?;
    check_files(&page_role(args), &input.weight_roles())?;
    let cancel = interrupt::cancel_on_ctrl_c();
    let planner = args.search.planner(input.alignment, &cancel);
    choose_parts(args, &mut input, &planner)?;
    let comparison = run_strategies(args, &input, &planner, &cancel)?;
    if let Some(best) = comparison.best_plan() {
        input.check_device(best)?;
    }
    let page = page::write(args, &input, &comparison)?;
    if args.json {
        output::print_json(&json(&comparison, &input))?;
    } else {
        let name = args.source.input.display().to_string();
        let lines = page.map_or(String::new(), |path| {
            format!("written: {}\n", path.display())
        });
        let text = text(&name, &comparison, &input.lifetimes, input.limits());
        output::print(&(text + &parts_text(&input) + &device_text(&input) + &lines))?;
    }
    if comparison.plans().next().is_some() {
        return Ok(());
    }
    let first = comparison.entries.into_iter().find_map(|e| e.planned.err());
    first.map_or(Ok(()), |error| {
        Err(Failure::file(&args.source.input, error))
    })
}

/// Leaves parts of results out where a plan without them has a lower peak.
fn choose_parts(args: &CompareArgs, input: &mut Input, planner: &Planner) -> Result<(), Failure> {
    let Some(without) = input.without_parts() else {
        return Ok(());
    };
    let planned = progress::with_spinner("planning with parts of results", || {
        planner.plan_lower([&input.lifetimes, without])
    });
    let (position, _) = planned.map_err(|error| Failure::file(&args.source.input, error))?;
    if position > 0 {
        input.leave_parts_out();
    }
    Ok(())
}

fn run_strategies(
    args: &CompareArgs,
    input: &Input,
    planner: &Planner,
    cancel: &Cancel,
) -> Result<Comparison, Failure> {
    let strategies = Planner::strategies();
    let mut names = strategies.iter().map(|strategy| strategy.name());
    let mut entries = Vec::new();
    for name in names.by_ref() {
        let Some(planner) = planner.clone().strategy_named(name) else {
            continue;
        };
        let start = Instant::now();
        let planned = progress::with_spinner(format!("planning with {name}"), || {
            planner.plan(&input.lifetimes)
        });
        let time = start.elapsed();
        match planned {
            Err(error) if !is_of_strategy(&error) => {
                return Err(Failure::file(&args.source.input, error));
            }
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
    let not_started = names.map(str::to_string);
    Ok(Comparison {
        not_started: cancel.is_cancelled().then(|| not_started.collect()),
        entries,
    })
}

/// Whether the strategy failed rather than the input, which fails with every strategy.
fn is_of_strategy(error: &PlannerError) -> bool {
    matches!(error, PlannerError::Strategy { .. })
}
