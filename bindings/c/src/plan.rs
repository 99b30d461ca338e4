//! Plans: made by the planner or from offsets of the caller's, and asked for offsets.
//!
//! Stands on `watch`, `lifetimes` and `text`. Invariant: every plan passed the check of the
//! library, wherever its offsets come from.

use ::orionrt_plan::Plan;

use crate::boundary::{ask, copy_of, free, get, lend};
use crate::error::{call, create, orionrt_error};
use crate::handles::{orionrt_lifetimes, orionrt_plan};
use crate::planner::orionrt_planner;
use crate::pointers::{copy, slice};
use crate::status::orionrt_status;
use crate::text::orionrt_string;
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
        create(plan, error, || {
            let lifetimes = get(lifetimes)?;
            search(copy_of(planner), |planner| Ok(planner.plan(lifetimes)?))
        })
    }
}

/// Makes a plan of offsets in bytes that come from elsewhere, one for each tensor in order, if no
/// two tensors that are alive together share a byte and each is aligned. To check alone, there is
/// `orionrt_lifetimes_check`.
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
        create(plan, error, || {
            let lifetimes = get(lifetimes)?;
            let offsets = slice(offsets, count, "offsets")?;
            Ok(Plan::new(lifetimes.clone(), offsets.to_vec())?)
        })
    }
}

/// Checks offsets in bytes that come from elsewhere, one for each tensor in order: whether no two
/// tensors that are alive together share a byte and each is aligned. The check has nothing in
/// common with what finds offsets.
///
/// # Safety
/// `lifetimes` is null or a live handle; `offsets` is null or has `count` offsets; `error` is null
/// or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_lifetimes_check(
    lifetimes: *const orionrt_lifetimes,
    offsets: *const u64,
    count: usize,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller says that the handle and the offsets are there and that the error may be
    // written to.
    unsafe {
        call(error, || {
            let lifetimes = get(lifetimes)?;
            Ok(Plan::check(lifetimes, slice(offsets, count, "offsets")?)?)
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
            copy(get(plan)?.offsets(), offsets, room, "offsets")
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
pub unsafe extern "C" fn orionrt_plan_strategy(plan: *const orionrt_plan) -> orionrt_string {
    // SAFETY: the caller says that the handle is null or live.
    unsafe { ask(plan, |plan| orionrt_string::of(plan.strategy())) }
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
