//! Files that are written.
//!
//! Stands on `errors`. Invariant: what was written is in the file, or there is an error.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

use pyo3::prelude::*;

use crate::errors::os_error;

/// Writes a file without the interpreter's lock.
pub(crate) fn create<E: From<io::Error> + Send>(
    py: Python<'_>,
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<(), E> + Send,
) -> PyResult<Result<(), E>> {
    let file = File::create(path).map_err(|error| os_error(path, &error))?;
    Ok(py.detach(|| {
        let mut output = BufWriter::new(file);
        write(&mut output)?;
        Ok(output.flush()?)
    }))
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
