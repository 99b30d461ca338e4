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
    addresses::{self, Block, History, Pool, RangeKind, Reserved, Segments, stream_name},
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
    let parts = segments::reserved(device, replay.end).into_iter();
    let (parts, pools): (Vec<Reserved>, Vec<Pool>) = parts.unzip();
    let refused: Vec<Pool> = replay.out_of_memory.iter().map(|one| one.pool).collect();
    let of_blocks = addresses::parts_of(&blocks, &parts);
    let mut last = None;
    let each = (0_i64..).zip(replay.reserved.iter().copied());
    let changes = each.filter(|&(_, bytes)| last.replace(bytes) != Some(bytes));
    History {
        kind: RangeKind::Segments(Segments::new(of_blocks, &pools, &refused)),
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
    let names = numbers.iter().map(|&stream| stream_name(stream));
    Streams::new(names.collect(), of)
}
