//! [`Profile`]: estimates for each stack that has allocated, and their sums.
//!
//! Stands on [`estimate`](super::estimate) and the sums that the heap keeps. Invariant: the total
//! of a profile is the sum of its entries.

#![forbid(unsafe_code)]

use core::ops::AddAssign;
use std::vec::Vec;

use super::estimate::Estimate;
use crate::heap::{StackSums, Sums};

/// What the blocks of a stack, or of a program, add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Estimates {
    /// Blocks allocated since the profile began.
    pub allocated_objects: Estimate,
    /// Bytes of all blocks allocated since the profile began.
    pub allocated_bytes: Estimate,
    /// Blocks that are live: allocated and not freed.
    pub live_objects: Estimate,
    /// Bytes of the blocks that are live.
    pub live_bytes: Estimate,
    /// Samples behind `allocated_objects` and `allocated_bytes`.
    pub samples: u64,
    /// Samples that are still live, behind `live_objects` and `live_bytes`.
    pub live_samples: u64,
}

impl Estimates {
    pub(super) fn of(sums: &StackSums) -> Self {
        let objects = |sums: &Sums| Estimate {
            value: sums.objects,
            variance: sums.objects_variance,
        };
        let bytes = |sums: &Sums| Estimate {
            value: sums.bytes,
            variance: sums.bytes_variance,
        };
        Self {
            allocated_objects: objects(&sums.allocated),
            allocated_bytes: bytes(&sums.allocated),
            live_objects: objects(&sums.live),
            live_bytes: bytes(&sums.live),
            samples: sums.allocated.samples,
            live_samples: sums.live.samples,
        }
    }
}

impl AddAssign for Estimates {
    fn add_assign(&mut self, other: Self) {
        self.allocated_objects += other.allocated_objects;
        self.allocated_bytes += other.allocated_bytes;
        self.live_objects += other.live_objects;
        self.live_bytes += other.live_bytes;
        self.samples += other.samples;
        self.live_samples += other.live_samples;
    }
}

/// What one stack has allocated.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ProfileEntry {
    /// Return addresses, the innermost first; empty where the stack could not be walked.
    pub stack: Vec<usize>,
    /// Estimates for all blocks that were allocated there.
    pub estimates: Estimates,
}

/// A heap profile at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    pub(super) entries: Vec<ProfileEntry>,
    pub(super) total: Estimates,
    pub(super) mean: u64,
    pub(super) lost: u64,
}

impl Profile {
    /// What each stack has allocated, in the order of their first samples.
    #[must_use]
    pub fn entries(&self) -> &[ProfileEntry] {
        &self.entries
    }

    /// What all of them add up to.
    #[must_use]
    pub fn total(&self) -> Estimates {
        self.total
    }

    /// The bytes from one sample to the next, on average; 0 if sampling is off.
    #[must_use]
    pub fn mean(&self) -> u64 {
        self.mean
    }

    /// How many samples are missing, since there was no memory for them, or no place in the tables:
    /// these have an end. Estimates are too low by what they stand for.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost
    }
}
