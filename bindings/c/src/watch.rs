//! Searches that a function of the caller's watches.
//!
//! Stands on `planner`. The search runs in a thread of its own, and the thread that asked for it
//! calls the function, so that the function needs no locks and may use what belongs to its thread.
//! Invariant: when a watched search has returned, its thread has ended.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Instant;

use ::orionrt_plan::Planner;
use ::orionrt_plan::planner::{Cancel, Progress};

use crate::failure::Failure;
use crate::planner::PlannerValue;
use crate::progress::{Watcher, orionrt_progress};
use crate::status::orionrt_status::ORIONRT_INTERNAL;

/// Runs a search with the planner of these options, watched if they say so. The options are a copy,
/// as the function that watches may change or free the planner that it was set for.
pub(crate) fn search<T: Send>(
    options: PlannerValue,
    search: impl FnOnce(Planner) -> Result<T, Failure> + Send,
) -> Result<T, Failure> {
    let planner = options.planner;
    match options.watcher {
        None => search(planner),
        Some(watcher) => watched(watcher, planner, search),
    }
}

fn watched<T: Send>(
    watcher: Watcher,
    planner: Planner,
    search: impl FnOnce(Planner) -> Result<T, Failure> + Send,
) -> Result<T, Failure> {
    let cancel = Cancel::new();
    let progress = Progress::new();
    let planner = planner.cancelled_by(&cancel).reported_to(&progress);
    let (done, ended) = mpsc::channel::<()>();
    let start = Instant::now();
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("orionrt-plan".into());
        let thread = thread.spawn_scoped(scope, move || {
            // Dropped when the search ends, whatever way: that is what the other side waits for.
            let _done = done;
            search(planner)
        });
        let thread = thread.map_err(|error| {
            let message = format!("the system refuses a thread for the search: {error}");
            Failure::new(ORIONRT_INTERNAL, message)
        })?;
        while ended.recv_timeout(watcher.interval) == Err(RecvTimeoutError::Timeout) {
            let elapsed_us = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
            let so_far = orionrt_progress {
                elapsed_us,
                best_peak: progress.best_peak().unwrap_or(u64::MAX),
                lower_bound: progress.lower_bound(),
            };
            // SAFETY: whoever set the function said that it may be called with its data during
            // every call that plans, which this is.
            let goes_on = unsafe { (watcher.function)(&so_far, watcher.data) };
            if !goes_on {
                cancel.cancel();
                break;
            }
        }
        // A panic goes on here, and becomes an error at the boundary.
        let answer = thread.join();
        answer.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

#[cfg(test)]
mod tests {
    use std::ffi::c_void;
    use std::time::Duration;

    use super::*;
    use crate::boundary::catch;

    unsafe extern "C" fn goes_on(_: *const orionrt_progress, _: *mut c_void) -> bool {
        true
    }

    #[test]
    fn a_panic_in_a_watched_search_becomes_an_error() {
        let options = PlannerValue {
            planner: Planner::new(),
            watcher: Some(Watcher {
                function: goes_on,
                data: std::ptr::null_mut(),
                interval: Duration::from_millis(1),
            }),
        };
        let failure = catch(|| search::<()>(options, |_| panic!("a bug"))).unwrap_err();
        assert_eq!(failure.status, ORIONRT_INTERNAL);
        assert_eq!(failure.message, "the library panicked: a bug");
    }
}
