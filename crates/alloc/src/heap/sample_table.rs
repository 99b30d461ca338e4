//! The samples of a profile: which blocks are live, who allocated them, and what they stand for.
//!
//! ```text
//!   sample ──► stack
//!   of a live  sums of
//!   block      all ever
//! ```
//!
//! Stands on the table of stacks. Samples lie in a mapping of their own, which grows up to a bound;
//! what has no place is counted as lost. What is live is summed up from the samples when somebody
//! asks, so nothing is ever subtracted from a sum.
//!
//! Invariant: the number of a sample stays valid until it is removed.

use super::{
    class::{CLASSES, Class},
    mapped_vec::MappedVec,
    sampling::Probabilities,
    spare_pages::SparePages,
    stack_table::{MOST_DEPTH, StackNumber, StackTable},
    sums::StackSums,
};

const MOST_SAMPLES: usize = 1 << 20;

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

/// The samples of a heap, and what else is behind their lock.
#[derive(Debug)]
pub(crate) struct SampleTable {
    stacks: StackTable,
    samples: MappedVec<Sample>,
    /// The first free place, plus one.
    free: u32,
    lost: u64,
    /// The bytes of all mappings when [`growth`](Self::growth) was last called, and how many stacks
    /// and places there were: none grows without one of these.
    told: (usize, usize, usize),
    pub(super) probabilities: Probabilities,
    pub(super) spare_pages: SparePages,
    /// The live sampled objects of each class.
    objects: [usize; CLASSES],
}

impl SampleTable {
    pub(super) const fn new() -> Self {
        Self {
            stacks: StackTable::new(),
            samples: MappedVec::new(),
            free: 0,
            lost: 0,
            told: (0, 0, 0),
            probabilities: Probabilities::new(),
            spare_pages: SparePages::new(),
            objects: [0; CLASSES],
        }
    }

    /// The bytes of its mappings.
    fn bytes(&self) -> usize {
        self.stacks.bytes() + self.samples.bytes()
    }

    /// By how many bytes the mappings have grown since the last call.
    pub(super) fn growth(&mut self) -> usize {
        let (bytes, stacks, places) = self.told;
        if (stacks, places) == (self.stacks.len(), self.samples.len()) {
            return 0;
        }
        self.told = (self.bytes(), self.stacks.len(), self.samples.len());
        self.told.0 - bytes
    }

    /// How many samples had no place.
    pub(crate) fn lost(&self) -> u64 {
        self.lost
    }

    pub(super) fn note_lost(&mut self) {
        self.lost += 1;
    }

    /// The number of a stack, which is new or not; `None` if there is no place for it.
    pub(super) fn stack_number(&mut self, stack: &[usize]) -> Option<StackNumber> {
        self.stacks.number_of(stack)
    }

    /// Adds a live block that was sampled with this probability; `None` if there is no place.
    pub(super) fn add(
        &mut self,
        stack: StackNumber,
        address: usize,
        bytes: usize,
        probability: f64,
    ) -> Option<SampleNumber> {
        let bytes = bytes as u64;
        let number = self.place(Sample {
            address,
            bytes,
            probability,
            stack: stack.0,
        })?;
        let sums = self.stacks.sums_mut(stack);
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

    /// Counts a sampled object that goes to the program.
    pub(super) fn note_object(&mut self, class: Class) {
        self.objects[class.index()] += 1;
    }

    /// Counts a sampled object that comes back.
    pub(super) fn note_object_freed(&mut self, class: Class) {
        self.objects[class.index()] -= 1;
    }

    /// The live sampled objects of each class.
    pub(super) fn objects(&self) -> [usize; CLASSES] {
        self.objects
    }

    /// Sums up what is live.
    pub(crate) fn sum_up(&mut self) {
        self.stacks.clear_live();
        for sample in self.samples.iter().filter(|sample| sample.address != 0) {
            let sums = self.stacks.sums_mut(StackNumber(sample.stack));
            sums.live.add(sample.bytes, sample.probability);
        }
    }

    /// The return address with this number.
    pub(crate) fn address(&self, number: usize) -> Option<usize> {
        self.stacks.address(number)
    }

    /// What is known of a stack, as of the last [`sum_up`](Self::sum_up). Its addresses are written
    /// to `addresses`, the innermost first, and counted.
    pub(crate) fn read(
        &self,
        number: usize,
        addresses: &mut [usize; MOST_DEPTH],
    ) -> Option<(StackSums, usize)> {
        self.stacks.read(number, addresses)
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, vec::Vec};

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
                let known = table.stack_number(&stack).unwrap();
                let sample = table.add(known, number + 1, bytes, probability).unwrap();
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

    /// What its lists take is told once, whatever it is that has grown.
    #[test]
    fn growth_adds_up_to_the_bytes_of_all_mappings() {
        let (mut table, mut told) = (SampleTable::new(), 0);
        for address in 1..3000 {
            let stack = table.stack_number(&[address % 700, address % 3]).unwrap();
            assert!(table.add(stack, address, 1, 1.0).is_some());
            told += table.growth();
            assert_eq!(told, table.bytes(), "{address}");
        }
        assert_eq!(table.growth(), 0);
    }
}
