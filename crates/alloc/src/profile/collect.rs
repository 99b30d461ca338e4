//! Where a [`Profile`] comes from: the samples of a heap, read stack by stack.
//!
//! Stands on the heap and its table of samples. Invariant: nothing is allocated, and nothing else
//! called, while the samples are locked.

#![forbid(unsafe_code)]

use super::{
    entries::{Estimates, Profile, ProfileEntry},
    pprof::Source,
};
use crate::heap::{Heap, MOST_DEPTH};

/// The samples of a heap as they were when it was made, but for those that are added meanwhile.
pub(super) struct HeapSamples {
    heap: &'static Heap,
    lost: u64,
}

impl HeapSamples {
    pub(super) fn of(heap: &'static Heap) -> Self {
        let lost = heap.samples(|samples| {
            samples.sum_up();
            samples.lost()
        });
        Self { heap, lost }
    }

    /// Copies them into a [`Profile`], which allocates.
    pub(super) fn to_profile(&self) -> Profile {
        let mut profile = Profile {
            mean: self.mean(),
            lost: self.lost,
            ..Profile::default()
        };
        self.each_stack(&mut |estimates, stack| {
            profile.total += *estimates;
            profile.entries.push(ProfileEntry {
                stack: stack.to_vec(),
                estimates: *estimates,
            });
        });
        profile
    }
}

impl Source for HeapSamples {
    fn mean(&self) -> u64 {
        self.heap.sampling_mean()
    }

    fn lost(&self) -> u64 {
        self.lost
    }

    fn each_stack(&self, visit: &mut dyn FnMut(&Estimates, &[usize])) {
        let mut addresses = [0; MOST_DEPTH];
        for number in 0.. {
            let read = self
                .heap
                .samples(|samples| samples.read(number, &mut addresses));
            let Some((sums, depth)) = read else {
                break;
            };
            visit(&Estimates::of(&sums), &addresses[..depth]);
        }
    }

    fn each_address(&self, visit: &mut dyn FnMut(usize)) {
        for number in 0.. {
            let Some(address) = self.heap.samples(|samples| samples.address(number)) else {
                break;
            };
            visit(address);
        }
    }
}
