//! Which classes have open items, section by section, as sparse sets.
//!
//! Closing a class swaps it behind the open ones. Invariant: classes are reopened in the opposite
//! order of closing, so the last one closed is next to the open ones and is reopened by counting it
//! in.

use alloc::vec::Vec;

use crate::planner::skyline::problem::{Class, SkylineProblem};

/// The classes with open items of each section.
#[derive(Debug)]
pub(super) struct OpenClasses {
    /// The classes of section *s* are `classes[at[s]..at[s + 1]]`, and the first `open[s]` of them
    /// are open.
    classes: Vec<u32>,
    at: Vec<usize>,
    open: Vec<u32>,
    /// The index of a class among those of each section that it covers: from `index_at[class]` on.
    indices: Vec<u32>,
    index_at: Vec<usize>,
}

impl OpenClasses {
    pub(super) fn new(problem: &SkylineProblem) -> Self {
        let mut open = alloc::vec![0u32; problem.sections];
        let mut indices = Vec::new();
        let mut index_at = Vec::with_capacity(problem.classes.len());
        for class in &problem.classes {
            index_at.push(indices.len());
            for s in class.span() {
                indices.push(open[s]);
                open[s] += 1;
            }
        }
        let mut at = alloc::vec![0];
        for &count in &open {
            at.push(at[at.len() - 1] + count as usize);
        }
        let mut classes = alloc::vec![0; indices.len()];
        for (number, class) in problem.classes.iter().enumerate() {
            for (s, index) in class.span().zip(&indices[index_at[number]..]) {
                classes[at[s] + *index as usize] = number as u32;
            }
        }
        Self {
            classes,
            at,
            open,
            indices,
            index_at,
        }
    }

    /// The classes with open items of a section.
    pub(super) fn open_in(&self, section: usize) -> &[u32] {
        let at = self.at[section];
        &self.classes[at..at + self.open[section] as usize]
    }

    /// Removes a class whose last item was placed.
    pub(super) fn close(&mut self, number: usize, problem: &SkylineProblem) {
        let span = problem.classes[number].span();
        for s in span.clone() {
            self.open[s] -= 1;
            let (hole, last) = (self.index_at[number] + s - span.start, self.open[s]);
            let moved = self.classes[self.at[s] + last as usize] as usize;
            let start = problem.classes[moved].span().start;
            let index = self.indices[hole];
            self.classes
                .swap(self.at[s] + index as usize, self.at[s] + last as usize);
            self.indices[self.index_at[moved] + s - start] = index;
            self.indices[hole] = last;
        }
    }

    /// Undoes the last `close`, which was of this class.
    pub(super) fn reopen(&mut self, class: &Class) {
        for s in class.span() {
            self.open[s] += 1;
        }
    }
}
