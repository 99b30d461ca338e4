//! The options of planning.
//!
//! Stands on `progress` and `strategy`. They are a handle with setters rather than a structure,
//! so that a new option changes no binary interface. Invariant: an option that was set is one the
//! planner takes.

use std::ffi::{c_char, c_void};
use std::time::Duration;

use ::orionrt_plan::Planner;

use crate::alignment::check_alignment;
use crate::boundary::{Handle, free, get, give};
use crate::error::{change, orionrt_error};
use crate::failure::Failure;
use crate::handles::orionrt_plan;
use crate::pointers::string;
use crate::progress::{Watcher, orionrt_progress_function};
use crate::status::orionrt_status::{self, *};
use crate::strategy::STRATEGIES;

/// The most threads that a search may have: more do not speed it up, and the system may not grant
/// them.
const MOST_THREADS: usize = 1024;

/// The options of planning. Where a function takes them, null means the defaults: the strategy
/// "auto", a time limit of one second, one thread. Free them with `orionrt_planner_free`.
pub struct orionrt_planner(());

/// What the handle of a planner stands for.
#[derive(Clone, Debug, Default)]
pub(crate) struct PlannerValue {
    pub(crate) planner: Planner,
    pub(crate) watcher: Option<Watcher>,
}

impl Handle for orionrt_planner {
    const NAME: &'static str = "planner";
    type Value = PlannerValue;
}

/// Options with their defaults.
#[unsafe(no_mangle)]
pub extern "C" fn orionrt_planner_new() -> *mut orionrt_planner {
    give(PlannerValue::default())
}

/// Sets an option, or leaves everything as it is.
///
/// # Safety
/// The planner is null or a live handle, and nobody else uses it; `error` is null or may be written
/// to.
unsafe fn set(
    planner: *mut orionrt_planner,
    error: *mut *mut orionrt_error,
    with: impl FnOnce(Planner) -> Result<Planner, Failure>,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of both pointers.
    unsafe {
        change(planner, error, |value| {
            value.planner = with(value.planner.clone())?;
            Ok(())
        })
    }
}

/// Limits how long a search may take, in microseconds. The answer is the best plan found by then;
/// there always is one.
///
/// # Safety
/// `planner` is null or a live handle, and no other thread uses it; `error` is null or may be
/// written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_planner_set_time_limit_us(
    planner: *mut orionrt_planner,
    microseconds: u64,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    let limit = Duration::from_micros(microseconds);
    // SAFETY: the caller keeps what `# Safety` asks of both pointers.
    unsafe { set(planner, error, |planner| Ok(planner.time_limit(limit))) }
}

/// Limits the work of a search instead of its time: a limit of time that was set before is removed,
/// and one that is set afterwards applies as well. A node is one tensor tried at one offset; with
/// one thread and no limit of time, equal limits and seeds give equal plans on every machine.
///
/// # Safety
/// `planner` is null or a live handle, and no other thread uses it; `error` is null or may be
/// written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_planner_set_node_limit(
    planner: *mut orionrt_planner,
    nodes: u64,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of both pointers.
    unsafe { set(planner, error, |planner| Ok(planner.nodes(nodes))) }
}

/// Searches with this many threads, from 1 to 1024, each with a seed of its own.
///
/// # Safety
/// `planner` is null or a live handle, and no other thread uses it; `error` is null or may be
/// written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_planner_set_threads(
    planner: *mut orionrt_planner,
    threads: usize,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of both pointers.
    unsafe {
        set(planner, error, |planner| match threads {
            1..=MOST_THREADS => Ok(planner.threads(threads)),
            _ => Err(Failure::invalid(
                "the number of threads",
                threads,
                "1 to 1024",
            )),
        })
    }
}

