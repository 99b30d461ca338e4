//! The command line, as the package installs it.
//!
//! Stands on the command line's library. Invariant: the interpreter's lock is free while it runs.

use std::ffi::OsString;

use pyo3::prelude::*;

/// Runs the command line with these arguments, of which the first is the name of the program, and
/// returns the exit status.
#[pyfunction]
pub(crate) fn command(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    py.detach(|| orionrt_cli::main_with(arguments))
}
