//! The main interpreter of a process alone uses the package.
//!
//! Stands on nothing. Types are static, so objects of two interpreters would meet. Invariant: no
//! subinterpreter can import the module, whether the main one has done so or not.

use pyo3::{exceptions::PyImportError, ffi, prelude::*};

/// The number of the main interpreter.
const MAIN: i64 = 0;

/// Fails in a subinterpreter.
pub(crate) fn refuse_subinterpreters(_py: Python<'_>) -> PyResult<()> {
    // SAFETY: this thread is attached to an interpreter, which is the one that is asked for.
    let own = unsafe { ffi::PyInterpreterState_GetID(ffi::PyInterpreterState_Get()) };
    match own {
        MAIN => Ok(()),
        _ => Err(PyImportError::new_err(
            "only the main interpreter of a process can import orionrt, not a subinterpreter",
        )),
    }
}
