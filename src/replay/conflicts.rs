//! The log of what kept planned bytes from requests in an iteration, for the next plan.
//!
//! Any thread adds to a [`ConflictLog`] without waiting or allocating; what it has no room for is
//! dropped, and will happen again. Invariant: an entry is 0, or complete.

#![forbid(unsafe_code)]

use alloc::vec::Vec;

use orionrt_sys::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

const ENTRIES: usize = 128;

/// Why a request did not get its planned bytes, by the numbers of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Conflict {
    /// The bytes of the block were in use by another one.
    Occupied { block: u32, holder: u32 },
    /// One more request came than was recorded of those like that of this block.
    Exhausted(u32),
}

#[derive(Debug)]
pub(super) struct ConflictLog {
    count: AtomicUsize,
    entries: [AtomicU64; ENTRIES],
}

impl ConflictLog {
    pub(super) fn new() -> Self {
        Self {
            count: AtomicUsize::new(0),
            entries: [const { AtomicU64::new(0) }; ENTRIES],
        }
    }

    pub(super) fn add(&self, conflict: Conflict) {
        // Looked at first, so that the count cannot wrap around.
        if self.is_full() {
            return;
        }
        let entry = self.count.fetch_add(1, Ordering::Relaxed);
        if let Some(entry) = self.entries.get(entry) {
            entry.store(packed(conflict), Ordering::Relaxed);
        }
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.count.load(Ordering::Relaxed) == 0
    }

    /// Whether there is no room for another one.
    pub(super) fn is_full(&self) -> bool {
        self.count.load(Ordering::Relaxed) >= ENTRIES
    }

    /// The conflicts since the last call. To be called when nobody adds any.
    pub(super) fn take(&mut self) -> Vec<Conflict> {
        let count = core::mem::take(self.count.get_mut()).min(ENTRIES);
        let entries = self.entries[..count].iter_mut();
        entries
            .filter_map(|entry| unpacked(core::mem::take(entry.get_mut())))
            .collect()
    }
}

/// Numbers of blocks are below `u32::MAX`.
fn packed(conflict: Conflict) -> u64 {
    let (block, holder) = match conflict {
        Conflict::Occupied { block, holder } => (block, holder + 1),
        Conflict::Exhausted(block) => (block, 0),
    };
    u64::from(block + 1) << 32 | u64::from(holder)
}

fn unpacked(entry: u64) -> Option<Conflict> {
    let block = ((entry >> 32) as u32).checked_sub(1)?;
    Some(match (entry as u32).checked_sub(1) {
        Some(holder) => Conflict::Occupied { block, holder },
        None => Conflict::Exhausted(block),
    })
}
