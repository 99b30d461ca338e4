//! One interpreter of a process uses the package.
//!
//! Stands on nothing. Types are static, so objects of two interpreters would meet. Invariant: the
//! interpreter that imports the module first is the only one that can.

use std::sync::atomic::{AtomicI64, Ordering};

use pyo3::{exceptions::PyImportError, ffi, prelude::*};

/// No interpreter has this number.
const NONE: i64 = -1;

static OWNER: AtomicI64 = AtomicI64::new(NONE);

/// Fails if another interpreter has imported the module.
pub(crate) fn claim(_py: Python<'_>) -> PyResult<()> {
    // SAFETY: this thread is attached to an interpreter, which is the one that is asked for.
    let own = unsafe { ffi::PyInterpreterState_GetID(ffi::PyInterpreterState_Get()) };
    match OWNER.compare_exchange(NONE, own, Ordering::Relaxed, Ordering::Relaxed) {
        Err(other) if other != own => Err(PyImportError::new_err(
            "orionrt was imported by another interpreter of this process; subinterpreters cannot \
             share it",
        )),
        _ => Ok(()),
    }
}
