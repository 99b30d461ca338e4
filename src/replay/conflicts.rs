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

#[cfg(test)]
mod tests {
    use super::*;

    fn occupied(block: usize) -> Conflict {
        let (block, holder) = (block as u32, 2 * block as u32);
        Conflict::Occupied { block, holder }
    }

    #[test]
    fn conflicts_are_taken_once_as_they_were_added() {
        let mut log = ConflictLog::new();
        let most = u32::MAX - 2;
        let (block, holder) = (most, most);
        let added = [
            Conflict::Occupied {
                block: 0,
                holder: 0,
            },
            Conflict::Exhausted(0),
            Conflict::Occupied { block, holder },
            Conflict::Exhausted(most),
        ];
        assert!(log.is_empty() && log.take().is_empty());
        added.into_iter().for_each(|conflict| log.add(conflict));
        assert!(!log.is_empty());
        assert_eq!(log.take(), added);
        assert!(log.is_empty() && log.take().is_empty());
    }

    #[test]
    fn what_is_full_drops_what_comes_later() {
        let mut log = ConflictLog::new();
        for _ in 0..2 {
            (0..3 * ENTRIES).for_each(|block| log.add(occupied(block)));
            let expected: Vec<Conflict> = (0..ENTRIES).map(occupied).collect();
            assert_eq!(log.take(), expected);
        }
        log.add(Conflict::Exhausted(5));
        assert_eq!(log.take(), [Conflict::Exhausted(5)]);
    }

    #[test]
    fn threads_that_fill_it_at_once_leave_complete_entries() {
        let mut log = ConflictLog::new();
        std::thread::scope(|scope| {
            let log = &log;
            for thread in 0..4 {
                scope.spawn(move || (0..100).for_each(|i| log.add(occupied(100 * thread + i))));
            }
        });
        let found = log.take();
        assert_eq!(found.len(), ENTRIES);
        let is_whole = |conflict: &Conflict| (0..400).any(|block| occupied(block) == *conflict);
        assert!(found.iter().all(is_whole));
    }
}
