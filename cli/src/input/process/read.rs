//! The bytes of a recording that are in use.
//!
//! Stands on `orionrt-recording`. A file has room for much more than it holds, and reading all of
//! it would take memory for zeros. Invariant: no more bytes are read than the header says.

#![forbid(unsafe_code)]

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use orionrt_recording::{HEADER_BYTES, Reader, looks_like_recording, prefix_len};

use crate::{failure::Failure, input::read::Source};

/// Whether a file that begins with these bytes is the recording of a process.
pub(crate) fn looks_like_process(head: &[u8]) -> bool {
    looks_like_recording(head)
}

/// Whether the file at a path is the recording of a process. What can be read once is taken for
/// something else.
pub(crate) fn is_process(path: &Path) -> Result<bool, Failure> {
    Ok(path.is_file() && looks_like_process(&Source::open(path)?.head()?))
}

/// A recording in memory.
pub(crate) struct Process {
    bytes: Vec<u8>,
}

impl Process {
    /// Reads the file at a path, or standard input.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        Self::of(path, Source::open(path)?)
    }

    /// Reads what is in use of a source that is already open.
    pub(crate) fn of(path: &Path, source: Source) -> Result<Self, Failure> {
        let failed = |source| Failure::Read {
            path: path.into(),
            source,
        };
        let bytes = match source {
            Source::Bytes(bytes) => bytes,
            Source::File(file) => used(&file).map_err(failed)?,
        };
        Ok(Self { bytes })
    }

    /// Checks it.
    pub(crate) fn reader(&self, path: &Path) -> Result<Reader<'_>, Failure> {
        Reader::new(&self.bytes).map_err(|error| Failure::file(path, error))
    }
}

/// The bytes that are in use, as far as the file has them.
fn used(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let mut bytes = Vec::new();
    (&mut file)
        .take(HEADER_BYTES as u64)
        .read_to_end(&mut bytes)?;
    if let Ok(used) = prefix_len(&bytes) {
        let more = used.saturating_sub(bytes.len() as u64);
        file.take(more).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}