/// Stops at the first plan whose peak is at most this many bytes. If there is none, planning fails
/// with `ORIONRT_OVER_CAPACITY`, and the error has the best plan.
///
/// # Safety
/// `planner` is null or a live handle, and no other thread uses it; `error` is null or may be
/// written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_planner_set_capacity(
    planner: *mut orionrt_planner,
    bytes: u64,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of both pointers.
    unsafe { set(planner, error, |planner| Ok(planner.capacity(bytes))) }
}

/// Raises the alignment of every tensor to at least this many bytes, a power of two up to
/// 2^62.
///
/// # Safety
/// `planner` is null or a live handle, and no other thread uses it; `error` is null or may be
/// written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_planner_set_alignment(
    planner: *mut orionrt_planner,
    bytes: u64,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of both pointers.
    unsafe {
        set(planner, error, |planner| {
            check_alignment(bytes)?;
            Ok(planner.alignment(bytes))
        })
    }
}

/// Sets the seed for random choices; it is 0 by default.
///
/// # Safety
/// `planner` is null or a live handle, and no other thread uses it; `error` is null or may be
/// written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_planner_set_seed(
    planner: *mut orionrt_planner,
    seed: u64,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of both pointers.
    unsafe { set(planner, error, |planner| Ok(planner.seed(seed))) }
}

/// Uses the strategy of this name, one of those that `orionrt_strategy_name` lists.
///
/// # Safety
/// `planner` is null or a live handle, and no other thread uses it; `name` is null or ends with a
/// zero byte; `error` is null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_planner_set_strategy(
    planner: *mut orionrt_planner,
    name: *const c_char,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of the pointers.
    unsafe {
        set(planner, error, |planner| {
            let name = string(name, "name")?;
            planner.strategy_named(name).ok_or_else(|| {
                let known = STRATEGIES.map(|name| name.to_string_lossy()).join(", ");
                let message = format!("no strategy is called '{name}'; expected one of {known}");
                Failure::new(ORIONRT_UNKNOWN_STRATEGY, message)
            })
        })
    }
}

/// Keeps tensors where a previous plan has them, if their names and sizes are still the same and
/// their bytes are free. The plan is read during the call alone.
///
/// # Safety
/// `planner` is null or a live handle, and no other thread uses it; `plan` is null or a live
/// handle; `error` is null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_planner_keep(
    planner: *mut orionrt_planner,
    plan: *const orionrt_plan,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of the pointers.
    unsafe { set(planner, error, |planner| Ok(planner.keep(get(plan)?))) }
}

/// Starts from a previous plan, matched by the names of the tensors: if it still is a plan, the
/// answer has no higher peak. The plan is read during the call alone.
///
/// # Safety
/// `planner` is null or a live handle, and no other thread uses it; `plan` is null or a live
/// handle; `error` is null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_planner_start_from(
    planner: *mut orionrt_planner,
    plan: *const orionrt_plan,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of the pointers.
    unsafe { set(planner, error, |planner| Ok(planner.start_from(get(plan)?))) }
}

/// Calls a function while a search goes on, once every `interval_us` microseconds, on the thread
/// that asked for the plan; with a null `function`, later plans have none. The search then has a
/// thread of its own. `data` is handed to the function. Several plans of one planner at once call
/// it from several threads at once.
///
/// # Safety
/// `planner` is null or a live handle, and no other thread uses it; `function` may be called with
/// `data` during every later call that plans, on the thread of that call; `error` is null or may be
/// written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_planner_set_progress(
    planner: *mut orionrt_planner,
    function: orionrt_progress_function,
    data: *mut c_void,
    interval_us: u64,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of both pointers.
    unsafe {
        change(planner, error, |value| {
            value.watcher = function.map(|function| Watcher {
                function,
                data,
                interval: Duration::from_micros(interval_us.max(1)),
            });
            Ok(())
        })
    }
}

/// Frees options; nothing for a null pointer.
///
/// # Safety
/// `planner` is null or a live handle, and is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_planner_free(planner: *mut orionrt_planner) {
    // SAFETY: the caller gives the handle back.
    unsafe { free(planner) };
}
