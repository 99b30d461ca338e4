//! States that are known to lead nowhere, by their hash.
//!
//! A table of fixed size in which the newer entry wins. Two states may share a hash: then a search may miss a plan, but it
//! never claims that there is none.

use alloc::vec::Vec;

/// Slots: 2 MiB.
const SLOTS: usize = 1 << 18;

#[derive(Debug)]
pub(super) struct Failed(Vec<u64>);

impl Failed {
    pub(super) fn new() -> Self {
        Self(alloc::vec![0; SLOTS])
    }

    pub(super) fn clear(&mut self) {
        self.0.fill(0);
    }

    pub(super) fn contains(&self, hash: u64) -> bool {
        self.0[hash as usize % SLOTS] == hash
    }

    pub(super) fn insert(&mut self, hash: u64) {
        self.0[hash as usize % SLOTS] = hash;
    }
}
