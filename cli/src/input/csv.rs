//! A file of lifetimes: CSV, or idealloc's `.plc`.
//!
//! Stands on the library's forms, on tables, streams and devices. Each device has a memory of its
//! own, so its rows are lifetimes for themselves. Invariant: options that CSV cannot follow are
//! refused.

#![forbid(unsafe_code)]

use std::path::Path;

use orionrt::{
    Lifetimes,
    files::{CsvTable, CsvWarning},
};

use super::{
    devices::{DEVICE, Device},
    loaded::Origin,
    options::{no_devices, refuse_model_options, unknown_device},
    read::Source,
    streams::Streams,
    table::{self, Rows},
};
use crate::{args::SourceArgs, failure::Failure, format, output};

/// The most columns of which a warning tells by name.
const MOST_WARNINGS: usize = 20;

/// The column that a page shows, and nothing else takes into account.
const STREAM: &str = "stream";

/// The column that says what a tensor is worth where there are several pools.
pub(crate) const WEIGHT: &str = "weight";

/// The lifetimes of one memory.
pub(super) struct Memory {
    /// Whose memory it is, if the file has several.
    pub(super) device: Option<Device>,
    pub(super) lifetimes: Lifetimes,
    pub(super) origin: Origin,
    /// If there are several and they are to be drawn.
    pub(super) streams: Option<Streams>,
}

/// Loads a file of lifetimes: those of all devices, or of the one that the user names.
pub(super) fn load(args: &SourceArgs, source: &Source) -> Result<Vec<Memory>, Failure> {
    refuse_model_options(args, "CSV")?;
    let failed = |error| Failure::file(&args.input, error);
    let device = args.device.as_deref();
    let refused = |known: Option<&[String]>| {
        let name = device.unwrap_or_default();
        match known {
            Some(known) => unknown_device(args, name, known.iter()),
            None => no_devices(args, name),
        }
    };
    let (table, devices) = match table::read(&args.input, source.bytes()?, device, refused)? {
        Rows::Plc(lifetimes) => {
            return Ok(vec![Memory {
                device: None,
                lifetimes,
                origin: Origin::Rows,
                streams: None,
            }]);
        }
        Rows::Table(table) => return Ok(vec![memory(args, table, None, true)?]),
        Rows::OfDevices(table, devices) => (table, devices),
    };
    let checked = devices.check();
    checked.map_err(|error| Failure::file(&args.input, error))?;
    let each = (0..devices.names.len()).map(|index| {
        let device = Device::of(&devices, &table, index);
        let of_device = devices.table(&table, index).map_err(failed)?;
        memory(args, of_device, Some(device), index == 0)
    });
    each.collect()
}

/// The lifetimes of a table. `is_first`: whether to warn of its columns.
fn memory(
    args: &SourceArgs,
    table: CsvTable,
    device: Option<Device>,
    is_first: bool,
) -> Result<Memory, Failure> {
    let failed = |error| Failure::file(&args.input, error);
    let (lifetimes, warnings) = table.lifetimes().map_err(failed)?;
    let is_told = |warning: &CsvWarning| match warning {
        CsvWarning::UnknownColumn { column, .. } => {
            let is_shown = args.model.has_page && column == STREAM;
            let is_weight = args.model.has_pools && column == WEIGHT;
            is_first && !is_shown && !is_weight && column != DEVICE
        }
        _ => true,
    };
    let warnings: Vec<CsvWarning> = warnings.into_iter().filter(is_told).collect();
    warn(&args.input, &warnings);
    let streams = match args.model.has_page {
        true => table.column(STREAM).map_err(failed)?,
        false => None,
    };
    Ok(Memory {
        device,
        lifetimes,
        streams: streams.and_then(|column| Streams::of_column(&column)),
        origin: Origin::Csv(table),
    })
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
