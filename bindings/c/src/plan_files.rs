//! Plans as text and as files: JSON and CSV.
//!
//! Stands on `csv` and `replace`. Invariant: what is read passed the check of the library.

use std::ffi::c_char;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use ::orionrt_plan::Plan;
use ::orionrt_plan::files::FileError;

use crate::boundary::get;
use crate::csv::read_csv;
use crate::error::{call, create, orionrt_error};
use crate::failure::Failure;
use crate::handles::orionrt_plan;
use crate::pointers::{path, slice};
use crate::replace::replace;
use crate::status::orionrt_status::{self, *};
use crate::text::orionrt_text;

/// Reads a plan in the JSON that `orionrt_plan_to_json` and the command line write, and checks it.
/// A lower bound that a search proved is not taken on trust: the plan's is that of its lifetimes,
/// so `orionrt_plan_is_optimal` may be false of a plan that was optimal when it was written.
///
/// # Safety
/// `json` is null or has `length` bytes; `plan` and `error` are null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_plan_from_json(
    json: *const c_char,
    length: usize,
    plan: *mut *mut orionrt_plan,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller says that the text is there and that the others may be written to.
    unsafe {
        create(plan, error, || {
            Ok(Plan::read_json(slice(json.cast::<u8>(), length, "json")?)?)
        })
    }
}

/// Reads a plan in the CSV that `orionrt_plan_to_csv` and the command line write, and checks it. It
/// has the columns that `orionrt_lifetimes_from_csv` takes, and `offset`. `warnings` is as there.
///
/// # Safety
/// `text` is null or has `length` bytes; `plan`, `warnings` and `error` are null or may be written
/// to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_plan_from_csv(
    text: *const c_char,
    length: usize,
    plan: *mut *mut orionrt_plan,
    warnings: *mut *mut orionrt_text,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of the pointers.
    unsafe {
        read_csv(text, length, plan, warnings, error, |text| {
            Ok(Plan::read_csv_with_warnings(text)?)
        })
    }
}

/// Reads a plan in JSON from a file, and checks it, as `orionrt_plan_from_json` does.
///
/// # Safety
/// `path` is null or ends with a zero byte; `plan` and `error` are null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_plan_read(
    path: *const c_char,
    plan: *mut *mut orionrt_plan,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller says that the text is there and that the others may be written to.
    unsafe {
        create(plan, error, || {
            let path = self::path(path)?;
            let file = File::open(path).map_err(FileError::from);
            let plan = file.and_then(Plan::read_json);
            plan.map_err(|error| in_file(path, error))
        })
    }
}

/// Writes a plan as JSON to a file, which appears complete or not at all: an earlier one of that
/// name is replaced when the new one is complete, and left as it was after an error. The new one
/// has its mode.
///
/// # Safety
/// `plan` is null or a live handle; `path` is null or ends with a zero byte; `error` is null or may
/// be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_plan_write(
    plan: *const orionrt_plan,
    path: *const c_char,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller says that the handle and the text are there and that the error may be
    // written to.
    unsafe {
        call(error, || {
            let plan = get(plan)?;
            let path = self::path(path)?;
            let written = replace(path, |file| plan.write_json(BufWriter::new(file)));
            written.map_err(|error| in_file(path, error))
        })
    }
}

/// An error with the path of its file before it.
fn in_file(path: &Path, error: FileError) -> Failure {
    let failure = Failure::from(error);
    let message = format!("{}: {}", path.display(), failure.message);
    Failure { message, ..failure }
}

/// Writes a plan as JSON. Free the text.
///
/// # Safety
/// `plan` is null or a live handle; `text` and `error` are null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_plan_to_json(
    plan: *const orionrt_plan,
    text: *mut *mut orionrt_text,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller says of the pointers what `to_text` asks for.
    unsafe { to_text(plan, text, error, |plan, bytes| plan.write_json(bytes)) }
}

/// Writes a plan as CSV, one tensor a line: `id,lower,upper,size,alignment,offset`. Free the text.
///
/// # Safety
/// `plan` is null or a live handle; `text` and `error` are null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_plan_to_csv(
    plan: *const orionrt_plan,
    text: *mut *mut orionrt_text,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller says of the pointers what `to_text` asks for.
    unsafe { to_text(plan, text, error, |plan, bytes| plan.write_csv(bytes)) }
}

/// # Safety
/// `plan` is null or a live handle; `text` and `error` are null or may be written to.
unsafe fn to_text(
    plan: *const orionrt_plan,
    text: *mut *mut orionrt_text,
    error: *mut *mut orionrt_error,
    write: impl FnOnce(&Plan, &mut Vec<u8>) -> Result<(), FileError>,
) -> orionrt_status {
    // SAFETY: the caller says that the handle is there and that the others may be written to.
    unsafe {
        create(text, error, || {
            let mut bytes = Vec::new();
            write(get(plan)?, &mut bytes)?;
            let text = String::from_utf8(bytes);
            text.map_err(|error| Failure::new(ORIONRT_INTERNAL, error.to_string()))
        })
    }
}
