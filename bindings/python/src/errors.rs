//! Errors of planning as exceptions.
//!
//! Stands on `raise`. Each kind of error has a class of its own, or an attribute that tells it from
//! others of its class. Invariant: a message is the library's own.

use std::{io, path::Path};

use orionrt::{
    TensorId,
    files::{FileError, FileMistake, FilePosition},
    lifetimes::LifetimesError,
    plan::PlanError,
};
use pyo3::{exceptions::PyOSError, prelude::*};

use crate::raise::Exception;

/// A row that was refused.
pub(crate) fn lifetimes_error(py: Python<'_>, error: &LifetimesError) -> PyErr {
    row_error(py, error.row, Some(&error.id), error)
}

/// A row that was refused; its name if it has one.
pub(crate) fn row_error(
    py: Python<'_>,
    row: usize,
    name: Option<&str>,
    message: impl std::fmt::Display,
) -> PyErr {
    let exception = Exception::new(py, "LifetimeError", message);
    exception.with("row", row).with("name", name).error()
}

/// A row of columns that was refused because of what a column has there.
pub(crate) fn column_error(
    py: Python<'_>,
    row: usize,
    column: &str,
    message: impl std::fmt::Display,
) -> PyErr {
    let exception = Exception::new(py, "LifetimeError", message);
    let exception = exception.with("row", row).with("name", None::<&str>);
    exception.with("column", column).error()
}

/// Offsets that are no plan.
pub(crate) fn plan_error(py: Python<'_>, error: &PlanError) -> PyErr {
    let raise = |class| Exception::new(py, class, error);
    let one = |class, id: &TensorId, name: &str, offset: u64| {
        let exception = raise(class).with("ids", (id.index(),));
        exception.with("names", (name,)).with("offset", offset)
    };
    let pair = |ids: &[TensorId; 2], names: &[String; 2], bytes: &std::ops::Range<u64>| {
        let exception = raise("OverlapError").with("ids", (ids[0].index(), ids[1].index()));
        let exception = exception.with("names", (&*names[0], &*names[1]));
        exception.with_range("bytes", bytes.clone())
    };
    let exception = match error {
        PlanError::Count { tensors, offsets } => raise("CountError")
            .with("tensors", *tensors)
            .with("offsets", *offsets),
        PlanError::Misaligned {
            id,
            name,
            offset,
            alignment,
        } => one("MisalignedError", id, name, *offset).with("alignment", *alignment),
        PlanError::NotAtFixedOffset {
            id,
            name,
            offset,
            fixed,
        } => one("MisplacedError", id, name, *offset).with("expected", *fixed),
        PlanError::NotWithinRoot {
            id,
            name,
            offset,
            expected,
        } => one("MisplacedError", id, name, *offset).with("expected", *expected),
        PlanError::OutOfRange {
            id,
            name,
            offset,
            size,
        } => one("OutOfRangeError", id, name, *offset).with("size", *size),
        PlanError::Overlap {
            ids,
            names,
            bytes,
            steps,
        } => pair(ids, names, bytes).with_range("steps", steps.clone()),
        PlanError::StreamsOverlap { ids, names, bytes }
        | PlanError::ModelsOverlap { ids, names, bytes } => pair(ids, names, bytes),
        _ => raise("PlanError"),
    };
    exception.error()
}

/// A file that cannot be read as lifetimes or as a plan, or that cannot be written.
pub(crate) fn file_error(py: Python<'_>, path: &Path, error: &FileError) -> PyErr {
    if let FileMistake::Io { kind, reason } = &error.mistake {
        return os_error(py, path, &io::Error::new(*kind, reason.clone()));
    }
    let message = format!("{}: {error}", path.display());
    let exception = Exception::new(py, "FileError", message).with("path", path);
    let exception = match error.position {
        FilePosition::Line(line) => exception.with("line", line),
        FilePosition::LineColumn { line, column } => {
            exception.with("line", line).with("column", column)
        }
        FilePosition::Tensor(index) => exception.with("tensor", index),
        _ => exception,
    };
    exception.error()
}

/// What the operating system refused, with the name of the file as Python has it.
pub(crate) fn os_error(py: Python<'_>, path: &Path, error: &io::Error) -> PyErr {
    let number = raw_number(error).or_else(|| number(py, error.kind()));
    let text = error.to_string();
    // Python adds the number by itself.
    let text = text.split(" (os error").next().unwrap_or_default();
    // It chooses the class by the number: FileNotFoundError, PermissionError, ...
    PyOSError::new_err((number, text.to_string(), path.as_os_str().to_os_string()))
}

/// The number of an error, or of the one within.
fn raw_number(error: &io::Error) -> Option<i32> {
    let within = || error.get_ref()?.downcast_ref().and_then(raw_number);
    error.raw_os_error().or_else(within)
}

/// The number of an error that a file's reader has told by its kind alone.
fn number(py: Python<'_>, kind: io::ErrorKind) -> Option<i32> {
    use io::ErrorKind as Kind;
    let name = match kind {
        Kind::NotFound => "ENOENT",
        Kind::PermissionDenied => "EACCES",
        Kind::AlreadyExists => "EEXIST",
        Kind::IsADirectory => "EISDIR",
        Kind::NotADirectory => "ENOTDIR",
        Kind::StorageFull => "ENOSPC",
        Kind::QuotaExceeded => "EDQUOT",
        Kind::FileTooLarge => "EFBIG",
        Kind::ReadOnlyFilesystem => "EROFS",
        Kind::BrokenPipe => "EPIPE",
        Kind::Interrupted => "EINTR",
        Kind::TimedOut => "ETIMEDOUT",
        _ => "EIO",
    };
    let errno = py.import("errno").ok()?;
    errno.getattr(name).ok()?.extract().ok()
}
