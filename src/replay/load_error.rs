//! Why a file with a session's plans was not loaded.

#![forbid(unsafe_code)]

use alloc::string::String;
use core::fmt;

use super::{address_range::MOST_LOG2, trace::MAX_ALIGNMENT};
use orionrt_plan::files::FileError;

/// Why a file with the plans of a session was not loaded. The session is as it was.
#[derive(Debug)]
#[non_exhaustive]
pub enum LoadError {
    /// The file cannot be read, is no file of this format, or is of another version.
    File(FileError),
    /// The file was saved for another engine or model.
    OtherFingerprint {
        /// The fingerprint in the file.
        found: String,
        /// The one that was asked for.
        expected: String,
    },
    /// A key is in the file twice.
    KeyTwice {
        /// The key, as its `Debug` implementation shows it.
        key: String,
    },
    /// A key has no lanes.
    NoLanes {
        /// The key.
        key: String,
    },
    /// A request cannot be what it says.
    Request {
        /// The key.
        key: String,
        /// The lane, counted from 0.
        lane: usize,
        /// The position of the request in the lane, counted from 0.
        request: usize,
        /// What is wrong.
        mistake: RequestMistake,
    },
}

/// What is wrong with a request in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestMistake {
    /// The size is 0, or larger than any block.
    Size {
        /// The size in bytes.
        size: u64,
    },
    /// The alignment is not a power of two, or too large.
    Alignment {
        /// The alignment in bytes.
        alignment: u64,
    },
    /// The request has an offset without room, or room without an offset.
    Half,
    /// The offset is not a multiple of the alignment, or that is above 2 MiB.
    Offset {
        /// The offset in bytes.
        offset: u64,
        /// The alignment in bytes.
        alignment: u64,
    },
    /// The room is less than the size, or ends beyond the largest region, which has 256 GiB.
    Room {
        /// The room in bytes.
        room: u64,
        /// The size in bytes.
        size: u64,
    },
    /// A helper's request has no place among those of all helpers, or one that is taken, too large,
    /// or not behind that of the request before it.
    Place {
        /// The place, counted from 0.
        place: Option<u32>,
    },
    /// There are more requests than a `u32` can number.
    TooMany,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => write!(f, "the plans of a session: {error}"),
            Self::OtherFingerprint { found, expected } => write!(
                f,
                "the plans are for '{found}', expected those for '{expected}'"
            ),
            Self::KeyTwice { key } => write!(f, "key '{key}' is there twice, expected it once"),
            Self::NoLanes { key } => write!(f, "key '{key}' has no lanes, expected at least one"),
            Self::Request {
                key,
                lane,
                request,
                mistake,
            } => write!(f, "key '{key}', lane {lane}, request {request}: {mistake}"),
        }
    }
}

impl fmt::Display for RequestMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size { size } => {
                let most = isize::MAX;
                write!(f, "size {size}, expected 1 to {most} bytes")
            }
            Self::Alignment { alignment } => {
                write!(f, "alignment {alignment}, expected a power of two")
            }
            Self::Half => write!(f, "an offset or a room alone, expected both or neither"),
            Self::Offset { offset, alignment } => write!(
                f,
                "offset {offset}, expected a multiple of the alignment, {alignment}, \
                 which must be at most {MAX_ALIGNMENT}"
            ),
            Self::Room { room, size } => write!(
                f,
                "room for {room} bytes, expected at least the size, {size}, and an end within \
                 2^{MOST_LOG2} bytes"
            ),
            Self::Place { place } => {
                match place {
                    Some(place) => write!(f, "place {place}")?,
                    None => write!(f, "no place")?,
                }
                write!(
                    f,
                    ", expected one for each request of all helpers, from 0 on, and greater ones \
                     along a lane"
                )
            }
            Self::TooMany => write!(f, "expected no more requests than a u32 can number"),
        }
    }
}

impl core::error::Error for LoadError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::File(error) => Some(error),
            _ => None,
        }
    }
}

impl From<FileError> for LoadError {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}
