//! The events of a device, replayed: when each block was alive, and how much was reserved.
//!
//! Stands on [`entries`](super::entries). Step 0 is before the first event, and step *n* is after
//! the *n*th: a block whose `alloc` is the *i*th event and whose `free_completed` is the *j*th is
//! alive in the steps `i..j`. PyTorch keeps the last events alone: a block whose `alloc` is missing
//! was there before them, and one whose end is missing ends where its address is given out again.
//! Invariant: the blocks alive at a step are those that the allocator could not give to
//! others then.

#![forbid(unsafe_code)]

use std::collections::HashMap;

use super::{
    document::Id,
    entries::{Action, Device, Event},
    facts::OutOfMemory,
};
use crate::input::addresses::Pool;

/// A block and the steps `lower..upper` in which it was alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) address: u64,
    pub(super) size: u64,
    pub(super) lower: i64,
    pub(super) upper: i64,
    pub(super) stream: u64,
    /// The list of frames of its `alloc`, if that is known.
    pub(super) frames: Option<Id>,
}

/// What the events of a device come to.
#[derive(Debug)]
pub(super) struct Replay {
    pub(super) blocks: Vec<Block>,
    /// The end of the last step.
    pub(super) end: i64,
    /// The bytes reserved at each step.
    pub(super) reserved: Vec<u64>,
    pub(super) reserved_peak: u64,
    pub(super) live_peak: u64,
    pub(super) alive_before: usize,
    pub(super) alive_after: usize,
    pub(super) out_of_memory: Vec<OutOfMemory>,
}

/// Replays the events of a device.
pub(super) fn replay(device: &Device) -> Replay {
    let blocks = blocks(device);
    let end = end(device);
    let live = live(&blocks, end);
    let reserved = reserved(device, &live);
    let at = |bytes: &[u64], step: usize| bytes.get(step).copied().unwrap_or(0);
    let events = device.events.iter().enumerate();
    let refused = events.filter(|(_, event)| event.action == Action::OutOfMemory);
    let out_of_memory = refused.map(|(index, event)| OutOfMemory {
        step: step(index),
        requested: event.size,
        device_free: event.address,
        reserved: at(&reserved, index + 1),
        live: at(&live, index + 1),
        pool: Pool::of_request(event.stream, event.size),
    });
    Replay {
        reserved_peak: reserved.iter().copied().max().unwrap_or(0),
        live_peak: live.iter().copied().max().unwrap_or(0),
        alive_before: blocks.iter().filter(|block| block.lower == 0).count(),
        alive_after: blocks.iter().filter(|block| block.upper == end).count(),
        out_of_memory: out_of_memory.collect(),
        reserved,
        end,
        blocks,
    }
}

/// The step after an event.
fn step(index: usize) -> i64 {
    index as i64 + 1
}

/// The end of the last step.
fn end(device: &Device) -> i64 {
    step(device.events.len())
}

/// Blocks that are alive, by their addresses.
struct Open<'d> {
    device: &'d Device,
    blocks: Vec<Block>,
    /// The block at an address, and the step at which the program gave it up, if it has.
    alive: HashMap<u64, (usize, Option<i64>)>,
    /// The step at which the last block of an address ended.
    ended: HashMap<u64, i64>,
}

fn blocks(device: &Device) -> Vec<Block> {
    let mut open = Open {
        device,
        blocks: Vec::new(),
        alive: HashMap::new(),
        ended: HashMap::new(),
    };
    let ends = end_of_blocks(device);
    for (index, event) in device.events.iter().enumerate() {
        let step = step(index);
        match event.action {
            Action::Alloc => open.alloc(event, step),
            action if action == ends => {
                open.find(event);
                open.close(event.address, step);
            }
            Action::FreeRequested => open.find(event).1 = Some(step),
            _ => {}
        }
    }
    for block in &device.blocks {
        match open.alive.get(&block.address) {
            Some(&(index, _)) => {
                let frames = &mut open.blocks[index].frames;
                *frames = frames.or(block.frames);
            }
            None => open.add_earlier(block.address, block.size, block.stream, block.frames),
        }
    }
    // A block that ends as it begins was never alive.
    open.blocks.retain(|block| block.lower < block.upper);
    open.blocks.sort_by_key(|block| block.lower);
    open.blocks
}

