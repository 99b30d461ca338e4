//! Files that are written.
//!
//! Stands on `errors` and on `tempfile`. A file is written under a temporary name in the folder of
//! its target, and gets its name when it is complete. Of a symbolic link, the file that it leads to
//! is replaced; a pipe or a device is written as it is. Invariant: an error leaves an older file
//! untouched and no new one behind.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use pyo3::prelude::*;
use tempfile::NamedTempFile;

use crate::errors::os_error;

/// Writes a file without the interpreter's lock. The outer error is the system's, the inner one
/// that of `write`.
pub(crate) fn create<E: From<io::Error> + Send>(
    py: Python<'_>,
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<(), E> + Send,
) -> PyResult<Result<(), E>> {
    let written = py.detach(|| match fs::metadata(path) {
        Ok(found) if !found.is_file() => {
            fill(File::create(path)?, write).map(|done| done.map(drop))
        }
        found => replace(path, found.ok().as_ref(), write),
    });
    written.map_err(|error| os_error(py, path, &error))
}

/// Writes bytes into a file, which appears complete or not at all.
#[pyfunction]
pub(crate) fn write_file(py: Python<'_>, path: PathBuf, data: &[u8]) -> PyResult<()> {
    let written = create(py, &path, |output| output.write_all(data))?;
    written.map_err(|error| os_error(py, &path, &error))
}

fn replace<E: From<io::Error>>(
    path: &Path,
    replaced: Option<&fs::Metadata>,
    write: impl FnOnce(&mut dyn Write) -> Result<(), E>,
) -> io::Result<Result<(), E>> {
    // Where links lead; a new file, or a link to nothing, is at the path itself.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let folder = target.parent().filter(|folder| *folder != Path::new(""));
    let staged = temporary(folder.unwrap_or(Path::new(".")), replaced.is_none())?;
    let staged = match fill(staged, write)? {
        Ok(staged) => staged,
        Err(error) => return Ok(Err(error)),
    };
    if let Some(replaced) = replaced {
        staged.as_file().set_permissions(replaced.permissions())?;
    }
    staged.persist(&target).map_err(|error| error.error)?;
    Ok(Ok(()))
}

/// A temporary file. A new one has the permissions of any other new file; one that replaces another
/// is private until it has that one's.
fn temporary(folder: &Path, is_new: bool) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".orionrt-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = if is_new { 0o666 } else { 0o600 };
        builder.permissions(fs::Permissions::from_mode(mode));
    }
    #[cfg(not(unix))]
    let _ = is_new;
    builder.tempfile_in(folder)
}

/// The file, once everything has been written into it.
fn fill<F: Write, E: From<io::Error>>(
    file: F,
    write: impl FnOnce(&mut dyn Write) -> Result<(), E>,
) -> io::Result<Result<F, E>> {
    let mut output = BufWriter::new(file);
    if let Err(error) = write(&mut output) {
        return Ok(Err(error));
    }
    let file = output
        .into_inner()
        .map_err(io::IntoInnerError::into_error)?;
    Ok(Ok(file))
}

/// What a page or a picture is called, unless the user says it.
pub(crate) fn stem(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

/// Whether a file is CSV, by its name.
pub(crate) fn is_csv(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "csv")
}
