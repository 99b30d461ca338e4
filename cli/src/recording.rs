//! Recordings read by other programs: the events of a heap, and what it held.
//!
//! Stands on [`input`](crate::input). Invariant: a file is read as `orionrt plan` reads it.

#![forbid(unsafe_code)]

use std::{error::Error, fmt, io, path::Path};

use orionrt::{
    Lifetimes,
    files::{CsvWarning, FileError},
};

use crate::{failure::Failure, input};

pub use crate::input::{HeapEvent, HeapEventKind, HeapRecording, HeapUsage, RecordingForm};

/// Why a file is not read as a recording.
#[derive(Debug)]
#[non_exhaustive]
pub enum RecordingError {
    /// The system cannot read it.
    Read(io::Error),
    /// It holds something wrong, or is of another kind.
    Content {
        /// What is there, and what was expected.
        text: String,
        /// The line of the mistake, counted from 1, where the file has lines.
        line: Option<u64>,
        /// The column in bytes, counted from 1, of a mistake in JSON.
        column: Option<u64>,
    },
    /// The rows of a file of lifetimes hold something wrong.
    Rows(FileError),
    /// It has no such device, or several of which none is chosen.
    Device {
        /// The device that was asked for.
        device: Option<String>,
        /// Those that there are; none if a file of its kind has none.
        known: Vec<String>,
    },
}

impl fmt::Display for RecordingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => error.fmt(f),
            Self::Content { text, .. } => f.write_str(text),
            Self::Rows(error) => error.fmt(f),
            Self::Device { device, known } => match device {
                Some(device) if known.is_empty() => {
                    write!(
                        f,
                        "device '{device}' is chosen, and the file names no devices"
                    )
                }
                Some(device) => write!(
                    f,
                    "there is no device '{device}', expected one of: {}",
                    listed(known)
                ),
                None => write!(
                    f,
                    "there are several devices, expected one to be chosen of: {}",
                    listed(known)
                ),
            },
        }
    }
}

impl Error for RecordingError {}

/// The first devices of a list.
fn listed(devices: &[String]) -> String {
    const MOST: usize = 64;
    devices[..devices.len().min(MOST)].join(", ")
}

/// Reads a recording of a process, of `ReplayAlloc`, of heaptrack, a memory snapshot of PyTorch, or
/// CSV. Of a snapshot, that is this device, or else the one with the most bytes alive at once; of
/// CSV with a column `device`, this one or the only one.
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
pub fn read_recording(path: &Path, device: Option<&str>) -> Result<HeapRecording, RecordingError> {
    input::recording(path, device).map_err(RecordingError::of)
}

/// Reads lifetimes from CSV or idealloc's `.plc`, and what in them is not planned. Of CSV with a
/// column `device`, that is this device or the only one.
///
/// # Errors
/// When the file cannot be read, holds something wrong, or has several devices and none is chosen.
pub fn read_lifetimes(
    path: &Path,
    device: Option<&str>,
) -> Result<(Lifetimes, Vec<CsvWarning>), RecordingError> {
    input::rows(path, device).map_err(RecordingError::of)
}

impl RecordingError {
    fn of(failure: Failure) -> Self {
        match failure {
            Failure::Read { source, .. } => Self::Read(source),
            Failure::Device { device, known, .. } => Self::Device { device, known },
            Failure::File { error, .. } => match error.downcast::<FileError>() {
                Ok(error) => Self::Rows(*error),
                Err(error) => {
                    let (line, column) = input::place(&*error);
                    let text = error.to_string();
                    Self::Content { text, line, column }
                }
            },
            other => Self::Content {
                text: other.to_string(),
                line: None,
                column: None,
            },
        }
    }
}
