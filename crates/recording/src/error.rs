//! What can be wrong with the bytes of a recording.

use core::{error::Error, fmt};

/// Why bytes are not read as a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordingError {
    /// They do not begin as a recording does.
    NotARecording,
    /// A recording that a machine of the other byte order has made.
    ByteOrder,
    /// A recording of another version.
    Version(u64),
    /// They end within the header, or before the last chunk that was claimed.
    TooShort {
        /// How many bytes there are.
        bytes: u64,
        /// How many there have to be.
        expected: u64,
    },
    /// The header has a number that is too large.
    Header {
        /// What the number says.
        what: &'static str,
        /// The number.
        value: u64,
        /// The largest that it can be.
        most: u64,
    },
    /// A chunk has more words of events than there is room for.
    Used {
        /// The position of the chunk.
        chunk: usize,
        /// How many words it says are in use.
        words: u64,
        /// How many it has room for.
        most: usize,
    },
    /// The last event of a chunk has more words than are in use.
    Cut {
        /// The position of the chunk.
        chunk: usize,
        /// The position of the event in the chunk.
        event: usize,
    },
    /// A chunk is larger than chunks are, or than what is left of the recording.
    Units {
        /// The position of the chunk.
        chunk: usize,
        /// How many units it says it has.
        units: u64,
        /// The most that it can have.
        most: usize,
    },
    /// A chunk that no thread has, has events.
    NoThread {
        /// The position of the chunk.
        chunk: usize,
    },
    /// There is no such kind of event.
    Kind {
        /// The position of the chunk.
        chunk: usize,
        /// The position of the event in the chunk.
        event: usize,
        /// The first word of the event.
        word: u64,
    },
}

impl fmt::Display for RecordingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NotARecording => f.write_str("expected a recording, which begins with ORIONREC"),
            Self::ByteOrder => f.write_str(
                "the recording has the other byte order, expected that of this machine: read it on \
                 one like that which made it",
            ),
            Self::Version(version) => {
                write!(f, "the recording has version {version}, expected 1 to 3")
            }
            Self::TooShort { bytes, expected } => {
                write!(f, "there are {bytes} bytes, expected {expected}")
            }
            Self::Header { what, value, most } => {
                write!(f, "{what} is {value}, expected {most} at most")
            }
            Self::Used { chunk, words, most } => write!(
                f,
                "chunk {chunk} has {words} words of events, expected {most} at most"
            ),
            Self::Cut { chunk, event } => write!(
                f,
                "event {event} of chunk {chunk} is cut off, expected all of its words"
            ),
            Self::Units { chunk, units, most } => write!(
                f,
                "chunk {chunk} has {units} units of 4 KiB, expected 1 to {most}"
            ),
            Self::NoThread { chunk } => {
                write!(
                    f,
                    "chunk {chunk} has events, expected the number of a thread"
                )
            }
            Self::Kind { chunk, event, word } => write!(
                f,
                "event {event} of chunk {chunk} begins with {word:#x}, expected a kind from 1 to 15"
            ),
        }
    }
}

impl Error for RecordingError {}
