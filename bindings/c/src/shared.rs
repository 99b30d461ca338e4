//! Several models in one region.
//!
//! Stands on `planner`, `watch`, `schedule` and `sharing`.

use ::orionrt_plan::multi_model::{ModelSet, Schedule, SharedPlan, SharedRange};

use crate::boundary::{Handle, ask, copy_of, free, get, lend};
use crate::error::{call, create, orionrt_error};
use crate::failure::Failure;
use crate::handles::orionrt_plan;
use crate::model_set::{model_id, orionrt_model_set};
use crate::planner::orionrt_planner;
use crate::schedule::{of_pairs, of_starts, orionrt_model_pair, orionrt_starts};
use crate::sharing::{orionrt_model_tensor, tell_all};
use crate::status::orionrt_status;
use crate::watch::search;

/// A plan of several models in one region. It never changes, so any number of threads may use it.
/// Free it with `orionrt_shared_plan_free`.
pub struct orionrt_shared_plan(());

impl Handle for orionrt_shared_plan {
    const NAME: &'static str = "shared";
    type Value = SharedPlan;
}

/// Plans all models into one region, where only the two models of each pair may run at the same
/// time, in any way. No pairs: one model runs at a time. A null `planner` stands for the defaults.
///
/// The planner's capacity holds for all models together: that is also what the best plan of an
/// error `ORIONRT_OVER_CAPACITY` is for. The position of an error counts the tensors of the model
/// that the message names, or those of all models together if it says so.
///
/// # Safety
/// `set` and `planner` are null or live handles; `pairs` is null or has `count` pairs; `shared` and
/// `error` are null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_shared_plan_make(
    set: *const orionrt_model_set,
    planner: *const orionrt_planner,
    pairs: *const orionrt_model_pair,
    count: usize,
    shared: *mut *mut orionrt_shared_plan,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of the pointers.
    unsafe {
        plan(set, planner, shared, error, |set| {
            of_pairs(set, pairs, count)
        })
    }
}

/// Plans all models into one region, where each model starts at given steps of a common clock.
/// What is shared is decided tensor by tensor. `starts` has one entry for each model, in order.
///
/// # Safety
/// `set` and `planner` are null or live handles; `starts` is null or has `count` entries, each with
/// as many steps as it states; `shared` and `error` are null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_shared_plan_make_timed(
    set: *const orionrt_model_set,
    planner: *const orionrt_planner,
    starts: *const orionrt_starts,
    count: usize,
    shared: *mut *mut orionrt_shared_plan,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of the pointers.
    unsafe { plan(set, planner, shared, error, |_| of_starts(starts, count)) }
}

/// # Safety
/// `set` and `planner` are null or live handles; `shared` and `error` are null or may be written
/// to.
unsafe fn plan(
    set: *const orionrt_model_set,
    planner: *const orionrt_planner,
    shared: *mut *mut orionrt_shared_plan,
    error: *mut *mut orionrt_error,
    schedule: impl FnOnce(&ModelSet) -> Result<Schedule, Failure>,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of the pointers.
    unsafe {
        create(shared, error, || {
            let set = get(set)?;
            let schedule = schedule(set)?;
            search(copy_of(planner), |planner| {
                Ok(set.plan(&schedule, &planner)?)
            })
        })
    }
}

/// The plan of all models together, whose tensors are named `model/tensor`. It belongs to the
/// shared plan and is valid until that is freed.
///
/// # Safety
/// `shared` is null or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_shared_plan_joint(
    shared: *const orionrt_shared_plan,
) -> *const orionrt_plan {
    // SAFETY: the caller says that the handle is null or live.
    unsafe { ask(shared, |shared| lend(shared.plan())) }
}

/// What regions of their own for all models would take together, in bytes.
///
/// # Safety
/// `shared` is null or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_shared_plan_isolated_bytes(
    shared: *const orionrt_shared_plan,
) -> u64 {
    // SAFETY: the caller says that the handle is null or live.
    unsafe { ask(shared, SharedPlan::isolated_sum) }
}

/// A model's part of the shared plan: its own tensors in its own order, with offsets in the shared
/// region. Free it.
///
/// # Safety
/// `shared` is null or a live handle; `plan` and `error` are null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_shared_plan_part(
    shared: *const orionrt_shared_plan,
    model: usize,
    plan: *mut *mut orionrt_plan,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of the pointers.
    unsafe {
        create(plan, error, || {
            let shared = get(shared)?;
            let id = model_id(model, shared.models().len())?;
            shared.part(id).ok_or_else(|| {
                let message = format!("model {model} has no part in the shared plan");
                Failure::new(orionrt_status::ORIONRT_INTERNAL, message)
            })
        })
    }
}

/// Bytes that two tensors of different models share in a shared plan. A new field is a new
/// `ORIONRT_ABI_VERSION`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct orionrt_shared_range {
    /// The tensor of the model with the lower number.
    pub first: orionrt_model_tensor,
    /// The other tensor.
    pub second: orionrt_model_tensor,
    /// The first byte that both have, from the start of the region.
    pub lower: u64,
    /// The byte after the last one.
    pub upper: u64,
}

impl From<SharedRange> for orionrt_shared_range {
    fn from(range: SharedRange) -> Self {
        let [first, second] = range.tensors.map(orionrt_model_tensor::from);
        Self {
            first,
            second,
            lower: range.bytes.start,
            upper: range.bytes.end,
        }
    }
}

/// How many pairs of tensors of different models share bytes.
///
/// # Safety
/// `shared` is null or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_shared_plan_pair_count(shared: *const orionrt_shared_plan) -> u64 {
    // SAFETY: the caller says that the handle is null or live.
    unsafe { ask(shared, SharedPlan::shared_pairs) }
}

/// Copies the bytes that pairs of tensors share, in order of the first byte, into an array with
/// room for `room` of them: the first ones if there are more. `count`, which may be null, gets the
/// number of those that were copied, 0 after an error.
///
/// # Safety
/// `shared` is null or a live handle; `ranges` is null or has room for so many; `count` and `error`
/// are null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_shared_plan_copy_ranges(
    shared: *const orionrt_shared_plan,
    ranges: *mut orionrt_shared_range,
    room: usize,
    count: *mut usize,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of the pointers.
    unsafe {
        call(error, || {
            tell_all(ranges, room, count, "ranges", |tell| {
                let _ = get(shared)?.visit_shared(|range| tell(range.into()));
                Ok(())
            })
        })
    }
}

/// Frees a shared plan; nothing for a null pointer.
///
/// # Safety
/// `shared` is null or a live handle, and is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_shared_plan_free(shared: *mut orionrt_shared_plan) {
    // SAFETY: the caller gives the handle back.
    unsafe { free(shared) };
}
