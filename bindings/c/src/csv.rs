//! Reading CSV: what is made of it, and what in it was not looked at.
//!
//! Stands on `text`. Invariant: after an error there are no warnings.

use std::ffi::c_char;
use std::ptr::null_mut;

use ::orionrt_plan::files::CsvWarning;

use crate::boundary::{Handle, give};
use crate::error::{create, orionrt_error};
use crate::failure::Failure;
use crate::pointers::{put, put_if_wanted, slice};
use crate::status::orionrt_status;
use crate::text::orionrt_text;

/// Reads text and hands what is made of it to C; with the warnings, one a line, if they are wanted
/// and there are any.
///
/// # Safety
/// `text` is null or has `length` bytes; `out`, `warnings` and `error` are null or may be written
/// to.
pub(crate) unsafe fn read_csv<H: Handle>(
    text: *const c_char,
    length: usize,
    out: *mut *mut H,
    warnings: *mut *mut orionrt_text,
    error: *mut *mut orionrt_error,
    read: impl FnOnce(&[u8]) -> Result<(H::Value, Vec<CsvWarning>), Failure>,
) -> orionrt_status {
    // SAFETY: the caller says that the text is there and that the pointers may be written to.
    unsafe {
        // An error of this is found again below.
        let _ = put_if_wanted(warnings, null_mut(), "warnings");
        create(out, error, || {
            put_if_wanted(warnings, null_mut(), "warnings")?;
            let (value, found) = read(slice(text.cast::<u8>(), length, "text")?)?;
            if !warnings.is_null() && !found.is_empty() {
                let lines = found.iter().map(|warning| format!("{warning}\n"));
                put(warnings, give(lines.collect::<String>()), "warnings")?;
            }
            Ok(value)
        })
    }
}
