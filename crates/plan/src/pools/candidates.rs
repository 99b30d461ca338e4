//! The tensors among which those of a pool are chosen, and the loads of a choice.
//!
//! Stands on sections. A choice whose load stays within the capacity nearly always has a plan
//! there; whether it has is for the planner to say. Invariant: the loads of a [`Choice`] are those
//! of its tensors.

use alloc::{vec, vec::Vec};

use crate::ids::TensorId;
use crate::lifetimes::Lifetimes;
use crate::regions::Sections;

/// Tensors by number, with all that a choice needs to know.
#[derive(Debug)]
pub(super) struct Candidates {
    /// The row of each of them.
    pub(super) rows: Vec<usize>,
    pub(super) sizes: Vec<u64>,
    pub(super) traffic: Vec<u64>,
    /// The steps at which each is alive, all together.
    pub(super) lives: Vec<u64>,
    pub(super) capacity: u64,
    sections: Sections,
}

/// Some of the candidates.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    pub(super) is_in: Vec<bool>,
    pub(super) traffic: u64,
    loads: Vec<u64>,
}

impl Candidates {
    /// Those of these rows, which have bytes of their own, that are no larger than the capacity.
    pub(super) fn new(
        lifetimes: &Lifetimes,
        rows: &[usize],
        traffic: &[u64],
        capacity: u64,
    ) -> Self {
        let size = |row: usize| lifetimes.rows()[row].size;
        let rows: Vec<usize> = rows
            .iter()
            .copied()
            .filter(|&row| size(row) <= capacity)
            .collect();
        let ranges = |row: usize| lifetimes.live_ranges(TensorId::from_index(row));
        let life = |row: usize| {
            ranges(row)
                .map(|range| range.start.abs_diff(range.end))
                .sum()
        };
        Self {
            sections: Sections::new(lifetimes, &rows),
            sizes: rows.iter().map(|&row| size(row)).collect(),
            traffic: rows.iter().map(|&row| traffic[row]).collect(),
            lives: rows.iter().map(|&row| life(row)).collect(),
            capacity,
            rows,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// None of them.
    pub(super) fn none(&self) -> Choice {
        Choice {
            is_in: vec![false; self.len()],
            traffic: 0,
            loads: self.sections.no_loads(),
        }
    }

    /// Traffic for each byte and step that a candidate takes.
    pub(super) fn density(&self, one: usize) -> f64 {
        self.traffic[one] as f64 / (self.sizes[one] as f64 * self.lives[one] as f64)
    }

    /// Whether the load stays within the capacity if this candidate is added.
    pub(super) fn has_room(&self, choice: &Choice, one: usize) -> bool {
        let most = self.capacity - self.sizes[one];
        self.sections.are_within(&choice.loads, one, most)
    }

    /// A section in which the load is above the capacity while a candidate is alive.
    pub(super) fn overfull(&self, choice: &Choice, one: usize) -> Option<usize> {
        let mut sections = self.sections.of(one);
        sections.find(|&section| choice.loads[section] > self.capacity)
    }

    /// Whether a candidate is alive in a section.
    pub(super) fn is_alive(&self, one: usize, section: usize) -> bool {
        self.sections.is_alive(one, section)
    }

    /// Adds a candidate that is not chosen yet.
    pub(super) fn add(&self, choice: &mut Choice, one: usize) {
        choice.is_in[one] = true;
        choice.traffic += self.traffic[one];
        let loads = &mut choice.loads;
        self.sections.add(loads, one, self.sizes[one]);
    }

    /// Takes a candidate out that is chosen.
    pub(super) fn remove(&self, choice: &mut Choice, one: usize) {
        choice.is_in[one] = false;
        choice.traffic -= self.traffic[one];
        let loads = &mut choice.loads;
        self.sections.subtract(loads, one, self.sizes[one]);
    }

    /// The rows of a choice.
    pub(super) fn rows_of(&self, choice: &Choice) -> Vec<usize> {
        let rows = self.rows.iter().zip(&choice.is_in);
        rows.filter(|(_, is_in)| **is_in)
            .map(|(&row, _)| row)
            .collect()
    }
}
