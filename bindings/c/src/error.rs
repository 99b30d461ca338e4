//! Errors as C sees them: a handle for each error, which the caller frees.
//!
//! Stands on `failure` and `boundary`. An error belongs to the call that failed, as in LLVM's C
//! interface and in ADBC, rather than to the thread, as `errno` does, or to a connection, as in
//! SQLite: the jobs of a compiler change threads between a call and the look at its error, and
//! many threads use one set of lifetimes at once. Invariant: each call that fails gives one error,
//! if the caller has a place for it, and the place is null after a call that succeeds.

use std::ffi::{CString, c_char};

use ::orionrt_plan::Plan;

use crate::boundary::{Handle, ask, catch, free, get_mut, give, lend};
use crate::failure::Failure;
use crate::handles::orionrt_plan;
use crate::pointers::{put, put_if_wanted};
use crate::status::orionrt_status;

/// "None" where a position is asked for: the largest `size_t`.
///
/// cbindgen:ignore
pub const ORIONRT_NONE: usize = usize::MAX;

/// Why a call failed. Free it with `orionrt_error_free`.
pub struct orionrt_error(());

/// What the handle of an error stands for.
#[derive(Debug)]
pub(crate) struct ErrorValue {
    status: orionrt_status,
    message: CString,
    index: usize,
    best: Option<Box<Plan>>,
}

impl Handle for orionrt_error {
    const NAME: &'static str = "error";
    type Value = ErrorValue;
}

impl From<Failure> for ErrorValue {
    fn from(failure: Failure) -> Self {
        let message = failure.message.replace('\0', "\u{fffd}");
        Self {
            status: failure.status,
            message: CString::new(message).unwrap_or_default(),
            index: failure.index.unwrap_or(ORIONRT_NONE),
            best: failure.best,
        }
    }
}

/// Runs what a function does, and hands its error to C.
///
/// # Safety
/// `error` is null, or a pointer may be written there.
pub(crate) unsafe fn call(
    error: *mut *mut orionrt_error,
    body: impl FnOnce() -> Result<(), Failure>,
) -> orionrt_status {
    let (status, handle) = match catch(body) {
        Ok(()) => (orionrt_status::ORIONRT_OK, std::ptr::null_mut()),
        Err(failure) if error.is_null() => (failure.status, std::ptr::null_mut()),
        Err(failure) => (failure.status, give(failure.into())),
    };
    if !error.is_null() {
        // SAFETY: the pointer is not null, and the caller says that it may be written to; there is
        // no way left to refuse one that is not aligned.
        unsafe { error.write_unaligned(handle) };
    }
    status
}

/// Makes a value and hands it to C; `out` is null after an error.
///
/// # Safety
/// `out` and `error` are null, or pointers may be written there.
pub(crate) unsafe fn create<H: Handle>(
    out: *mut *mut H,
    error: *mut *mut orionrt_error,
    make: impl FnOnce() -> Result<H::Value, Failure>,
) -> orionrt_status {
    // SAFETY: the caller says of both pointers what `call` and `put` ask for.
    unsafe {
        call(error, || {
            put(out, std::ptr::null_mut(), H::NAME)?;
            put(out, give(make()?), H::NAME)
        })
    }
}

/// Changes the value of a handle.
///
/// # Safety
/// `handle` is null or live, and nobody else uses it; `error` is null or may be written to.
pub(crate) unsafe fn change<H: Handle>(
    handle: *mut H,
    error: *mut *mut orionrt_error,
    body: impl FnOnce(&mut H::Value) -> Result<(), Failure>,
) -> orionrt_status {
    // SAFETY: the caller says of both pointers what `get_mut` and `call` ask for.
    unsafe { call(error, || body(get_mut(handle)?)) }
}

/// Adds something to the value of a handle, and writes its number to `out` if that is wanted;
/// `ORIONRT_NONE` after an error.
///
/// # Safety
/// As for [`change`]; `out` is null or may be written to.
pub(crate) unsafe fn add<H: Handle>(
    handle: *mut H,
    out: *mut usize,
    what: &str,
    error: *mut *mut orionrt_error,
    body: impl FnOnce(&mut H::Value) -> Result<usize, Failure>,
) -> orionrt_status {
    // SAFETY: the caller says of the pointers what `get_mut`, `put_if_wanted` and `call` ask for.
    unsafe {
        call(error, || {
            put_if_wanted(out, ORIONRT_NONE, what)?;
            put_if_wanted(out, body(get_mut(handle)?)?, what)
        })
    }
}

/// The kind of an error; `ORIONRT_OK` for a null pointer.
///
/// # Safety
/// `error` is null or an error that has not been freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_error_status(error: *const orionrt_error) -> orionrt_status {
    // SAFETY: the caller says that the handle is null or live.
    unsafe { ask(error, |error| error.status) }
}

/// What is wrong, in English and UTF-8: the place, the value found, and what was expected. It is
/// valid until the error is freed; null for a null pointer.
///
/// # Safety
/// `error` is null or an error that has not been freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_error_message(error: *const orionrt_error) -> *const c_char {
    // SAFETY: the caller says that the handle is null or live.
    unsafe { ask(error, |error| error.message.as_ptr()) }
}

/// The row or tensor that the error is about, counted from 0: the later one of two. `ORIONRT_NONE`
/// if it is about none.
///
/// # Safety
/// `error` is null or an error that has not been freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_error_index(error: *const orionrt_error) -> usize {
    if error.is_null() {
        return ORIONRT_NONE;
    }
    // SAFETY: the caller says that the handle is null or live.
    unsafe { ask(error, |error| error.index) }
}

/// The best plan found, if the error is `ORIONRT_OVER_CAPACITY`, else null. It belongs to the
/// error and is valid until the error is freed.
///
/// # Safety
/// `error` is null or an error that has not been freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_error_best_plan(
    error: *const orionrt_error,
) -> *const orionrt_plan {
    // SAFETY: the caller says that the handle is null or live.
    unsafe {
        ask(error, |error| {
            let best = error.best.as_deref();
            best.map_or(std::ptr::null(), lend)
        })
    }
}

/// Frees an error; nothing for a null pointer.
///
/// # Safety
/// `error` is null or an error that has not been freed, and is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_error_free(error: *mut orionrt_error) {
    // SAFETY: the caller gives the handle back.
    unsafe { free(error) };
}
