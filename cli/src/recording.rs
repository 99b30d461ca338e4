//! Recordings read by other programs: the events of a heap, and what it held.
//!
//! Stands on [`input`](crate::input). Invariant: a file is read as `orionrt plan` reads it.

#![forbid(unsafe_code)]

use std::{error::Error, fmt, io, path::Path};

use crate::{failure::Failure, input};

pub use crate::input::{HeapEvent, HeapEventKind, HeapRecording, HeapUsage, RecordingForm};

/// Why a file is not read as a recording.
#[derive(Debug)]
#[non_exhaustive]
pub enum RecordingError {
    /// The system cannot read it.
    Read(io::Error),
    /// It holds something wrong, or is of another kind: what is there, and what was expected.
    Content(String),
    /// It has no such device, or has none at all.
    Device(String),
}

impl fmt::Display for RecordingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => error.fmt(f),
            Self::Content(text) | Self::Device(text) => f.write_str(text),
        }
    }
}

impl Error for RecordingError {}

/// Reads a recording of `ReplayAlloc`, of heaptrack, a memory snapshot of PyTorch, or CSV: of a
/// snapshot this device, or else the one with the most bytes alive at once.
///
/// ```
/// use orionrt_cli::read_recording;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("rows.csv");
/// std::fs::write(&path, "id,lower,upper,size\na,0,2,10\nb,1,3,20\n")?;
/// let recording = read_recording(&path, None)?;
/// assert_eq!(recording.events().len(), 4);
/// let live = recording.usage().into_iter().map(|told| told.live_bytes);
/// assert_eq!(live.collect::<Vec<_>>(), [10, 30, 20, 0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// When the file cannot be read, or is no recording; see [`RecordingError`].
pub fn read_recording(path: &Path, device: Option<u64>) -> Result<HeapRecording, RecordingError> {
    input::recording(path, device).map_err(|failure| match failure {
        Failure::Read { source, .. } => RecordingError::Read(source),
        Failure::Usage(text) => RecordingError::Device(text),
        Failure::File { error, .. } => RecordingError::Content(error.to_string()),
        other => RecordingError::Content(other.to_string()),
    })
}
