//! The bytes alive in each region, section by section.
//!
//! Stands on live ranges. A tensor is added to a region where its load stays within the limit,
//! which is necessary for a plan of the region and nearly always sufficient. Invariant: the loads
//! of a region are those of the tensors that were added to it.

use alloc::{vec, vec::Vec};
use core::ops::Range;

use crate::ids::TensorId;
use crate::lifetimes::Lifetimes;

/// The most loads that are kept, of all regions together: 128 MiB.
const MOST_LOADS: usize = 1 << 24;

/// The sections of all tensors, and the loads of regions.
#[derive(Debug)]
pub(super) struct Loads {
    /// For each row its sections, as ranges.
    sections: Vec<Vec<Range<usize>>>,
    count: usize,
    sizes: Vec<u64>,
    limit: u64,
    regions: Vec<Vec<u64>>,
}

impl Loads {
    /// Of these rows, which have bytes of their own; there is no region yet.
    pub(super) fn new(lifetimes: &Lifetimes, rows: &[usize], limit: u64) -> Self {
        let ranges = |row: usize| lifetimes.live_ranges(TensorId::from_index(row));
        let mut times: Vec<i64> = Vec::new();
        for &row in rows {
            times.extend(ranges(row).flat_map(|range| [range.start, range.end]));
        }
        times.sort_unstable();
        times.dedup();
        let place = |time: i64| times.partition_point(|&other| other < time);
        let mut sections = vec![Vec::new(); lifetimes.len()];
        for &row in rows {
            let places = ranges(row).map(|range| place(range.start)..place(range.end));
            sections[row] = places.collect();
        }
        Self {
            sections,
            count: times.len(),
            sizes: lifetimes.rows().iter().map(|row| row.size).collect(),
            limit,
            regions: Vec::new(),
        }
    }

    /// Forgets all regions.
    pub(super) fn clear(&mut self) {
        self.regions.clear();
    }

    /// Adds a row to the first region that has room for it, or to a new one, and returns which;
    /// `None` if there are too many regions to go on.
    pub(super) fn add_first(&mut self, row: usize) -> Option<usize> {
        let known = (0..self.regions.len()).find(|&region| self.has_room(region, row));
        let region = match known {
            Some(region) => region,
            None => self.open()?,
        };
        self.add(region, row);
        Some(region)
    }

    /// Whether the load of a region stays within the limit with this row.
    fn has_room(&self, region: usize, row: usize) -> bool {
        let loads = &self.regions[region];
        let most = self.limit - self.sizes[row];
        let mut sections = self.sections[row].iter();
        sections.all(|range| loads[range.clone()].iter().all(|&load| load <= most))
    }

    fn open(&mut self) -> Option<usize> {
        let region = self.regions.len();
        if (region + 1).saturating_mul(self.count) > MOST_LOADS.max(self.count) {
            return None;
        }
        self.regions.push(vec![0; self.count]);
        Some(region)
    }

    fn add(&mut self, region: usize, row: usize) {
        for range in &self.sections[row] {
            for load in &mut self.regions[region][range.clone()] {
                *load += self.sizes[row];
            }
        }
    }
}
