//! Lifetimes: made from columns or CSV, given gaps, and asked for what is known of them.
//!
//! Stands on `column` and `text`. Invariant: a function that fails changes nothing.

use std::collections::BTreeMap;
use std::ffi::c_char;
use std::ops::Range;

use ::orionrt_plan::{Lifetime, Lifetimes, TensorId};

use crate::boundary::{Answer, ask, catch, free, get, give};
use crate::column::{ORIONRT_NOT_FIXED, orionrt_columns};
use crate::error::{ORIONRT_NONE, call, change, create, orionrt_error};
use crate::failure::Failure;
use crate::handles::orionrt_lifetimes;
use crate::pointers::{put, put_if_wanted, slice, string};
use crate::rows::from_columns;
use crate::status::orionrt_status;
use crate::text::{orionrt_text, orionrt_view};

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

/// Steps in the lifetime of a tensor at which its bytes are not needed, so that others may have
/// them. The tensor has the same offset before and after.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct orionrt_gap {
    /// The tensor, counted from 0.
    pub tensor: usize,
    /// The first step of the gap.
    pub lower: i64,
    /// The first step after the gap.
    pub upper: i64,
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
    // SAFETY: the caller says that the text is there and that the pointers may be written to.
    unsafe {
        // An error of this is found again below.
        let _ = put_if_wanted(warnings, std::ptr::null_mut(), "warnings");
        create(lifetimes, error, || {
            put_if_wanted(warnings, std::ptr::null_mut(), "warnings")?;
            let text = slice(text.cast::<u8>(), length, "text")?;
            let (lifetimes, found) = Lifetimes::read_csv_with_warnings(text)?;
            if !warnings.is_null() && !found.is_empty() {
                let lines = found.iter().map(|warning| format!("{warning}\n"));
                put(warnings, give(lines.collect::<String>()), "warnings")?;
            }
            Ok(lifetimes)
        })
    }
}

/// Adds gaps: steps at which tensors need no bytes. Gaps of one tensor may come in any order, and
/// may touch but not overlap; those of earlier calls stay. No other thread may use the lifetimes
/// meanwhile.
///
/// # Safety
/// `lifetimes` is null or a live handle, and no other thread uses it; `gaps` is null or has `count`
/// gaps; `error` is null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_lifetimes_add_gaps(
    lifetimes: *mut orionrt_lifetimes,
    gaps: *const orionrt_gap,
    count: usize,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller says that the handle and the gaps are there, and that `error` may be
    // written to.
    unsafe {
        change(lifetimes, error, |lifetimes| {
            let gaps = slice(gaps, count, "gaps")?;
            let mut ranges: BTreeMap<TensorId, Vec<Range<i64>>> = BTreeMap::new();
            for gap in gaps {
                let id = tensor_id(gap.tensor, lifetimes.len())?;
                ranges.entry(id).or_default().push(gap.lower..gap.upper);
            }
            *lifetimes = lifetimes.clone().with_all_gaps(ranges)?;
            Ok(())
        })
    }
}

/// The id of a tensor among so many.
pub(crate) fn tensor_id(index: usize, tensors: usize) -> Result<TensorId, Failure> {
    match u32::try_from(index) {
        Ok(id) if index < tensors => Ok(TensorId::new(id)),
        _ => Err(Failure::unknown("a tensor", index, tensors, "tensors")),
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
) -> orionrt_view {
    // SAFETY: the caller says that the handle is null or live.
    unsafe {
        ask(lifetimes, |lifetimes| {
            let id = tensor_id(tensor, lifetimes.len()).ok();
            let name = id.and_then(|id| lifetimes.name(id));
            name.map_or(orionrt_view::NOTHING, orionrt_view::of)
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
