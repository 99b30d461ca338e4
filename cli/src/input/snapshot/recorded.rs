//! A memory snapshot as events of one device.
//!
//! Stands on the files above it. Invariant: the blocks are those of the lifetimes.

#![forbid(unsafe_code)]

use super::{
    entries::{Device, devices},
    load::{ALIGNMENT, Chosen, choose, lifetimes, read},
    reader::Reader,
};
use crate::{
    args::SourceArgs,
    failure::Failure,
    input::{
        addresses::Block,
        recorded::{HeapEvent, HeapRecording, RecordingForm, events_of},
    },
};

/// Reads the device that the user names, or else the one with the most bytes alive at once.
pub(crate) fn recorded(args: &SourceArgs, bytes: &[u8]) -> Result<HeapRecording, Failure> {
    let failed = |error| Failure::file(&args.input, error);
    let document = read(bytes).map_err(failed)?;
    let reader = Reader::new(&document);
    let devices = devices(&reader).map_err(failed)?;
    let Chosen { device, replay, .. } = choose(args, &devices)?;
    let lifetimes = lifetimes(&reader, &replay).map_err(failed)?;
    let blocks = replay.blocks.iter().map(|block| Block {
        address: block.address,
        size: block.size,
        lower: block.lower,
        upper: block.upper,
    });
    let blocks: Vec<Block> = blocks.collect();
    let events = events_of(&blocks, replay.end, |index, event| HeapEvent {
        address: Some(blocks[index].address),
        stream: Some(replay.blocks[index].stream),
        ..event
    });
    let mut reserved: Vec<(i64, u64)> = (0..).zip(replay.reserved).collect();
    reserved.dedup_by_key(|&mut (_, bytes)| bytes);
    Ok(HeapRecording {
        form: RecordingForm::Pytorch,
        lifetimes,
        alignment: ALIGNMENT,
        events,
        clock: clock(device),
        blocks,
        reserved: Some(reserved),
        end: replay.end,
        warnings: Vec::new(),
    })
}

/// The nanoseconds of each step, if all events say their time: step *n* is after the *n*th.
fn clock(device: &Device) -> Vec<(i64, u64)> {
    let times = device.events.iter().map(|event| event.time);
    let times: Option<Vec<u64>> = times.collect();
    let times = (1..).zip(times.unwrap_or_default());
    times
        .map(|(step, time)| (step, time.saturating_mul(1000)))
        .collect()
}
