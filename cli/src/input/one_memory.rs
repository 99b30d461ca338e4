//! A file of lifetimes as those of one memory, for other programs.
//!
//! Stands on the library's forms and on devices. Invariant: rows of several devices are never taken
//! for those of one.

#![forbid(unsafe_code)]

use std::path::Path;

use orionrt::{
    Lifetimes,
    files::{CsvTable, CsvWarning},
};

use super::{
    devices::{DEVICE, Devices},
    read::has_extension,
};
use crate::failure::Failure;

/// Reads rows of one device: the one of this name, or the only one.
pub(super) fn one_memory(
    path: &Path,
    text: &[u8],
    device: Option<&str>,
) -> Result<(Lifetimes, Vec<CsvWarning>), Failure> {
    let failed = |error| Failure::file(path, error);
    let refused = |known: &[String]| Failure::Device {
        path: path.into(),
        device: device.map(String::from),
        known: known.to_vec(),
    };
    if has_extension(path, "plc") {
        return match device {
            Some(_) => Err(refused(&[])),
            None => Ok((Lifetimes::read_plc(text).map_err(failed)?, Vec::new())),
        };
    }
    let mut table = CsvTable::read(text).map_err(failed)?;
    let devices = Devices::of_table(&table).map_err(failed)?;
    match (&devices, device) {
        (None, None) => (),
        (None, Some(_)) => return Err(refused(&[])),
        (Some(devices), None) if devices.names.len() < 2 => (),
        (Some(devices), None) => return Err(refused(&devices.names)),
        (Some(devices), Some(name)) => {
            let device = devices.find(name);
            let device = device.ok_or_else(|| refused(&devices.names))?;
            table = devices.table(&table, device).map_err(failed)?;
        }
    }
    let (lifetimes, mut warnings) = table.lifetimes().map_err(failed)?;
    warnings.retain(|warning| match warning {
        CsvWarning::UnknownColumn { column, .. } => column != DEVICE,
        _ => true,
    });
    Ok((lifetimes, warnings))
}
