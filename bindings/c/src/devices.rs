//! Devices that a column of CSV names: each has a memory of its own, and lifetimes of its own.
//!
//! Stands on `csv`.

use std::collections::BTreeSet;
use std::ffi::c_char;

use ::orionrt_plan::files::CsvTable;

use crate::boundary::{Answer, Handle, ask, free};
use crate::csv::read_csv;
use crate::error::{create, orionrt_error};
use crate::handles::orionrt_lifetimes;
use crate::pointers::{slice, string};
use crate::status::orionrt_status;
use crate::text::{orionrt_string, orionrt_text};

/// The column that names devices.
const COLUMN: &str = "device";

/// The devices that a file of CSV names. It never changes, so any number of threads may use it.
/// Free it with `orionrt_devices_free`.
pub struct orionrt_devices(());

impl Handle for orionrt_devices {
    const NAME: &'static str = "devices";
    type Value = Vec<String>;
}

/// Reads which devices the column `device` of CSV names, in order of their first rows; none if
/// there is no such column.
///
/// # Safety
/// `text` is null or has `length` bytes; `devices` and `error` are null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_devices_from_csv(
    text: *const c_char,
    length: usize,
    devices: *mut *mut orionrt_devices,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller says that the text is there and that the others may be written to.
    unsafe {
        create(devices, error, || {
            let table = CsvTable::read(slice(text.cast::<u8>(), length, "text")?)?;
            let mut names = table.column(COLUMN)?.unwrap_or_default();
            let mut known = BTreeSet::new();
            names.retain(|name| known.insert(name.clone()));
            Ok(names)
        })
    }
}

/// How many devices there are.
///
/// # Safety
/// `devices` is null or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_devices_count(devices: *const orionrt_devices) -> usize {
    // SAFETY: the caller says that the handle is null or live.
    unsafe { ask(devices, Vec::len) }
}

/// The name of a device, counted from 0; it belongs to the handle and is valid until that is freed.
/// No text if there are fewer.
///
/// # Safety
/// `devices` is null or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_devices_name(
    devices: *const orionrt_devices,
    index: usize,
) -> orionrt_string {
    // SAFETY: the caller says that the handle is null or live.
    unsafe {
        ask(devices, |devices| {
            let name = devices.get(index);
            name.map_or(orionrt_string::NOTHING, |name| orionrt_string::of(name))
        })
    }
}

/// Reads the lifetimes of one device from CSV, as `orionrt_lifetimes_from_csv` does: those of the
/// rows that name it in the column `device`. There are none if no row does.
///
/// # Safety
/// `text` is null or has `length` bytes; `device` is null or ends with a zero byte; `lifetimes`,
/// `warnings` and `error` are null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_lifetimes_from_csv_on(
    text: *const c_char,
    length: usize,
    device: *const c_char,
    lifetimes: *mut *mut orionrt_lifetimes,
    warnings: *mut *mut orionrt_text,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of the pointers.
    unsafe {
        read_csv(text, length, lifetimes, warnings, error, |text| {
            let device = string(device, "device")?;
            let table = CsvTable::read(text)?;
            let devices = table.column(COLUMN)?.unwrap_or_default();
            let is_on = |row: usize| devices.get(row).is_some_and(|name| name == device);
            let (lifetimes, found) = table.filtered(is_on)?.lifetimes()?;
            Ok((lifetimes, found))
        })
    }
}

/// Frees devices; nothing for a null pointer.
///
/// # Safety
/// `devices` is null or a live handle, and is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_devices_free(devices: *mut orionrt_devices) {
    // SAFETY: the caller gives the handle back.
    unsafe { free(devices) };
}
