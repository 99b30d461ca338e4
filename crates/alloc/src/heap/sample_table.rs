//! The samples of a profile: which blocks are live, who allocated them, and what they stand for.
//!
//! ```text
//!   sample ──► stack ──► frames ──► addresses
//!   of a live  sums of   numbers    each return address once
//!   block      all ever
//! ```
//!
//! All of it lies in mappings of its own, which grow up to bounds; what has no place is counted as
//! lost. What is live is summed up from the samples when somebody asks, so nothing is ever
//! subtracted from a sum.
//!
//! Invariant: a number of a stack, of a frame or of an address stays valid for ever; that of a
//! sample, until it is removed. A stack and an address are there once, and all frames are of stacks
//! that are there: what finds no memory halfway is undone.

use super::{hash_index::HashIndex, mapped_vec::MappedVec, sampling::mix};

/// The most frames of a stack.
pub(crate) const MOST_DEPTH: usize = 128;

const MOST_ADDRESSES: usize = 1 << 18;
const MOST_STACKS: usize = 1 << 16;
const MOST_FRAMES: usize = 1 << 22;
const MOST_SAMPLES: usize = 1 << 20;

/// What the samples of some blocks add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sums {
    pub(crate) samples: u64,
    /// Estimates of the number of blocks, and of their bytes.
    pub(crate) objects: f64,
    pub(crate) bytes: f64,
    /// Estimates of the variances of these two.
    pub(crate) objects_variance: f64,
    pub(crate) bytes_variance: f64,
}

impl Sums {
    /// Adds a block that is sampled with this probability. (The Horvitz-Thompson estimator, and the
    /// one of its variance.)
    fn add(&mut self, bytes: u64, probability: f64) {
        let (bytes, weight) = (bytes as f64, 1.0 / probability);
        let variance = (1.0 - probability) * weight * weight;
        self.samples += 1;
        self.objects += weight;
        self.bytes += bytes * weight;
        self.objects_variance += variance;
        self.bytes_variance += bytes * bytes * variance;
    }
}

/// What a profile knows of one stack.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StackSums {
    /// All blocks since the profile began.
    pub(crate) allocated: Sums,
    /// Those that were live when somebody asked.
    pub(crate) live: Sums,
}

#[derive(Debug)]
struct Stack {
    hash: u64,
    frames: u32,
    depth: u32,
    sums: StackSums,
}

/// A live block; its stack is that of the next free place where there is none.
#[derive(Debug)]
struct Sample {
    /// 0 in a free place.
    address: usize,
    bytes: u64,
    probability: f64,
    stack: u32,
}

/// The number of a sample; never 0, so that 0 is none.
pub(super) type SampleNumber = u32;

/// The samples of a heap.
#[derive(Debug)]
pub(crate) struct SampleTable {
    addresses: MappedVec<usize>,
    address_index: HashIndex,
    frames: MappedVec<u32>,
    stacks: MappedVec<Stack>,
    stack_index: HashIndex,
    samples: MappedVec<Sample>,
    /// The first free place, plus one.
    free: u32,
    lost: u64,
}

impl SampleTable {
    pub(super) const fn new() -> Self {
        Self {
            addresses: MappedVec::new(),
            address_index: HashIndex::new(),
            frames: MappedVec::new(),
            stacks: MappedVec::new(),
            stack_index: HashIndex::new(),
            samples: MappedVec::new(),
            free: 0,
            lost: 0,
        }
    }

    /// The bytes of its mappings.
    pub(super) fn bytes(&self) -> usize {
        let vectors = self.addresses.bytes() + self.frames.bytes() + self.stacks.bytes();
        let indexes = self.address_index.bytes() + self.stack_index.bytes();
        vectors + indexes + self.samples.bytes()
    }

    /// How many samples had no place.
    pub(crate) fn lost(&self) -> u64 {
        self.lost
    }

    pub(super) fn note_lost(&mut self) {
        self.lost += 1;
    }

    /// Adds a live block that was sampled with this probability; `None` if there is no place.
    pub(super) fn add(
        &mut self,
        stack: &[usize],
        address: usize,
        bytes: usize,
        probability: f64,
    ) -> Option<SampleNumber> {
        let bytes = bytes as u64;
        let stack = self.stack_number(stack)?;
        let sample = Sample {
            address,
            bytes,
            probability,
            stack,
        };
        let number = self.place(sample)?;
        let sums = &mut self.stacks[stack as usize].sums;
        sums.allocated.add(bytes, probability);
        Some(number)
    }

    /// Stores a sample; returns its number.
    fn place(&mut self, sample: Sample) -> Option<SampleNumber> {
        let number = self.free;
        if let Some(place) = number.checked_sub(1) {
            let place = &mut self.samples[place as usize];
            self.free = place.stack;
            *place = sample;
            return Some(number);
        }
        if self.samples.len() == MOST_SAMPLES {
            return None;
        }
        self.samples.push(sample)?;
        Some(self.samples.len() as u32)
    }

    /// Removes the sample of a block that is gone.
    pub(super) fn remove(&mut self, number: SampleNumber) {
        let place = &mut self.samples[number as usize - 1];
        debug_assert_ne!(place.address, 0);
        (place.address, place.stack) = (0, self.free);
        self.free = number;
    }

    /// Stores that a block has another size now.
    pub(super) fn resize(&mut self, number: SampleNumber, bytes: usize) {
        self.samples[number as usize - 1].bytes = bytes as u64;
    }

