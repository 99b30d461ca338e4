//! The nogood table: states from which no plan was found, by their hash, as in a transposition
//! table.
//!
//! The table has a fixed size, and a newer entry replaces an older one. Two states may share a
//! hash, so a search may miss a plan because of it; it must never take a nogood as proof that there
//! is none.

use alloc::vec::Vec;

/// Entries: 2 MiB.
const ENTRIES: usize = 1 << 18;

/// Hashes of states that lead nowhere.
#[derive(Debug)]
pub(super) struct NogoodTable(Vec<u64>);

impl NogoodTable {
    pub(super) fn new() -> Self {
        Self(alloc::vec![0; ENTRIES])
    }

    /// A table that remembers nothing: a search that ends with it has tried everything.
    pub(super) const fn none() -> Self {
        Self(Vec::new())
    }

    pub(super) fn clear(&mut self) {
        self.0.fill(0);
    }

    pub(super) fn contains(&self, hash: u64) -> bool {
        self.0.get(hash as usize % ENTRIES) == Some(&hash)
    }

    pub(super) fn insert(&mut self, hash: u64) {
        if let Some(entry) = self.0.get_mut(hash as usize % ENTRIES) {
            *entry = hash;
        }
    }
}
