//! The bytes alive in each region, section by section.
//!
//! Stands on sections. A tensor is added to a region where its load stays within the limit, which
//! is necessary for a plan of the region and nearly always sufficient. Invariant: the loads of a
//! region are those of the tensors that were added to it.

use alloc::{vec, vec::Vec};

use super::sections::Sections;
use crate::lifetimes::Lifetimes;

/// The most loads that are kept, of all regions together: 128 MiB.
const MOST_LOADS: usize = 1 << 24;

/// The sections of all tensors, and the loads of regions.
#[derive(Debug)]
pub(super) struct Loads {
    sections: Sections,
    /// The number of each row among the tensors that have sections.
    numbers: Vec<usize>,
    /// The bytes of each row.
    sizes: Vec<u64>,
    limit: u64,
    regions: Vec<Vec<u64>>,
}

impl Loads {
    /// Of these rows, which have bytes of their own; there is no region yet.
    pub(super) fn new(lifetimes: &Lifetimes, rows: &[usize], limit: u64) -> Self {
        let mut numbers = vec![usize::MAX; lifetimes.len()];
        for (number, &row) in rows.iter().enumerate() {
            numbers[row] = number;
        }
        Self {
            sections: Sections::new(lifetimes, rows),
            numbers,
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
        let (one, size) = (self.numbers[row], self.sizes[row]);
        let most = self.limit - size;
        let mut regions = self.regions.iter();
        let known = regions.position(|loads| self.sections.are_within(loads, one, most));
        let region = match known {
            Some(region) => region,
            None => self.open()?,
        };
        self.sections.add(&mut self.regions[region], one, size);
        Some(region)
    }

    /// Begins again with so many empty regions; `None` if there are too many to go on.
    pub(super) fn reset(&mut self, regions: usize) -> Option<()> {
        self.clear();
        (0..regions).try_for_each(|_| self.open().map(drop))
    }

    /// Adds a row to the region with the least load while the row is alive, and returns which;
    /// `None` if no region has room for it.
    pub(super) fn add_least_loaded(&mut self, row: usize) -> Option<usize> {
        let (one, size) = (self.numbers[row], self.sizes[row]);
        let loads = self.regions.iter().enumerate();
        let highest = loads.map(|(region, loads)| (self.sections.highest(loads, one), region));
        let (load, region) = highest.min()?;
        if load > self.limit - size {
            return None;
        }
        self.sections.add(&mut self.regions[region], one, size);
        Some(region)
    }

    fn open(&mut self) -> Option<usize> {
        let (region, count) = (self.regions.len(), self.sections.count());
        if (region + 1).saturating_mul(count) > MOST_LOADS.max(count) {
            return None;
        }
        self.regions.push(self.sections.no_loads());
        Some(region)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_added_where_the_load_is_least_while_it_is_alive() {
        let rows = [
            ("long", 0, 4, 20, 1),
            ("first a", 0, 2, 50, 1),
            ("second a", 2, 4, 40, 1),
            ("first b", 0, 2, 40, 1),
            ("first c", 0, 2, 50, 1),
            ("second b", 2, 4, 70, 1),
            ("second c", 2, 4, 70, 1),
            ("second d", 2, 4, 21, 1),
        ];
        let lifetimes = Lifetimes::from_rows(rows).unwrap();
        let rows: Vec<usize> = (0..rows.len()).collect();
        let mut loads = Loads::new(&lifetimes, &rows, 110);
        loads.reset(2).unwrap();
        let regions = rows.iter().map(|&row| loads.add_least_loaded(row));
        let regions: Vec<Option<usize>> = regions.collect();
        // At the end the second steps have 90 bytes in region 0 and 110 in region 1.
        let expected = [0, 1, 1, 0, 1, 0, 1].map(Some);
        assert_eq!(regions[..7], expected);
        assert_eq!(regions[7], None);
    }
}
