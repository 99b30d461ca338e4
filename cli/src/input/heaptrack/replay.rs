//! Events as lifetimes of blocks.
//!
//! Stands on [`record`](super::record). Steps count the events from 1: a block that event *i*
//! allocates and event *j* frees is alive in the steps `i..j`. Where a free says only of which kind
//! its block is, the one of them that was allocated last is taken: the bytes alive at each step are
//! the same whichever it is. Invariant: a block is freed once, and those that are not are alive to
//! the end.

#![forbid(unsafe_code)]

use std::collections::HashMap;

use super::{error::HeaptrackError, facts::HeaptrackFacts, fields::Fields};

/// The most allocations that are read: as many tensors are more than any search can place.
pub(super) const MOST_ALLOCATIONS: usize = 4_000_000;
/// The end of a block that has not been freed.
const OPEN: i64 = i64::MAX;

/// A block, the stack that allocated it, and the steps `lower..upper` in which it was alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) size: u64,
    /// Its address; 0 if the file does not say it.
    pub(super) address: u64,
    pub(super) stack: u64,
    pub(super) lower: i64,
    pub(super) upper: i64,
}

/// A kind of allocation: a size and a stack.
struct Kind {
    size: u64,
    stack: u64,
    /// Those of its blocks that are alive, in the order of their allocation.
    alive: Vec<u32>,
}

/// Follows the events.
#[derive(Default)]
pub(super) struct Replay {
    blocks: Vec<Block>,
    kinds: Vec<Kind>,
    by_address: HashMap<u64, u32>,
    step: i64,
    live: u64,
    time: u64,
    /// The milliseconds from each of these steps on; no two are the same.
    clock: Vec<(i64, u64)>,
    facts: HeaptrackFacts,
}

impl Replay {
    pub(super) fn facts(&mut self) -> &mut HeaptrackFacts {
        &mut self.facts
    }

    pub(super) fn set_time(&mut self, milliseconds: u64) {
        self.time = milliseconds;
        self.clock
            .truncate(self.clock.partition_point(|&(from, _)| from <= self.step));
        if self.clock.len() < MOST_ALLOCATIONS {
            self.clock.push((self.step + 1, milliseconds));
        }
        self.facts.total_ms = self.facts.total_ms.max(milliseconds);
    }

    pub(super) fn add_kind(
        &mut self,
        fields: &Fields,
        size: u64,
        stack: u64,
    ) -> Result<(), HeaptrackError> {
        check(fields, self.kinds.len(), "kinds of allocations")?;
        self.kinds.push(Kind {
            size,
            stack,
            alive: Vec::new(),
        });
        Ok(())
    }

    pub(super) fn alloc_kind(&mut self, fields: &Fields, kind: u64) -> Result<(), HeaptrackError> {
        let kind = self.kind(fields, kind)?;
        let (size, stack) = (self.kinds[kind].size, self.kinds[kind].stack);
        let block = self.alloc(fields, 0, size, stack)?;
        self.kinds[kind].alive.push(block);
        Ok(())
    }

    pub(super) fn free_kind(&mut self, fields: &Fields, kind: u64) -> Result<(), HeaptrackError> {
        let kind = self.kind(fields, kind)?;
        let block = self.kinds[kind].alive.pop();
        self.free(block);
        Ok(())
    }

    pub(super) fn alloc_at(
        &mut self,
        fields: &Fields,
        address: u64,
        size: u64,
        stack: u64,
    ) -> Result<(), HeaptrackError> {
        if let Some(missed) = self.by_address.remove(&address) {
            // Its free is missing.
            self.end(missed, self.step + 1);
        }
        let block = self.alloc(fields, address, size, stack)?;
        self.by_address.insert(address, block);
        Ok(())
    }

    pub(super) fn free_at(&mut self, address: u64) {
        let block = self.by_address.remove(&address);
        self.free(block);
    }

    fn kind(&self, fields: &Fields, kind: u64) -> Result<usize, HeaptrackError> {
        let index = usize::try_from(kind).ok();
        let index = index.filter(|&index| index < self.kinds.len());
        index.ok_or_else(|| {
            let found = format!("{kind:x} after {:x} lines 'a'", self.kinds.len());
            fields.wrong("kind", found, "the number of an earlier line 'a', from 0")
        })
    }

    fn alloc(
        &mut self,
        fields: &Fields,
        address: u64,
        size: u64,
        stack: u64,
    ) -> Result<u32, HeaptrackError> {
        check(fields, self.blocks.len(), "allocations")?;
        self.step += 1;
        self.blocks.push(Block {
            size,
            address,
            stack,
            lower: self.step,
            upper: OPEN,
        });
        self.live = self.live.saturating_add(size);
        if self.live > self.facts.live_peak {
            (self.facts.live_peak, self.facts.peak_ms) = (self.live, self.time);
        }
        Ok((self.blocks.len() - 1) as u32)
    }

    fn free(&mut self, block: Option<u32>) {
        self.step += 1;
        match block {
            Some(block) => self.end(block, self.step),
            // It was allocated before the recording.
            None => self.facts.unknown_frees += 1,
        }
    }

    fn end(&mut self, block: u32, step: i64) {
        let block = &mut self.blocks[block as usize];
        block.upper = step;
        self.live = self.live.saturating_sub(block.size);
    }

    /// The milliseconds from each step on at which they are told.
    pub(super) fn take_clock(&mut self) -> Vec<(i64, u64)> {
        std::mem::take(&mut self.clock)
    }

    /// The blocks in the order of their allocation, and the facts.
    pub(super) fn finish(mut self) -> (Vec<Block>, HeaptrackFacts) {
        let end = self.step + 1;
        for block in self.blocks.iter_mut().filter(|block| block.upper == OPEN) {
            block.upper = end;
            self.facts.alive_after += 1;
        }
        self.facts.alive_after_bytes = self.live;
        self.facts.allocations = self.blocks.len();
        self.facts.events = usize::try_from(self.step).unwrap_or(usize::MAX);
        (self.blocks, self.facts)
    }
}

/// Fails if there are as many as are read.
fn check(fields: &Fields, count: usize, what: &'static str) -> Result<(), HeaptrackError> {
    if count < MOST_ALLOCATIONS {
        return Ok(());
    }
    Err(HeaptrackError::TooMuch {
        line: fields.line,
        most: MOST_ALLOCATIONS as u64,
        what,
    })
}