/// The event that ends a block. PyTorch can be told to leave events out: without any
/// `free_completed` it is the request.
fn end_of_blocks(device: &Device) -> Action {
    let completed = Action::FreeCompleted;
    if device.events.iter().any(|event| event.action == completed) {
        completed
    } else {
        Action::FreeRequested
    }
}

impl Open<'_> {
    fn alloc(&mut self, event: &Event, step: i64) {
        if let Some(&(_, given_up)) = self.alive.get(&event.address) {
            // The event of its end is missing.
            self.close(event.address, given_up.unwrap_or(step));
        }
        let (stream, frames) = (event.stream, event.frames);
        self.add(event.address, event.size, step, stream, frames);
    }

    /// The block at the address of a `free`, which is older than the events if it is unknown.
    fn find(&mut self, event: &Event) -> &mut (usize, Option<i64>) {
        if !self.alive.contains_key(&event.address) {
            // Its frames would be those of who gave it up.
            self.add_earlier(event.address, event.size, event.stream, None);
        }
        self.alive.entry(event.address).or_default()
    }

    /// Adds a block that is alive from before the first event, or from the end of the last one at
    /// its address.
    fn add_earlier(&mut self, address: u64, size: u64, stream: u64, frames: Option<Id>) {
        let lower = self.ended.get(&address).copied().unwrap_or(0);
        self.add(address, size, lower, stream, frames);
    }

    /// Adds a block that is alive until it is closed.
    fn add(&mut self, address: u64, size: u64, lower: i64, stream: u64, frames: Option<Id>) {
        self.alive.insert(address, (self.blocks.len(), None));
        self.blocks.push(Block {
            address,
            size,
            lower,
            upper: end(self.device),
            stream,
            frames,
        });
    }

    fn close(&mut self, address: u64, step: i64) {
        if let Some((index, _)) = self.alive.remove(&address) {
            self.blocks[index].upper = step;
            self.ended.insert(address, step);
        }
    }
}

/// The bytes alive at each step.
fn live(blocks: &[Block], end: i64) -> Vec<u64> {
    let mut changes = vec![0_i128; end as usize + 1];
    for block in blocks {
        changes[block.lower as usize] += i128::from(block.size);
        changes[block.upper as usize] -= i128::from(block.size);
    }
    changes.pop();
    sums(0, changes)
}

/// The bytes of all segments at each step, at least those that are live: events of segments may be
/// left out. They are known at the end, and the events say how they came to be; if the two
/// disagree, there were more bytes at the beginning.
fn reserved(device: &Device, live: &[u64]) -> Vec<u64> {
    let change = |event: &Event| match event.action {
        Action::Reserve => i128::from(event.size),
        Action::Release => -i128::from(event.size),
        _ => 0,
    };
    let changes = std::iter::once(0).chain(device.events.iter().map(change));
    let (mut sum, mut least) = (0, 0);
    for change in changes.clone() {
        sum += change;
        least = least.min(sum);
    }
    let before = (i128::from(device.reserved) - sum).max(-least);
    let known = sums(before, changes).into_iter();
    known
        .zip(live)
        .map(|(known, live)| known.max(*live))
        .collect()
}

/// The running sums of changes.
fn sums(mut sum: i128, changes: impl IntoIterator<Item = i128>) -> Vec<u64> {
    let each = changes.into_iter().map(|change| {
        sum += change;
        u64::try_from(sum.max(0)).unwrap_or(u64::MAX)
    });
    each.collect()
}
