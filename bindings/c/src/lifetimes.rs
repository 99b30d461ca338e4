//! Lifetimes: made from columns or CSV, and asked for what is known of them.
//!
//! Stands on `rows` and `csv`.

use std::ffi::c_char;

use ::orionrt_plan::{Lifetime, Lifetimes, TensorId};

use crate::boundary::{Answer, ask, catch, free, get};
use crate::column::{ORIONRT_NOT_FIXED, orionrt_columns};
use crate::csv::read_csv;
use crate::error::{ORIONRT_NONE, call, create, orionrt_error};
use crate::handles::orionrt_lifetimes;
use crate::pointers::{put, slice, string};
use crate::rows::{from_columns, tensor_id};
use crate::status::orionrt_status;
use crate::text::{orionrt_string, orionrt_text};

/// A tensor as it is planned. A new field is a new `ORIONRT_ABI_VERSION`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct orionrt_row {
    /// The first step at which the tensor is alive.
    pub lower: i64,
    /// The first step at which it is no longer alive.
    pub upper: i64,
    /// Its size in bytes.
    pub size: u64,
    /// Its alignment in bytes, a power of two.
    pub alignment: u64,
    /// The offset in bytes that it must have; `ORIONRT_NOT_FIXED` if the planner may choose.
    pub fixed_offset: u64,
    /// The tensor whose bytes it lies within, as a view does; `ORIONRT_NONE` if it has its own.
    pub root: usize,
    /// Where in the root it begins, in bytes.
    pub root_offset: u64,
}

/// Makes lifetimes from columns of numbers, which are read during the call alone. The tensors keep
/// their order: their offsets come in the same one.
///
/// # Safety
/// `columns` is null or has columns of `count` values each; `lifetimes` and `error` are null or may
/// be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_lifetimes_from_columns(
    columns: *const orionrt_columns,
    lifetimes: *mut *mut orionrt_lifetimes,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller says that the columns are there and that the pointers may be written to.
    unsafe {
        create(lifetimes, error, || {
            let columns = slice(columns, 1, "columns")?;
            from_columns(&columns[0])
        })
    }
}

/// Reads lifetimes from CSV: one tensor a line, below a header with `id,lower,upper,size` and, if
/// you like, `alignment`, `gaps` and `fixed_offset`, in any order.
///
/// `warnings` may be null. If something in the file is not planned as it stands there, such as an
/// unknown column, it gets a text that you free, with one warning a line; else, and after an error,
/// it is set to null.
///
/// # Safety
/// `text` is null or has `length` bytes; `lifetimes`, `warnings` and `error` are null or may be
/// written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_lifetimes_from_csv(
    text: *const c_char,
    length: usize,
    lifetimes: *mut *mut orionrt_lifetimes,
    warnings: *mut *mut orionrt_text,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of the pointers.
    unsafe {
        read_csv(text, length, lifetimes, warnings, error, |text| {
            Ok(Lifetimes::read_csv_with_warnings(text)?)
        })
    }
}

/// How many tensors there are; 0 for a null pointer.
///
/// # Safety
/// `lifetimes` is null or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_lifetimes_count(lifetimes: *const orionrt_lifetimes) -> usize {
    // SAFETY: the caller says that the handle is null or live.
    unsafe { ask(lifetimes, Lifetimes::len) }
}

/// The most bytes that are alive at one step. No plan has a lower peak.
///
/// # Safety
/// `lifetimes` is null or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_lifetimes_load(lifetimes: *const orionrt_lifetimes) -> u64 {
    // SAFETY: the caller says that the handle is null or live.
    unsafe { ask(lifetimes, Lifetimes::load) }
}

/// The best lower bound of every plan's peak that is known without a search, in bytes.
///
/// # Safety
/// `lifetimes` is null or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_lifetimes_lower_bound(lifetimes: *const orionrt_lifetimes) -> u64 {
    // SAFETY: the caller says that the handle is null or live.
    unsafe { ask(lifetimes, Lifetimes::lower_bound) }
}

/// The sum of the sizes of all tensors that have bytes of their own: the peak if no two of them
/// shared any.
///
/// # Safety
/// `lifetimes` is null or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_lifetimes_total_bytes(lifetimes: *const orionrt_lifetimes) -> u64 {
    // SAFETY: the caller says that the handle is null or live.
    unsafe { ask(lifetimes, Lifetimes::total_bytes) }
}

/// The name of a tensor, valid until the lifetimes are freed or changed; no text for an unknown
/// tensor.
///
/// # Safety
/// `lifetimes` is null or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_lifetimes_name(
    lifetimes: *const orionrt_lifetimes,
    tensor: usize,
) -> orionrt_string {
    // SAFETY: the caller says that the handle is null or live.
    unsafe {
        ask(lifetimes, |lifetimes| {
            let id = tensor_id(tensor, lifetimes.len()).ok();
            let name = id.and_then(|id| lifetimes.name(id));
            name.map_or(orionrt_string::NOTHING, orionrt_string::of)
        })
    }
}

/// The tensor of this name; `ORIONRT_NONE` if there is none. A name that has a zero byte is not
/// found. Linear in the number of tensors.
///
/// # Safety
/// `lifetimes` is null or a live handle; `name` is null or ends with a zero byte.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_lifetimes_find(
    lifetimes: *const orionrt_lifetimes,
    name: *const c_char,
) -> usize {
    // SAFETY: the caller says that the handle and the name are null or there.
    let found = catch(|| unsafe {
        let lifetimes = get(lifetimes)?;
        Ok(lifetimes.find(string(name, "name")?))
    });
    found.ok().flatten().map_or(ORIONRT_NONE, TensorId::index)
}

/// The row of a tensor, which is left as it is after an error. With gaps, `lower` and `upper` go
/// from the first step of its first part to the end of its last one.
///
/// # Safety
/// `lifetimes` is null or a live handle; `row` and `error` are null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_lifetimes_row(
    lifetimes: *const orionrt_lifetimes,
    tensor: usize,
    row: *mut orionrt_row,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller says that the handle is null or live, and that the others may be written
    // to.
    unsafe {
        call(error, || {
            let lifetimes = get(lifetimes)?;
            let id = tensor_id(tensor, lifetimes.len())?;
            put(row, row_of(&lifetimes.rows()[id.index()]), "row")
        })
    }
}

fn row_of(row: &Lifetime) -> orionrt_row {
    orionrt_row {
        lower: row.lower,
        upper: row.upper,
        size: row.size,
        alignment: row.alignment,
        fixed_offset: row.fixed_offset.unwrap_or(ORIONRT_NOT_FIXED),
        root: row
            .within
            .map_or(ORIONRT_NONE, |within| within.root.index()),
        root_offset: row.within.map_or(0, |within| within.offset),
    }
}

/// Frees lifetimes; nothing for a null pointer. Plans that were made of them stay.
///
/// # Safety
/// `lifetimes` is null or a live handle, and is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_lifetimes_free(lifetimes: *mut orionrt_lifetimes) {
    // SAFETY: the caller gives the handle back.
    unsafe { free(lifetimes) };
}
