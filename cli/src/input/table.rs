//! The rows of a file of lifetimes: CSV, or idealloc's `.plc`.
//!
//! Stands on the library's forms and on devices. Invariant: rows of several devices are never taken
//! for those of one.

#![forbid(unsafe_code)]

use std::path::Path;

use orionrt::{Lifetimes, files::CsvTable};

use super::{devices::Devices, read::has_extension};
use crate::failure::Failure;

/// What a file of rows is.
pub(super) enum Rows {
    /// Rows without columns of their own.
    Plc(Lifetimes),
    /// Rows of one memory.
    Table(CsvTable),
    /// Rows of several devices.
    OfDevices(CsvTable, Devices),
}

/// Reads rows, of those of several devices the ones of this device. `refused` is the failure for a
/// device that the file lacks, which has these devices or none at all.
pub(super) fn read(
    path: &Path,
    text: impl AsRef<[u8]>,
    device: Option<&str>,
    refused: impl Fn(Option<&[String]>) -> Failure,
) -> Result<Rows, Failure> {
    let failed = |error| Failure::file(path, error);
    if has_extension(path, "plc") {
        return match device {
            Some(_) => Err(refused(None)),
            None => Ok(Rows::Plc(
                Lifetimes::read_plc(text.as_ref()).map_err(failed)?,
            )),
        };
    }
    let table = CsvTable::read(text.as_ref()).map_err(failed)?;
    // The table has its own.
    drop(text);
    match (Devices::of_table(&table).map_err(failed)?, device) {
        (None, Some(_)) => Err(refused(None)),
        (Some(devices), Some(name)) => {
            let device = devices.find(name);
            let device = device.ok_or_else(|| refused(Some(&devices.names)))?;
            let rows = devices.table(&table, device).map_err(failed)?;
            Ok(Rows::Table(rows))
        }
        (Some(devices), None) if devices.names.len() > 1 => Ok(Rows::OfDevices(table, devices)),
        (_, None) => Ok(Rows::Table(table)),
    }
}
