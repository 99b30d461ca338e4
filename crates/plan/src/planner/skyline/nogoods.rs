//! The nogood table: states from which no plan was found, by their hash, as in a transposition
//! table.
//!
//! The table has a fixed size, and a newer entry replaces an older one. Two states may share a
//! hash, so a search may miss a plan because of it; it must never take a nogood as proof that there
//! is none. So the table tells whether it has ruled out anything.

use alloc::vec::Vec;

/// Entries: 2 MiB.
const ENTRIES: usize = 1 << 18;

/// Hashes of states that lead nowhere.
#[derive(Debug)]
pub(super) struct NogoodTable {
    hashes: Vec<u64>,
    has_ruled_out: bool,
}

impl NogoodTable {
    pub(super) fn new() -> Self {
        Self {
            hashes: alloc::vec![0; ENTRIES],
            has_ruled_out: false,
        }
    }

    /// A table that remembers nothing: a search that ends with it has tried everything.
    pub(super) const fn none() -> Self {
        Self {
            hashes: Vec::new(),
            has_ruled_out: false,
        }
    }

    pub(super) fn clear(&mut self) {
        self.hashes.fill(0);
        self.has_ruled_out = false;
    }

    /// Whether a state with this hash leads nowhere.
    pub(super) fn rules_out(&mut self, hash: u64) -> bool {
        let is_known = self.hashes.get(hash as usize % ENTRIES) == Some(&hash);
        self.has_ruled_out |= is_known;
        is_known
    }

    /// Whether any state was ruled out since the table was cleared.
    pub(super) fn has_ruled_out(&self) -> bool {
        self.has_ruled_out
    }

    pub(super) fn insert(&mut self, hash: u64) {
        if let Some(entry) = self.hashes.get_mut(hash as usize % ENTRIES) {
            *entry = hash;
        }
    }
}
