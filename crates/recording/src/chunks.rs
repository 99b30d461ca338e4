//! The chunks of a recording, checked, and whose they are.
//!
//! Invariant: the events of a thread are in the order in which it has written them, and every event
//! can be decoded.

use alloc::{collections::BTreeMap, vec::Vec};

use crate::{
    error::RecordingError,
    event::Event,
    header::word,
    layout::{
        AT_COUNT, AT_THREAD, AT_UNITS, EVENTS, HEADER_BYTES, MOST_UNITS, UNIT_BYTES, events_of,
    },
};

/// A chunk whose events can be decoded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CheckedChunk<'a> {
    bytes: &'a [u8],
    pub(crate) count: usize,
}

impl CheckedChunk<'_> {
    /// The event at a position below the count.
    pub(crate) fn event(&self, index: usize) -> Option<Event> {
        if index >= self.count {
            return None;
        }
        Event::decode(words(self.bytes, index))
    }
}

/// A thread and its chunks.
#[derive(Clone, Debug)]
pub(crate) struct Thread<'a> {
    /// The number in the recording.
    pub(crate) number: u32,
    pub(crate) chunks: Vec<CheckedChunk<'a>>,
}

impl Thread<'_> {
    pub(crate) fn events(&self) -> impl Iterator<Item = Event> + Clone + '_ {
        let places = self.chunks.iter().flat_map(|chunk| {
            let places = 0..chunk.count;
            places.map(move |index| (chunk, index))
        });
        places.filter_map(|(chunk, index)| chunk.event(index))
    }
}

/// Checks the chunks of so many units, which the bytes have; returns the threads by their numbers.
pub(crate) fn threads(bytes: &[u8], units: usize) -> Result<Vec<Thread<'_>>, RecordingError> {
    let mut threads: BTreeMap<u32, Thread> = BTreeMap::new();
    let mut rest = &bytes[HEADER_BYTES..][..units * UNIT_BYTES];
    let mut index = 0;
    while !rest.is_empty() {
        let Some((number, chunk)) = checked(rest, index)? else {
            // Units that were claimed but not taken into use are zeros, one like the other.
            rest = &rest[UNIT_BYTES..];
            continue;
        };
        rest = &rest[chunk.bytes.len()..];
        index += 1;
        let thread = threads.entry(number).or_insert_with(|| Thread {
            number,
            chunks: Vec::new(),
        });
        thread.chunks.push(chunk);
    }
    Ok(threads.into_values().collect())
}

/// The chunk that bytes begin with, and the number of its thread; `None` if it was not taken into
/// use.
fn checked(rest: &[u8], index: usize) -> Result<Option<(u32, CheckedChunk<'_>)>, RecordingError> {
    let (thread, count) = (word(rest, AT_THREAD) as u32, word(rest, AT_COUNT));
    let Some(number) = thread.checked_sub(1) else {
        return match count {
            0 => Ok(None),
            _ => Err(RecordingError::NoThread { chunk: index }),
        };
    };
    let (units, most) = (
        word(rest, AT_UNITS),
        MOST_UNITS.min(rest.len() / UNIT_BYTES),
    );
    if !(1..=most as u64).contains(&units) {
        return Err(RecordingError::Units {
            chunk: index,
            units,
            most,
        });
    }
    let bytes = &rest[..units as usize * UNIT_BYTES];
    let most = events_of(bytes.len() / 8);
    if count > most as u64 {
        return Err(RecordingError::Count {
            chunk: index,
            count,
            most,
        });
    }
    let count = count as usize;
    for event in 0..count {
        let words = words(bytes, event);
        if Event::decode(words).is_none() {
            return Err(RecordingError::Kind {
                chunk: index,
                event,
                word: words[0],
            });
        }
    }
    Ok(Some((number, CheckedChunk { bytes, count })))
}

fn words(bytes: &[u8], event: usize) -> [u64; Event::WORDS] {
    let at = EVENTS + event * Event::WORDS;
    core::array::from_fn(|offset| word(bytes, at + offset))
}
