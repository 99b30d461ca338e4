//! What is drawn of a device besides its lifetimes: where its blocks were, and their streams.
//!
//! Stands on [`segments`](super::segments) and [`replay`](super::replay). Invariant: there is one
//! entry for each block, in their order.

#![forbid(unsafe_code)]

use std::collections::BTreeSet;

use super::{
    entries::Device,
    facts::Drawn,
    replay::{self, Replay},
    segments,
};
use crate::input::{
    addresses::{self, Block, History, RangeKind},
    streams::Streams,
};

/// What is drawn of a device.
pub(super) fn drawn(device: &Device, replay: &Replay) -> Drawn {
    Drawn {
        history: history(device, replay),
        streams: streams(&replay.blocks),
    }
}

fn history(device: &Device, replay: &Replay) -> History {
    let blocks = replay.blocks.iter().map(|block| Block {
        address: block.address,
        size: block.size,
        lower: block.lower,
        upper: block.upper,
    });
    let blocks: Vec<Block> = blocks.collect();
    let parts = segments::reserved(device, replay.end);
    let mut last = None;
    let each = (0_i64..).zip(replay.reserved.iter().copied());
    let changes = each.filter(|&(_, bytes)| last.replace(bytes) != Some(bytes));
    History {
        kind: RangeKind::Segments(addresses::parts_of(&blocks, &parts)),
        layout: addresses::stacked(&blocks, parts),
        reserved: changes.collect(),
        end: replay.reserved.len() as i64,
    }
}

/// The streams by their numbers.
fn streams(blocks: &[replay::Block]) -> Option<Streams> {
    let numbers: BTreeSet<u64> = blocks.iter().map(|block| block.stream).collect();
    let numbers: Vec<u64> = numbers.into_iter().collect();
    let place = |stream| numbers.partition_point(|&number| number < stream) as u32;
    let of = blocks.iter().map(|block| place(block.stream)).collect();
    Streams::new(numbers.iter().map(name).collect(), of)
}

/// `stream 7`; a pointer in hexadecimal digits.
fn name(stream: &u64) -> String {
    match stream {
        0..0x1_0000 => format!("stream {stream}"),
        _ => format!("stream {stream:#x}"),
    }
}
