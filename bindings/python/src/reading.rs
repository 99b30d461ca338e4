//! What is wrong in a file that the command line's library reads, and what in it is not planned.
//!
//! Stands on `errors` and `raise`. Invariant: an exception has the path, and every place and name
//! that the library tells.

use std::{ffi::CString, path::Path};

use orionrt::files::CsvWarning;
use orionrt_cli::RecordingError;
use pyo3::{exceptions::PyUserWarning, prelude::*};

use crate::{
    errors::{file_error, os_error},
    raise::Exception,
};

/// The most warnings of a file.
const MOST_WARNINGS: usize = 20;

/// Why a file was not read.
pub(crate) fn reading_error(py: Python<'_>, path: &Path, error: &RecordingError) -> PyErr {
    let message = format!("{}: {error}", path.display());
    match error {
        RecordingError::Read(error) => os_error(py, path, error),
        RecordingError::Rows(error) => file_error(py, path, error),
        RecordingError::Device { device, known } => Exception::new(py, "DeviceError", message)
            .with("path", path)
            .with("device", device.as_deref())
            .with("devices", known)
            .error(),
        RecordingError::Content { line, column, .. } => Exception::new(py, "FileError", message)
            .with("path", path)
            .with("line", *line)
            .with("column", *column)
            .error(),
        _ => Exception::new(py, "FileError", message)
            .with("path", path)
            .error(),
    }
}

/// Issues the first warnings of a file, and how many more there are.
pub(crate) fn warn(
    py: Python<'_>,
    path: &Path,
    warnings: &[CsvWarning],
    stack_level: i32,
) -> PyResult<()> {
    let issue = |text: String| {
        let text = format!("{}: {text}", path.display()).replace('\0', "\u{fffd}");
        let text = CString::new(text)?;
        PyErr::warn(py, &py.get_type::<PyUserWarning>(), &text, stack_level)
    };
    for warning in warnings.iter().take(MOST_WARNINGS) {
        issue(warning.to_string())?;
    }
    match warnings.len().saturating_sub(MOST_WARNINGS) {
        0 => Ok(()),
        more => issue(format!("there are {more} more such warnings")),
    }
}
