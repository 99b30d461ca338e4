//! A hash index: finds the numbers of values that lie elsewhere, in a mapping of its own.
//!
//! Open addressing with linear probing; a cell holds a number plus one, and 0 is an empty cell.
//!
//! Invariant: the number of cells is 0 or a power of two, and at most half of them are in use.

use core::ptr::NonNull;

use orionrt_sys::mapping::{Mapping, PAGE};

/// The numbers of values, by their hashes.
#[derive(Debug, Default)]
pub(super) struct HashIndex {
    memory: Option<Mapping>,
    len: usize,
}

impl HashIndex {
    pub(super) const fn new() -> Self {
        Self {
            memory: None,
            len: 0,
        }
    }

    /// The bytes of its mapping.
    pub(super) fn bytes(&self) -> usize {
        self.memory.as_ref().map_or(0, Mapping::len)
    }

    /// The number of a value with this hash for which `is_it` holds.
    pub(super) fn find(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let cells = self.cells();
        let numbers = probes(hash, cells.len()).map_while(|cell| cells[cell].checked_sub(1));
        numbers.into_iter().find(|&number| is_it(number))
    }

    /// Sees to it that there is room for one more number; `None` if there is no memory. `hash_of`
    /// returns the hashes of those that it has.
    pub(super) fn make_room(&mut self, hash_of: impl Fn(u32) -> u64) -> Option<()> {
        if self.has_room() {
            return Some(());
        }
        self.grow(hash_of)
    }

    /// Adds a number, which it does not have and for which there is room.
    pub(super) fn insert(&mut self, hash: u64, number: u32) {
        debug_assert!(self.has_room());
        place(self.cells_mut(), hash, number);
        self.len += 1;
    }

    fn has_room(&self) -> bool {
        2 * (self.len + 1) <= self.cells().len()
    }

    #[cold]
    fn grow(&mut self, hash_of: impl Fn(u32) -> u64) -> Option<()> {
        let memory = Mapping::reserve((2 * self.bytes()).max(PAGE), PAGE).ok()?;
        memory.commit(0..memory.len()).ok()?;
        let mut grown = Self {
            memory: Some(memory),
            len: self.len,
        };
        for number in self.cells().iter().filter_map(|cell| cell.checked_sub(1)) {
            place(grown.cells_mut(), hash_of(number), number);
        }
        *self = grown;
        Some(())
    }

    fn start(&self) -> NonNull<u32> {
        let base = self.memory.as_ref().map(Mapping::base);
        base.map_or(NonNull::dangling(), NonNull::cast)
    }

    fn cells(&self) -> &[u32] {
        // SAFETY: all bytes of the mapping are committed, and zero at first.
        unsafe { NonNull::slice_from_raw_parts(self.start(), self.bytes() / 4).as_ref() }
    }

    fn cells_mut(&mut self) -> &mut [u32] {
        // SAFETY: as above; `&mut self` makes this the only reference.
        unsafe { NonNull::slice_from_raw_parts(self.start(), self.bytes() / 4).as_mut() }
    }
}

/// Stores a number in the first empty cell of those for its hash.
fn place(cells: &mut [u32], hash: u64, number: u32) {
    let empty = probes(hash, cells.len()).find(|&cell| cells[cell] == 0);
    if let Some(empty) = empty {
        cells[empty] = number + 1;
    }
}

/// The cells in which a number with this hash may lie, in order.
fn probes(hash: u64, cells: usize) -> impl Iterator<Item = usize> {
    (0..cells).map(move |step| (hash as usize).wrapping_add(step) & (cells - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_by_bad_hashes_too() {
        let mut index = HashIndex::new();
        let hash_of = |number: u32| u64::from(number / 7);
        assert_eq!(index.find(0, |_| true), None);
        for number in 0..5000 {
            let hash = hash_of(number);
            assert_eq!(index.find(hash, |found| found == number), None);
            assert!(index.make_room(hash_of).is_some());
            index.insert(hash, number);
        }
        for number in 0..5000 {
            let found = index.find(hash_of(number), |found| found == number);
            assert_eq!(found, Some(number));
        }
        assert!(index.bytes() >= 4 * 2 * 5000);
    }
}
