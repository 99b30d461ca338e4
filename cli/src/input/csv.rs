//! A file of lifetimes: CSV, or idealloc's `.plc`.
//!
//! Stands on the library's forms. Invariant: options that CSV cannot follow are refused.

#![forbid(unsafe_code)]

use std::path::Path;

use orionrt::{
    Lifetimes,
    files::{CsvWarning, read_csv_column},
};

use super::{
    loaded::Origin,
    options::{refuse_device, refuse_model_options},
    read::{Source, has_extension},
    streams::Streams,
};
use crate::{args::SourceArgs, failure::Failure, format, output};

/// The most columns of which a warning tells by name.
const MOST_WARNINGS: usize = 20;

/// The column that a page shows, and nothing else takes into account.
const STREAM: &str = "stream";

/// Loads a file of lifetimes.
pub(super) fn load(args: &SourceArgs, source: &Source) -> Result<(Lifetimes, Origin), Failure> {
    refuse_model_options(args, "CSV")?;
    refuse_device(args)?;
    let text = source.bytes()?;
    let failed = |error| Failure::file(&args.input, error);
    if has_extension(&args.input, "plc") {
        let lifetimes = Lifetimes::read_plc(&text[..]).map_err(failed)?;
        return Ok((lifetimes, Origin::Rows));
    }
    let (lifetimes, warnings) = Lifetimes::read_csv_with_warnings(&text[..]).map_err(failed)?;
    let is_shown = |warning: &CsvWarning| {
        args.model.has_page
            && matches!(warning, CsvWarning::UnknownColumn { column, .. } if column == STREAM)
    };
    let warnings: Vec<CsvWarning> = warnings.into_iter().filter(|one| !is_shown(one)).collect();
    warn(&args.input, &warnings);
    Ok((lifetimes, Origin::Csv(text)))
}

/// The streams of the tensors, if the file says them.
pub(super) fn streams(args: &SourceArgs, text: &[u8]) -> Result<Option<Streams>, Failure> {
    let column = read_csv_column(text, STREAM);
    let column = column.map_err(|error| Failure::file(&args.input, error))?;
    Ok(column.and_then(|column| Streams::of_column(&column)))
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
