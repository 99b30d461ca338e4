//! Several models in one region.
//!
//! Stands on `planner`, `watch` and `lifetimes`.

use std::ffi::c_char;

use ::orionrt_plan::Lifetimes;
use ::orionrt_plan::multi_model::{ModelId, ModelSet, Schedule, SharedPlan};

use crate::boundary::{Handle, ask, copy_of, free, get, give, lend};
use crate::error::{add, create, orionrt_error};
use crate::failure::Failure;
use crate::handles::{orionrt_lifetimes, orionrt_plan};
use crate::planner::orionrt_planner;
use crate::pointers::{slice, string};
use crate::status::orionrt_status;
use crate::watch::search;

/// Models that are to have one region of memory. Free it with `orionrt_model_set_free`.
pub struct orionrt_model_set(());

impl Handle for orionrt_model_set {
    const NAME: &'static str = "set";
    type Value = ModelSet;
}

/// A plan of several models in one region. It never changes, so any number of threads may use it.
/// Free it with `orionrt_shared_plan_free`.
pub struct orionrt_shared_plan(());

impl Handle for orionrt_shared_plan {
    const NAME: &'static str = "shared";
    type Value = SharedPlan;
}

/// Two models that may run at the same time, by their numbers.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct orionrt_model_pair {
    /// The one model.
    pub first: usize,
    /// The other model.
    pub second: usize,
}

/// The steps of a common clock at which a model starts.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct orionrt_starts {
    /// The steps, in any order.
    pub steps: *const i64,
    /// How many there are, at least one.
    pub count: usize,
}

/// A set without models.
#[unsafe(no_mangle)]
pub extern "C" fn orionrt_model_set_new() -> *mut orionrt_model_set {
    give(ModelSet::new())
}

/// Adds a model, whose steps are counted by its own clock. Models are numbered from 0 in the order
/// in which they were added; `model` may be null, and gets `ORIONRT_NONE` after an error. The
/// lifetimes are copied.
///
/// # Safety
/// `set` is null or a live handle, and no other thread uses it; `name` is null or ends with a zero
/// byte; `lifetimes` is null or a live handle; `model` and `error` are null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_model_set_add(
    set: *mut orionrt_model_set,
    name: *const c_char,
    lifetimes: *const orionrt_lifetimes,
    model: *mut usize,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of the pointers.
    unsafe {
        add(set, model, "model", error, |set| {
            let lifetimes: &Lifetimes = get(lifetimes)?;
            Ok(set.add(string(name, "name")?, lifetimes.clone())?.index())
        })
    }
}

/// Frees a set; nothing for a null pointer.
///
/// # Safety
/// `set` is null or a live handle, and is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_model_set_free(set: *mut orionrt_model_set) {
    // SAFETY: the caller gives the handle back.
    unsafe { free(set) };
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
            let pairs = slice(pairs, count, "pairs")?.iter();
            let pairs = pairs.map(|pair| {
                let [first, second] = [pair.first, pair.second];
                Ok((model_id(first, set.len())?, model_id(second, set.len())?))
            });
            Ok(Schedule::pairs(pairs.collect::<Result<Vec<_>, Failure>>()?))
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
    unsafe {
        plan(set, planner, shared, error, |_| {
            let starts = slice(starts, count, "starts")?.iter();
            let starts = starts.map(|one| Ok(slice(one.steps, one.count, "steps")?.to_vec()));
            Ok(Schedule::Starts(starts.collect::<Result<_, Failure>>()?))
        })
    }
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

fn model_id(index: usize, models: usize) -> Result<ModelId, Failure> {
    match u32::try_from(index) {
        Ok(id) if index < models => Ok(ModelId::new(id)),
        _ => Err(Failure::unknown("a model", index, models, "models")),
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

/// Frees a shared plan; nothing for a null pointer.
///
/// # Safety
/// `shared` is null or a live handle, and is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_shared_plan_free(shared: *mut orionrt_shared_plan) {
    // SAFETY: the caller gives the handle back.
    unsafe { free(shared) };
}
