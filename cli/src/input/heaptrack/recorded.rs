//! A recording of heaptrack as events.
//!
//! Stands on the files above it. Frees of blocks that the recording does not have are left out: of
//! their blocks nothing else is known. Invariant: the blocks are those of the lifetimes.

#![forbid(unsafe_code)]

use super::{
    error::HeaptrackError,
    load::{ALIGNMENT, addressed, follow, lifetimes},
};
use crate::input::{
    addresses::history_of_heap,
    recorded::{HeapEvent, HeapRecording, RecordingForm, events_of},
};

/// The nanoseconds of a millisecond.
const MILLISECOND: u64 = 1_000_000;

/// Reads a recording as events.
pub(crate) fn recorded(bytes: &[u8]) -> Result<HeapRecording, HeaptrackError> {
    let mut recording = follow(bytes, false)?;
    let has_addresses = recording.form.has_addresses();
    let clock = recording.replay.take_clock().into_iter();
    let (blocks, facts) = recording.replay.finish();
    if blocks.is_empty() {
        return Err(HeaptrackError::Empty);
    }
    let lifetimes = lifetimes(&mut recording.sites, &blocks)?;
    let (blocks, end) = (addressed(&blocks), facts.events as i64 + 1);
    let address = |index: usize| has_addresses.then(|| blocks[index].address);
    let events = events_of(&blocks, end, |index, event| HeapEvent {
        address: address(index),
        ..event
    });
    Ok(HeapRecording {
        form: RecordingForm::Heaptrack,
        lifetimes,
        alignment: ALIGNMENT,
        events,
        clock: clock
            .map(|(step, time)| (step, time.saturating_mul(MILLISECOND)))
            .collect(),
        reserved: has_addresses.then(|| history_of_heap(&blocks, end).reserved),
        blocks,
        end,
        warnings: Vec::new(),
    })
}
