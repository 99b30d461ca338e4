//! The sections in which tensors are alive, and their loads.
//!
//! Stands on live ranges. A section is the time between two steps at which a live range of one of
//! the tensors begins or ends. The loads of a set of them are a number of bytes for each section: a
//! caller may keep several, one for each region or for each choice of tensors. Invariant: the
//! sections of a tensor are those of its live ranges.

use alloc::{vec, vec::Vec};
use core::ops::Range;

use crate::ids::TensorId;
use crate::lifetimes::Lifetimes;

/// The sections of some tensors, which are counted from 0.
#[derive(Debug)]
pub(crate) struct Sections {
    of: Vec<Vec<Range<usize>>>,
    count: usize,
}

impl Sections {
    /// Of these rows, which have bytes of their own, in their order.
    pub(crate) fn new(lifetimes: &Lifetimes, rows: &[usize]) -> Self {
        let ranges = |row: usize| lifetimes.live_ranges(TensorId::from_index(row));
        let mut times: Vec<i64> = Vec::new();
        for &row in rows {
            times.extend(ranges(row).flat_map(|range| [range.start, range.end]));
        }
        times.sort_unstable();
        times.dedup();
        let place = |time: i64| times.partition_point(|&other| other < time);
        let of = rows.iter().map(|&row| {
            let places = ranges(row).map(|range| place(range.start)..place(range.end));
            places.collect()
        });
        Self {
            of: of.collect(),
            count: times.len(),
        }
    }

    /// How many sections there are.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The sections in which a tensor is alive.
    pub(crate) fn of(&self, one: usize) -> impl Iterator<Item = usize> + '_ {
        self.of[one].iter().flat_map(Range::clone)
    }

    /// Whether a tensor is alive in a section.
    pub(crate) fn is_alive(&self, one: usize, section: usize) -> bool {
        let mut ranges = self.of[one].iter();
        ranges.any(|range| range.contains(&section))
    }

    /// The loads of no tensor.
    pub(crate) fn no_loads(&self) -> Vec<u64> {
        vec![0; self.count]
    }

    /// Whether the loads are at most so many bytes while a tensor is alive.
    pub(crate) fn are_within(&self, loads: &[u64], one: usize, most: u64) -> bool {
        let mut sections = self.of[one].iter();
        sections.all(|range| loads[range.clone()].iter().all(|&load| load <= most))
    }

    /// The highest of the loads while a tensor is alive.
    pub(crate) fn highest(&self, loads: &[u64], one: usize) -> u64 {
        let loads = self.of[one].iter().flat_map(|range| &loads[range.clone()]);
        loads.copied().max().unwrap_or(0)
    }

    /// Adds bytes to the loads while a tensor is alive.
    pub(crate) fn add(&self, loads: &mut [u64], one: usize, bytes: u64) {
        for range in &self.of[one] {
            let loads = loads[range.clone()].iter_mut();
            loads.for_each(|load| *load += bytes);
        }
    }

    /// Takes bytes off the loads while a tensor is alive.
    pub(crate) fn subtract(&self, loads: &mut [u64], one: usize, bytes: u64) {
        for range in &self.of[one] {
            let loads = loads[range.clone()].iter_mut();
            loads.for_each(|load| *load -= bytes);
        }
    }
}
