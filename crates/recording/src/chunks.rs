//! The chunks of a recording, checked, and whose they are.
//!
//! Invariant: the events of a thread are in the order in which it has written them, and every event
//! can be decoded.

use alloc::{collections::BTreeMap, vec::Vec};

use crate::{
    error::RecordingError,
    event::Event,
    header::Header,
    item::{Broken, Item, first_words, word},
    layout::{
        AT_THREAD, AT_UNITS, AT_USED, EVENTS, HEADER_BYTES, MOST_UNITS, UNIT_BYTES, VERSION_WIDE,
    },
};

/// A chunk whose events can be decoded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CheckedChunk<'a> {
    /// The words of its events.
    used: &'a [u8],
    pub(crate) count: usize,
}

impl<'a> CheckedChunk<'a> {
    pub(crate) fn events(&self) -> ChunkEvents<'a> {
        ChunkEvents {
            rest: self.used,
            ticks: 0,
        }
    }

    /// All items, in order.
    pub(crate) fn items(&self) -> impl Iterator<Item = Item<'a>> + use<'a> {
        let mut rest = self.used;
        core::iter::from_fn(move || {
            let (item, len) = Item::decode(rest, 0).ok()?;
            rest = rest.get(len * 8..)?;
            Some(item)
        })
    }
}

/// The events of a chunk, one after the other: the ticks of a narrow one count from the one before.
#[derive(Clone, Debug, Default)]
pub(crate) struct ChunkEvents<'a> {
    rest: &'a [u8],
    ticks: u64,
}

impl Iterator for ChunkEvents<'_> {
    /// An event, and the number of its stack.
    type Item = (Event, Option<u32>);

    fn next(&mut self) -> Option<Self::Item> {
        let mut stack = None;
        loop {
            if self.rest.is_empty() {
                return None;
            }
            let (item, len) = Item::decode(self.rest, self.ticks).ok()?;
            self.rest = self.rest.get(len * 8..)?;
            match item {
                Item::Event(event) => {
                    self.ticks = event.ticks;
                    return Some((event, stack));
                }
                Item::OfNext(number) => stack = Some(number),
                Item::Stack(..) | Item::Module(..) => {}
            }
        }
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
        let all = self.chunks.iter().flat_map(CheckedChunk::events);
        all.map(|(event, _)| event)
    }
}

/// Checks the chunks that the header says there are, which the bytes have; returns the threads by
/// their numbers.
pub(crate) fn threads<'a>(
    bytes: &'a [u8],
    header: &Header,
) -> Result<Vec<Thread<'a>>, RecordingError> {
    let mut threads: BTreeMap<u32, Thread> = BTreeMap::new();
    let mut rest = &bytes[HEADER_BYTES..][..header.units * UNIT_BYTES];
    let words_per_count = match header.version {
        VERSION_WIDE => Event::MOST_WORDS as u64,
        _ => 1,
    };
    let mut index = 0;
    while !rest.is_empty() {
        let Some((number, units, chunk)) = checked(rest, index, words_per_count)? else {
            // Units that were claimed but not taken into use are zeros, one like the other.
            rest = &rest[UNIT_BYTES..];
            continue;
        };
        rest = &rest[units * UNIT_BYTES..];
        index += 1;
        let thread = threads.entry(number).or_insert_with(|| Thread {
            number,
            chunks: Vec::new(),
        });
        thread.chunks.push(chunk);
    }
    Ok(threads.into_values().collect())
}

/// The chunk that bytes begin with, the number of its thread, and that of its units; `None` if it
/// was not taken into use.
fn checked(
    rest: &[u8],
    index: usize,
    words_per_count: u64,
) -> Result<Option<(u32, usize, CheckedChunk<'_>)>, RecordingError> {
    let (thread, used) = (word(rest, AT_THREAD) as u32, word(rest, AT_USED));
    let Some(number) = thread.checked_sub(1) else {
        return match used {
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
    let units = units as usize;
    let words = &rest[EVENTS * 8..units * UNIT_BYTES];
    let (used, most) = (used.saturating_mul(words_per_count), words.len() / 8);
    if used > most as u64 {
        return Err(RecordingError::Used {
            chunk: index,
            words: used,
            most,
        });
    }
    let used = &words[..used as usize * 8];
    let count = count(used, index)?;
    Ok(Some((number, units, CheckedChunk { used, count })))
}

/// How many events words have, each of which can be decoded.
fn count(used: &[u8], chunk: usize) -> Result<usize, RecordingError> {
    let (mut rest, mut event) = (used, 0);
    while !rest.is_empty() {
        match Item::decode(rest, 0) {
            Ok((item, len)) => {
                event += usize::from(matches!(item, Item::Event(_)));
                rest = &rest[len * 8..];
            }
            Err(Broken::Kind) => {
                let word = first_words(rest)[0];
                return Err(RecordingError::Kind { chunk, event, word });
            }
            Err(Broken::Cut) => return Err(RecordingError::Cut { chunk, event }),
        }
    }
    Ok(event)
}
