//! The bytes of a file.
//!
//! Stands on [`failure`](crate::failure). Invariant: the message about a file that cannot be read
//! names it.

#![forbid(unsafe_code)]

use std::{fs, path::Path};

use crate::failure::Failure;

/// Reads all of a file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|source| Failure::Read {
        path: path.into(),
        source,
    })
}

/// Whether the file's extension is this one, in any case of letters.
pub(super) fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension()
        .is_some_and(|e| e.eq_ignore_ascii_case(extension))
}
