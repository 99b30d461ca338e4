//! A file of lifetimes: CSV, or idealloc's `.plc`.
//!
//! Stands on the library's forms. Invariant: options that only a model can follow are refused.

#![forbid(unsafe_code)]

use std::path::Path;

use orionrt::{Lifetimes, files::CsvWarning};

use super::{
    loaded::Origin,
    read::{Source, has_extension},
};
use crate::{
    args::{Aliasing, Order, SourceArgs, Unknown},
    failure::Failure,
    format, output,
};

/// The most columns of which a warning tells by name.
const MOST_WARNINGS: usize = 20;

/// Loads a file of lifetimes.
pub(super) fn load(args: &SourceArgs, source: &Source) -> Result<(Lifetimes, Origin), Failure> {
    check_options(args)?;
    let text = source.bytes()?;
    let failed = |error| Failure::file(&args.input, error);
    if has_extension(&args.input, "plc") {
        let lifetimes = Lifetimes::read_plc(&text[..]).map_err(failed)?;
        return Ok((lifetimes, Origin::Rows));
    }
    let (lifetimes, warnings) = Lifetimes::read_csv_with_warnings(&text[..]).map_err(failed)?;
    warn(&args.input, &warnings);
    Ok((lifetimes, Origin::Csv(text)))
}

/// Shows the first warnings about columns, how many more there are, and all other warnings.
fn warn(path: &Path, warnings: &[CsvWarning]) {
    let is_of_column = |warning: &&CsvWarning| matches!(warning, CsvWarning::UnknownColumn { .. });
    let columns = warnings.iter().filter(is_of_column);
    for warning in columns.clone().take(MOST_WARNINGS) {
        output::warn(path, warning);
    }
    let more = columns.count().saturating_sub(MOST_WARNINGS);
    if more > 0 {
        let more = format::count(more as u64, "other column");
        output::warn(path, &format!("so it is with {more}"));
    }
    for warning in warnings.iter().filter(|warning| !is_of_column(warning)) {
        output::warn(path, warning);
    }
}

fn check_options(args: &SourceArgs) -> Result<(), Failure> {
    let path = args.input.display();
    let model = &args.model;
    let refused = |option: String, lacks: &str| {
        Failure::Usage(format!(
            "{option} is for models: '{path}' is read as CSV, which has no {lacks}"
        ))
    };
    if let Some(dim) = model.dims.first() {
        return Err(refused(format!("--dim {dim}"), "dimensions"));
    }
    if let Some(input) = model.inputs.first() {
        return Err(refused(format!("--input {}", input.name), "inputs"));
    }
    if model.order != Order::File {
        return Err(refused(
            format!("--order {}", model.order.name()),
            "operators",
        ));
    }
    if model.aliasing != Aliasing::Off {
        return Err(refused(
            format!("--aliasing {}", model.aliasing.name()),
            "operators",
        ));
    }
    if model.unknown != Unknown::Refuse {
        return Err(refused("--unknown skip".into(), "unknown sizes"));
    }
    Ok(())
}
