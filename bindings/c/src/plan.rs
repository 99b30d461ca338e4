//! Plans: made by the planner, from offsets of the caller's, or from a file, and asked for offsets.
//!
//! Stands on `watch`, `lifetimes` and `text`. Invariant: every plan passed the check of the
//! library, wherever its offsets come from.

use std::ffi::c_char;
use std::fs::File;
use std::path::Path;

use ::orionrt_plan::Plan;
use ::orionrt_plan::files::FileError;

use crate::boundary::{self, ask, copy, copy_of, free, get, lend, slice};
use crate::error::{call, create, orionrt_error};
use crate::failure::Failure;
use crate::handles::{orionrt_lifetimes, orionrt_plan};
use crate::planner::orionrt_planner;
use crate::status::orionrt_status::{self, *};
use crate::text::{orionrt_text, orionrt_view};
use crate::watch::search;

/// Plans: finds an offset for every tensor. A null `planner` stands for the defaults. The lifetimes
/// may be freed before the plan.
///
/// # Safety
/// `lifetimes` and `planner` are null or live handles, and nobody changes them meanwhile; `plan`
/// and `error` are null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_plan_make(
    lifetimes: *const orionrt_lifetimes,
    planner: *const orionrt_planner,
    plan: *mut *mut orionrt_plan,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller says that the handles are there and that the others may be written to.
    unsafe {
        create(plan, "plan", error, || {
            let lifetimes = get(lifetimes, "lifetimes")?;
            search(copy_of(planner), |planner| Ok(planner.plan(lifetimes)?))
        })
    }
}

/// Makes a plan of offsets in bytes that come from elsewhere, one for each tensor in order, if no
/// two tensors that are alive together share a byte and each is aligned. To check alone, free the
/// plan at once.
///
/// # Safety
/// `lifetimes` is null or a live handle; `offsets` is null or has `count` offsets; `plan` and
/// `error` are null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_plan_from_offsets(
    lifetimes: *const orionrt_lifetimes,
    offsets: *const u64,
    count: usize,
    plan: *mut *mut orionrt_plan,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller says that the handle and the offsets are there and that the others may be
    // written to.
    unsafe {
        create(plan, "plan", error, || {
            let lifetimes = get(lifetimes, "lifetimes")?;
            let offsets = slice(offsets, count, "offsets")?;
            Ok(Plan::new(lifetimes.clone(), offsets.to_vec())?)
        })
    }
}

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
        create(plan, "plan", error, || {
            Ok(Plan::read_json(slice(json.cast::<u8>(), length, "json")?)?)
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
        create(plan, "plan", error, || {
            let path = boundary::path(path)?;
            let file = File::open(path).map_err(FileError::from);
            let plan = file.and_then(Plan::read_json);
            plan.map_err(|error| in_file(path, error))
        })
    }
}

/// Writes a plan as JSON to a file, which is overwritten.
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
            let plan = get(plan, "plan")?;
            let path = boundary::path(path)?;
            let file = File::create(path).map_err(FileError::from);
            let written = file.and_then(|file| plan.write_json(std::io::BufWriter::new(file)));
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
        create(text, "text", error, || {
            let mut bytes = Vec::new();
            write(get(plan, "plan")?, &mut bytes)?;
            let text = String::from_utf8(bytes);
            text.map_err(|error| Failure::new(ORIONRT_INTERNAL, error.to_string()))
        })
    }
}

/// How many tensors a plan has; 0 for a null pointer.
///
/// # Safety
/// `plan` is null or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_plan_count(plan: *const orionrt_plan) -> usize {
    // SAFETY: the caller says that the handle is null or live.
    unsafe { ask(plan, Plan::len) }
}

/// The offsets in bytes of all tensors, in order of the lifetimes: `orionrt_plan_count` of them.
/// They belong to the plan and are valid until it is freed. Null for a null pointer.
///
/// # Safety
/// `plan` is null or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_plan_offsets(plan: *const orionrt_plan) -> *const u64 {
    // SAFETY: the caller says that the handle is null or live.
    unsafe { ask(plan, |plan| plan.offsets().as_ptr()) }
}

/// Copies the offsets in bytes of all tensors into an array with room for `room` of them, at least
/// `orionrt_plan_count`.
///
/// # Safety
/// `plan` is null or a live handle; `offsets` is null or has room for so many; `error` is null or
/// may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_plan_copy_offsets(
    plan: *const orionrt_plan,
    offsets: *mut u64,
    room: usize,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller says that the handle is there, and of the array what `copy` asks for.
    unsafe {
        call(error, || {
            copy(get(plan, "plan")?.offsets(), offsets, room, "offsets")
        })
    }
}

/// The size of the planned region in bytes: the largest end of a tensor.
///
/// # Safety
/// `plan` is null or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_plan_peak(plan: *const orionrt_plan) -> u64 {
    // SAFETY: the caller says that the handle is null or live.
    unsafe { ask(plan, Plan::peak) }
}

/// The most bytes that are alive at one step.
///
/// # Safety
/// `plan` is null or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_plan_load(plan: *const orionrt_plan) -> u64 {
    // SAFETY: the caller says that the handle is null or live.
    unsafe { ask(plan, Plan::load) }
}

/// The best proven lower bound on the peak of every plan for these lifetimes, in bytes.
///
/// # Safety
/// `plan` is null or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_plan_lower_bound(plan: *const orionrt_plan) -> u64 {
    // SAFETY: the caller says that the handle is null or live.
    unsafe { ask(plan, Plan::lower_bound) }
}

/// Whether the peak is the lower bound, so that no plan can be better.
///
/// # Safety
/// `plan` is null or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_plan_is_optimal(plan: *const orionrt_plan) -> bool {
    // SAFETY: the caller says that the handle is null or live.
    unsafe { ask(plan, Plan::is_optimal) }
}

/// The alignment in bytes that the base of the region needs: the largest of a tensor's.
///
/// # Safety
/// `plan` is null or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_plan_alignment(plan: *const orionrt_plan) -> u64 {
    // SAFETY: the caller says that the handle is null or live.
    unsafe { ask(plan, Plan::alignment) }
}

/// The strategy that proposed the offsets, or "given" if they come from elsewhere.
///
/// # Safety
/// `plan` is null or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_plan_strategy(plan: *const orionrt_plan) -> orionrt_view {
    // SAFETY: the caller says that the handle is null or live.
    unsafe { ask(plan, |plan| orionrt_view::of(plan.strategy())) }
}

/// The lifetimes that were planned. They belong to the plan and are valid until it is freed.
///
/// # Safety
/// `plan` is null or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_plan_lifetimes(
    plan: *const orionrt_plan,
) -> *const orionrt_lifetimes {
    // SAFETY: the caller says that the handle is null or live.
    unsafe { ask(plan, |plan| lend(plan.lifetimes())) }
}

/// Frees a plan; nothing for a null pointer.
///
/// # Safety
/// `plan` is null or a live handle, and is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_plan_free(plan: *mut orionrt_plan) {
    // SAFETY: the caller gives the handle back.
    unsafe { free(plan) };
}
