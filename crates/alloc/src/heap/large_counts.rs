//! Counts of what happened to large blocks, which have no cache to be counted in.

#![forbid(unsafe_code)]

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// How many large blocks were allocated, freed, and moved by remapping.
#[derive(Debug)]
pub(super) struct LargeCounts {
    allocations: AtomicU64,
    deallocations: AtomicU64,
    remaps: AtomicU32,
}

impl LargeCounts {
    pub(super) const fn new() -> Self {
        Self {
            allocations: AtomicU64::new(0),
            deallocations: AtomicU64::new(0),
            remaps: AtomicU32::new(0),
        }
    }

    pub(super) fn note_allocated(&self) {
        self.allocations.fetch_add(1, Relaxed);
    }

    /// Counts a freed block; returns how many had been freed before.
    pub(super) fn note_freed(&self) -> u64 {
        self.deallocations.fetch_add(1, Relaxed)
    }

    pub(super) fn note_remapped(&self) {
        self.remaps.fetch_add(1, Relaxed);
    }

    pub(super) fn allocations(&self) -> u64 {
        self.allocations.load(Relaxed)
    }

    pub(super) fn deallocations(&self) -> u64 {
        self.deallocations.load(Relaxed)
    }

    /// Sets how many blocks count as moved by remapping.
    pub(super) fn set_remaps(&self, remaps: u32) {
        self.remaps.store(remaps, Relaxed);
    }

    /// How many blocks have been moved by remapping.
    pub(super) fn remaps(&self) -> u32 {
        self.remaps.load(Relaxed)
    }
}
