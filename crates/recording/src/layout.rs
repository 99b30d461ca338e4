//! Where everything is in a recording, in words of 8 bytes.
//!
//! Header: one region as large as the largest chunk, of which only the first 4 KiB are used. Chunks
//! follow one another from its end; each has 1 to 16 units of 4 KiB. In loom's models everything is
//! much smaller.

use crate::event::Event;

/// What a recording begins with: `ORIONREC`.
pub(crate) const MAGIC: u64 = u64::from_ne_bytes(*b"ORIONREC");
/// The version in which events may be untimed. Readers do not distinguish it from version 2, which
/// has none.
pub(crate) const VERSION: u64 = 3;
/// The version in which every event is wide, and chunks count events instead of words.
#[cfg(not(loom))]
pub(crate) const VERSION_WIDE: u64 = 1;

/// The number of words of a unit: what a chunk consists of.
pub(crate) const UNIT_WORDS: usize = if cfg!(loom) {
    EVENTS + Event::MOST_WORDS
} else {
    512
};
/// The most units of a chunk.
pub(crate) const MOST_UNITS: usize = if cfg!(loom) { 1 } else { 16 };
/// The number of words of the largest chunk, and of the header.
pub(crate) const CHUNK_WORDS: usize = MOST_UNITS * UNIT_WORDS;
pub(crate) const HEADER_WORDS: usize = if cfg!(loom) { COMMAND + 1 } else { CHUNK_WORDS };

/// The bytes of the header.
pub const HEADER_BYTES: usize = HEADER_WORDS * 8;
/// The bytes of the largest chunk.
pub const CHUNK_BYTES: usize = CHUNK_WORDS * 8;
/// The bytes of a unit.
#[cfg(not(loom))]
pub(crate) const UNIT_BYTES: usize = UNIT_WORDS * 8;
/// How many events the largest chunk has room for at least; most events are short.
pub const EVENTS_PER_CHUNK: usize = (CHUNK_WORDS - EVENTS) / Event::MOST_WORDS;
/// The most bytes of the command that are kept.
pub const MOST_COMMAND: usize = if cfg!(loom) { 8 } else { 4096 - COMMAND * 8 };

// Words of the header.
pub(crate) const AT_MAGIC: usize = 0;
pub(crate) const AT_VERSION: usize = 1;
/// The process in the lower half, its parent in the upper one.
pub(crate) const AT_PROCESS: usize = 2;
/// Nanoseconds since 1970 when the recording began.
pub(crate) const AT_STARTED: usize = 3;
/// 1 if ticks are those of the processor's counter, 0 if they are nanoseconds.
pub(crate) const AT_CLOCK: usize = 4;
/// How many units there is room for.
pub(crate) const AT_CAPACITY: usize = 5;
/// How many units were claimed; those beyond the capacity are not there.
pub(crate) const AT_CLAIMED: usize = 6;
/// How many events were lost.
pub(crate) const AT_LOST: usize = 7;
/// 1 if the process has exited by itself.
pub(crate) const AT_EXITED: usize = 8;
/// 1 if no more chunks are handed out.
pub(crate) const AT_CLOSED: usize = 10;
/// How many bytes the command has, each argument followed by a zero.
pub(crate) const AT_COMMAND_LEN: usize = 9;
pub(crate) const COMMAND: usize = 16;

// Words of a chunk.
/// The thread's number plus 1 in the lower half, its number in the system in the upper one; zero
/// until the chunk is in use.
pub(crate) const AT_THREAD: usize = 0;
/// How many words of events are in use, all of them whole.
pub(crate) const AT_USED: usize = 1;
/// How many units it has.
pub(crate) const AT_UNITS: usize = 2;
pub(crate) const EVENTS: usize = 3;

/// Whether the first bytes of a file are those of a recording.
#[must_use]
pub fn looks_like_recording(head: &[u8]) -> bool {
    head.starts_with(&MAGIC.to_ne_bytes())
}
