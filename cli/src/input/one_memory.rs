//! A file of lifetimes as those of one memory, for other programs.
//!
//! Stands on [`table`](super::table). Invariant: rows of several devices are never taken for those
//! of one.

#![forbid(unsafe_code)]

use std::path::Path;

use orionrt::{Lifetimes, files::CsvWarning};

use super::{
    devices::DEVICE,
    table::{self, Rows},
};
use crate::failure::Failure;

/// Reads rows of one device: the one of this name, or the only one.
pub(super) fn one_memory(
    path: &Path,
    text: impl AsRef<[u8]>,
    device: Option<&str>,
) -> Result<(Lifetimes, Vec<CsvWarning>), Failure> {
    let refused = |known: Option<&[String]>| Failure::Device {
        path: path.into(),
        device: device.map(String::from),
        known: known.unwrap_or_default().to_vec(),
    };
    let table = match table::read(path, text, device, refused)? {
        Rows::Plc(lifetimes) => return Ok((lifetimes, Vec::new())),
        Rows::Table(table) => table,
        Rows::OfDevices(_, devices) => return Err(refused(Some(&devices.names))),
    };
    let (lifetimes, mut warnings) = table
        .lifetimes()
        .map_err(|error| Failure::file(path, error))?;
    warnings.retain(|warning| match warning {
        CsvWarning::UnknownColumn { column, .. } => column != DEVICE,
        _ => true,
    });
    Ok((lifetimes, warnings))
}
