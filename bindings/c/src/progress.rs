//! What the caller's function is told of a search, and that function.
//!
//! Stands on nothing.

use std::ffi::c_void;
use std::time::Duration;

/// A search that goes on, as `orionrt_progress_function` is told. A new field is a new
/// `ORIONRT_ABI_VERSION`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct orionrt_progress {
    /// How long the search has gone on, in microseconds.
    pub elapsed_us: u64,
    /// The peak in bytes of the best plan found so far; `UINT64_MAX` before the first one. Of a
    /// shared plan, it is that of the search for all models together.
    pub best_peak: u64,
    /// A lower bound in bytes of the peak of every plan, as it is known without a search; 0 until
    /// the planner has found it out.
    pub lower_bound: u64,
}

/// Is called while a search goes on, on the thread that asked for the plan. Return false to end the
/// search: the plan is then the best one found by then.
///
/// It may call any function of this library, its planner's among them, except one that changes or
/// frees the lifetimes or the set that this search plans. What it changes of its planner holds for
/// later plans. It must return: it must not throw, `longjmp` or end its thread.
pub type orionrt_progress_function =
    Option<unsafe extern "C" fn(progress: *const orionrt_progress, data: *mut c_void) -> bool>;

/// A function of the caller's that watches a search.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watcher {
    pub(crate) function: unsafe extern "C" fn(*const orionrt_progress, *mut c_void) -> bool,
    pub(crate) data: *mut c_void,
    pub(crate) interval: Duration,
}

// SAFETY: the function and its data are used by calls that plan alone, and whoever set them said
// that the function may be called with the data during each of those, on its thread.
unsafe impl Send for Watcher {}
// SAFETY: as for `Send`; several plans of one planner at once are among those calls.
unsafe impl Sync for Watcher {}