    /// The number of a stack, which is new or not.
    fn stack_number(&mut self, stack: &[usize]) -> Option<u32> {
        let stack = &stack[..stack.len().min(MOST_DEPTH)];
        let hash = stack
            .iter()
            .fold(0, |hash, &address| mix(hash ^ address as u64));
        let is_it = |number: u32| {
            let found = &self.stacks[number as usize];
            found.hash == hash && self.addresses_of(found).eq(stack.iter().copied())
        };
        if let Some(known) = self.stack_index.find(hash, is_it) {
            return Some(known);
        }
        let frames = self.frames.len();
        let added = self.add_stack(hash, stack);
        if added.is_none() {
            self.frames.truncate(frames);
        }
        added
    }

    /// Adds a stack, which is not there; if that fails, frames may be left behind.
    fn add_stack(&mut self, hash: u64, stack: &[usize]) -> Option<u32> {
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
        Some(number)
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

    /// Sums up what is live.
    pub(crate) fn sum_up(&mut self) {
        for stack in self.stacks.iter_mut() {
            stack.sums.live = Sums::default();
        }
        for sample in self.samples.iter().filter(|sample| sample.address != 0) {
            let sums = &mut self.stacks[sample.stack as usize].sums;
            sums.live.add(sample.bytes, sample.probability);
        }
    }

    /// The return address with this number.
    pub(crate) fn address(&self, number: usize) -> Option<usize> {
        self.addresses.get(number).copied()
    }

    /// What is known of a stack, as of the last [`sum_up`](Self::sum_up). Its addresses are written
    /// to `addresses`, the innermost first, and counted.
    pub(crate) fn read(
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
    use std::{collections::HashMap, vec::Vec};

    use orionrt_sys::mapping::faults;
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-9 * (a.abs() + b.abs())
    }

    proptest! {
        /// Beside a list of what was added and not removed.
        #[test]
        fn sums_are_those_of_what_was_added(
            steps in vec((vec(1usize..9, 0..4), 1usize..1000, any::<bool>()), 0..300),
        ) {
            let (mut table, mut live) = (SampleTable::new(), Vec::new());
            let mut allocated = HashMap::<_, (u64, f64, f64, f64)>::new();
            for (number, (stack, bytes, removes)) in steps.into_iter().enumerate() {
                let probability = 0.25 + (number % 4) as f64 / 4.0;
                let sample = table.add(&stack, number + 1, bytes, probability).unwrap();
                let sums = allocated.entry(stack.clone()).or_default();
                sums.0 += 1;
                sums.1 += 1.0 / probability;
                sums.2 += bytes as f64 / probability;
                sums.3 += (bytes * bytes) as f64 * (1.0 - probability) / probability.powi(2);
                live.push((sample, stack, bytes, probability));
                if removes {
                    table.remove(live.swap_remove(number % live.len()).0);
                } else if number % 5 == 0 {
                    let last = live.last_mut().unwrap();
                    last.2 += 7;
                    table.resize(last.0, last.2);
                }
            }
            table.sum_up();
            let (mut seen, mut addresses) = (0, [0; MOST_DEPTH]);
            while let Some((sums, depth)) = table.read(seen, &mut addresses) {
                seen += 1;
                let stack = addresses[..depth].to_vec();
                let (samples, objects, bytes, variance) = allocated[&stack];
                prop_assert_eq!(sums.allocated.samples, samples);
                prop_assert!(close(sums.allocated.objects, objects));
                prop_assert!(close(sums.allocated.bytes, bytes));
                prop_assert!(close(sums.allocated.bytes_variance, variance));
                let of_it = live.iter().filter(|sample| sample.1 == stack);
                let bytes: f64 = of_it.clone().map(|(_, _, bytes, p)| *bytes as f64 / p).sum();
                prop_assert_eq!(sums.live.samples, of_it.count() as u64);
                prop_assert!(close(sums.live.bytes, bytes));
            }
            prop_assert_eq!(seen, allocated.len());
            let most_live = live.len() + 1;
            prop_assert!(table.samples.len() <= most_live.max(allocated.len() * 300));
        }
    }

    #[test]
    fn what_has_no_place_is_refused() {
        let mut table = SampleTable::new();
        for address in 1..=MOST_STACKS {
            assert!(table.add(&[address], address, 1, 1.0).is_some());
        }
        assert_eq!(table.add(&[MOST_STACKS + 1], 1, 1, 1.0), None);
        assert!(table.add(&[7], 1, 1, 1.0).is_some());
        assert!(table.bytes() < 16 << 20);
    }

    #[test]
    fn refused_stacks_leave_no_frames() {
        let mut table = SampleTable::new();
        let addresses: Vec<_> = (1..=MOST_ADDRESSES).collect();
        for stack in addresses.chunks(MOST_DEPTH) {
            assert!(table.add(stack, 1, 1, 1.0).is_some());
        }
        let mut stack = [1; MOST_DEPTH];
        stack[MOST_DEPTH - 1] = MOST_ADDRESSES + 1;
        for _ in 0..2 {
            assert_eq!(table.add(&stack, 1, 1, 1.0), None);
            assert_eq!(table.frames.len(), MOST_ADDRESSES);
        }
        assert!(table.add(&[1, 2, 1], 1, 1, 1.0).is_some());
    }

    /// With the memory refused from each call on that adding a stack makes.
    #[test]
    fn what_finds_no_memory_halfway_is_there_once_when_it_is_added_again() {
        const STACKS: usize = 2000;
        for calls in 0..12 {
            let mut table = SampleTable::new();
            for number in 1..=STACKS {
                faults::refuse_after(Some(calls));
                let added = table.add(&[number, number], 1, 1, 1.0);
                faults::refuse_after(None);
                assert!(added.is_some() || table.add(&[number, number], 1, 1, 1.0).is_some());
            }
            assert_eq!(table.stacks.len(), STACKS, "{calls}");
            assert_eq!(table.addresses.len(), STACKS, "{calls}");
            assert_eq!(table.frames.len(), 2 * STACKS, "{calls}");
        }
    }
}
