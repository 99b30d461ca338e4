//! The header of a recording: which process it is of, and how much of the file counts.
//!
//! Invariant: a header that was read has room for all chunks that it says are in use.

use alloc::{string::String, vec::Vec};

use crate::{
    error::RecordingError,
    item::word,
    layout::{
        AT_CAPACITY, AT_CLAIMED, AT_CLOCK, AT_COMMAND_LEN, AT_EXITED, AT_LOST, AT_PROCESS,
        AT_STARTED, AT_VERSION, COMMAND, HEADER_BYTES, MOST_COMMAND, UNIT_BYTES, VERSION,
        VERSION_WIDE, looks_like_recording,
    },
};

/// What a recording says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header {
    /// The number of the process.
    pub process: u32,
    /// The number of its parent.
    pub parent: u32,
    /// Nanoseconds since 1970 when the recording began.
    pub started_ns: u64,
    /// Whether the ticks of events are those of the processor's counter, not nanoseconds.
    pub has_counter: bool,
    /// How many units of 4 KiB it has room for, beside the header.
    pub capacity: u64,
    /// How many of them threads have claimed.
    pub units: usize,
    /// How many events were lost.
    pub lost: u64,
    /// Whether the process has exited by itself; a signal, `_exit` and `exec` do not count.
    pub has_exited: bool,
    /// The arguments of the process.
    pub command: Vec<String>,
    pub(crate) version: u64,
}

impl Header {
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, RecordingError> {
        if !looks_like_recording(bytes) {
            return Err(RecordingError::NotARecording);
        }
        require(bytes, HEADER_BYTES)?;
        let word = |at| word(bytes, at);
        let (version, known) = (word(AT_VERSION), VERSION_WIDE..=VERSION);
        if known.contains(&version.swap_bytes()) {
            return Err(RecordingError::ByteOrder);
        }
        if !known.contains(&version) {
            return Err(RecordingError::Version(version));
        }
        let most = (usize::MAX - HEADER_BYTES) as u64 / UNIT_BYTES as u64;
        let capacity = at_most("the number of units", word(AT_CAPACITY), most)?;
        let command_len = at_most(
            "the length of the command",
            word(AT_COMMAND_LEN),
            MOST_COMMAND as u64,
        )?;
        let command = &bytes[COMMAND * 8..][..command_len as usize];
        let process = word(AT_PROCESS);
        Ok(Self {
            process: process as u32,
            parent: (process >> 32) as u32,
            started_ns: word(AT_STARTED),
            has_counter: word(AT_CLOCK) == 1,
            capacity,
            units: word(AT_CLAIMED).min(capacity) as usize,
            lost: word(AT_LOST),
            has_exited: word(AT_EXITED) == 1,
            command: arguments(command),
            version,
        })
    }

    /// The number of bytes up to the end of the last chunk that is in use.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        HEADER_BYTES as u64 + self.units as u64 * UNIT_BYTES as u64
    }
}

/// How many bytes of a file a [`Reader`](crate::Reader) needs, which begins with these: the rest is
/// room that no thread has claimed.
///
/// # Errors
/// If the bytes are not those of a header.
pub fn prefix_len(head: &[u8]) -> Result<u64, RecordingError> {
    Ok(Header::read(head)?.used_bytes())
}

pub(crate) fn require(bytes: &[u8], expected: usize) -> Result<(), RecordingError> {
    if bytes.len() < expected {
        return Err(RecordingError::TooShort {
            bytes: bytes.len() as u64,
            expected: expected as u64,
        });
    }
    Ok(())
}

fn at_most(what: &'static str, value: u64, most: u64) -> Result<u64, RecordingError> {
    if value > most {
        return Err(RecordingError::Header { what, value, most });
    }
    Ok(value)
}

/// The arguments, each of which ends with a zero; the last one may be cut off.
fn arguments(bytes: &[u8]) -> Vec<String> {
    let whole = bytes.strip_suffix(&[0]).unwrap_or(bytes);
    if whole.is_empty() {
        return Vec::new();
    }
    let each = whole.split(|&byte| byte == 0);
    each.map(|argument| String::from_utf8_lossy(argument).into_owned())
        .collect()
}
