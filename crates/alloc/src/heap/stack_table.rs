//! Stacks by number, each there once, with what its samples add up to.
//!
//! ```text
//!   stack ──► frames ──► addresses
//!   sums      numbers    each return address once
//! ```
//!
//! Stands on vectors and indexes in mappings of their own, which grow up to bounds.
//!
//! Invariant: a number of a stack, of a frame or of an address stays valid for ever. A stack and an
//! address are there once, and all frames are of stacks that are there: what finds no memory
//! halfway is undone.

use super::{
    hash_index::HashIndex,
    mapped_vec::MappedVec,
    sampling::mix,
    sums::{StackSums, Sums},
};

/// The most frames of a stack.
pub(crate) const MOST_DEPTH: usize = orionrt_stack::MOST_ADDRESSES;

const MOST_ADDRESSES: usize = 1 << 18;
const MOST_STACKS: usize = 1 << 16;
const MOST_FRAMES: usize = 1 << 22;

/// The number of a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StackNumber(pub(super) u32);

#[derive(Debug)]
struct Stack {
    hash: u64,
    frames: u32,
    depth: u32,
    sums: StackSums,
}

/// All stacks that have samples, or had some.
#[derive(Debug)]
pub(super) struct StackTable {
    addresses: MappedVec<usize>,
    address_index: HashIndex,
    frames: MappedVec<u32>,
    stacks: MappedVec<Stack>,
    stack_index: HashIndex,
}

impl StackTable {
    pub(super) const fn new() -> Self {
        Self {
            addresses: MappedVec::new(),
            address_index: HashIndex::new(),
            frames: MappedVec::new(),
            stacks: MappedVec::new(),
            stack_index: HashIndex::new(),
        }
    }

    /// The bytes of its mappings.
    pub(super) fn bytes(&self) -> usize {
        let vectors = self.addresses.bytes() + self.frames.bytes() + self.stacks.bytes();
        vectors + self.address_index.bytes() + self.stack_index.bytes()
    }

    /// How many stacks there are.
    pub(super) fn len(&self) -> usize {
        self.stacks.len()
    }

    /// The number of a stack, which is new or not; `None` if there is no place for it.
    pub(super) fn number_of(&mut self, stack: &[usize]) -> Option<StackNumber> {
        let stack = &stack[..stack.len().min(MOST_DEPTH)];
        let hash = stack
            .iter()
            .fold(0, |hash, &address| mix(hash ^ address as u64));
        let is_it = |number: u32| {
            let found = &self.stacks[number as usize];
            found.hash == hash && self.addresses_of(found).eq(stack.iter().copied())
        };
        if let Some(known) = self.stack_index.find(hash, is_it) {
            return Some(StackNumber(known));
        }
        let frames = self.frames.len();
        let added = self.add(hash, stack);
        if added.is_none() {
            self.frames.truncate(frames);
        }
        added
    }

    /// Adds a stack, which is not there; if that fails, frames may be left behind.
    #[cold]
    fn add(&mut self, hash: u64, stack: &[usize]) -> Option<StackNumber> {
        if self.stacks.len() == MOST_STACKS || self.frames.len() + stack.len() > MOST_FRAMES {
            return None;
        }
        let stacks = &self.stacks;
        self.stack_index
            .make_room(|number| stacks[number as usize].hash)?;
        let frames = self.frames.len() as u32;
        for &address in stack {
            let number = self.address_number(address)?;
            self.frames.push(number)?;
        }
        let number = self.stacks.len() as u32;
        self.stacks.push(Stack {
            hash,
            frames,
            depth: stack.len() as u32,
            sums: StackSums::default(),
        })?;
        self.stack_index.insert(hash, number);
        Some(StackNumber(number))
    }

    fn addresses_of(&self, stack: &Stack) -> impl Iterator<Item = usize> {
        let frames = &self.frames[stack.frames as usize..][..stack.depth as usize];
        frames.iter().map(|&number| self.addresses[number as usize])
    }

    fn address_number(&mut self, address: usize) -> Option<u32> {
        let (hash, addresses) = (mix(address as u64), &mut self.addresses);
        let is_it = |number| addresses[number as usize] == address;
        if let Some(known) = self.address_index.find(hash, is_it) {
            return Some(known);
        }
        if addresses.len() == MOST_ADDRESSES {
            return None;
        }
        let hash_of = |number| mix(addresses[number as usize] as u64);
        self.address_index.make_room(hash_of)?;
        let number = addresses.len() as u32;
        addresses.push(address)?;
        self.address_index.insert(hash, number);
        Some(number)
    }

    /// What the samples of a stack add up to.
    pub(super) fn sums_mut(&mut self, stack: StackNumber) -> &mut StackSums {
        &mut self.stacks[stack.0 as usize].sums
    }

    /// Forgets what is live.
    pub(super) fn clear_live(&mut self) {
        for stack in self.stacks.iter_mut() {
            stack.sums.live = Sums::default();
        }
    }

    /// The return address with this number.
    pub(super) fn address(&self, number: usize) -> Option<usize> {
        self.addresses.get(number).copied()
    }

    /// The sums of a stack. Its addresses are written to `addresses`, the innermost first, and
    /// counted.
    pub(super) fn read(
        &self,
        number: usize,
        addresses: &mut [usize; MOST_DEPTH],
    ) -> Option<(StackSums, usize)> {
        let stack = self.stacks.get(number)?;
        for (place, address) in addresses.iter_mut().zip(self.addresses_of(stack)) {
            *place = address;
        }
        Some((stack.sums, stack.depth as usize))
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use orionrt_sys::mapping::faults;

    use super::*;

    #[test]
    fn what_has_no_place_is_refused() {
        let mut table = StackTable::new();
        for address in 1..=MOST_STACKS {
            assert!(table.number_of(&[address]).is_some());
        }
        assert_eq!(table.number_of(&[MOST_STACKS + 1]), None);
        assert_eq!(table.number_of(&[7]), Some(StackNumber(6)));
        assert!(table.bytes() < 16 << 20);
    }

    #[test]
    fn refused_stacks_leave_no_frames() {
        let mut table = StackTable::new();
        let addresses: Vec<_> = (1..=MOST_ADDRESSES).collect();
        for stack in addresses.chunks(MOST_DEPTH) {
            assert!(table.number_of(stack).is_some());
        }
        let mut stack = [1; MOST_DEPTH];
        stack[MOST_DEPTH - 1] = MOST_ADDRESSES + 1;
        for _ in 0..2 {
            assert_eq!(table.number_of(&stack), None);
            assert_eq!(table.frames.len(), MOST_ADDRESSES);
        }
        assert!(table.number_of(&[1, 2, 1]).is_some());
    }

    /// With the memory refused from each call on that adding a stack makes.
    #[test]
    fn what_finds_no_memory_halfway_is_there_once_when_it_is_added_again() {
        const STACKS: usize = 2000;
        for calls in 0..12 {
            let mut table = StackTable::new();
            for number in 1..=STACKS {
                faults::refuse_after(Some(calls));
                let added = table.number_of(&[number, number]);
                faults::refuse_after(None);
                assert!(added.is_some() || table.number_of(&[number, number]).is_some());
            }
            assert_eq!(table.stacks.len(), STACKS, "{calls}");
            assert_eq!(table.addresses.len(), STACKS, "{calls}");
            assert_eq!(table.frames.len(), 2 * STACKS, "{calls}");
        }
    }
}
