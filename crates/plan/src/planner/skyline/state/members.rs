//! Which classes have open items, section by section.

use alloc::vec::Vec;

use crate::planner::skyline::problem::{Class, Problem};

/// The classes with open items of each section, as sparse sets: closing one swaps it to the end, so the last one
/// closed is reopened by counting it in again.
#[derive(Debug)]
pub(super) struct Members {
    /// The classes of section *s* are `classes[at[s]..at[s + 1]]`, of which the first `open[s]` are open.
    classes: Vec<u32>,
    at: Vec<usize>,
    open: Vec<u32>,
    /// Where a class is among those of each section that it covers: from `place_at[class]` on.
    places: Vec<u32>,
    place_at: Vec<usize>,
}

impl Members {
    pub(super) fn new(problem: &Problem) -> Self {
        let mut open = alloc::vec![0u32; problem.sections];
        let mut places = Vec::new();
        let mut place_at = Vec::with_capacity(problem.classes.len());
        for class in &problem.classes {
            place_at.push(places.len());
            for s in class.span() {
                places.push(open[s]);
                open[s] += 1;
            }
        }
        let mut at = alloc::vec![0];
        for &count in &open {
            at.push(at[at.len() - 1] + count as usize);
        }
        let mut classes = alloc::vec![0; places.len()];
        for (number, class) in problem.classes.iter().enumerate() {
            for (s, place) in class.span().zip(&places[place_at[number]..]) {
                classes[at[s] + *place as usize] = number as u32;
            }
        }
        Self {
            classes,
            at,
            open,
            places,
            place_at,
        }
    }

    pub(super) fn open_in(&self, section: usize) -> &[u32] {
        let at = self.at[section];
        &self.classes[at..at + self.open[section] as usize]
    }

    pub(super) fn close(&mut self, number: usize, problem: &Problem) {
        let span = problem.classes[number].span();
        for s in span.clone() {
            self.open[s] -= 1;
            let (hole, last) = (self.place_at[number] + s - span.start, self.open[s]);
            let moved = self.classes[self.at[s] + last as usize] as usize;
            let start = problem.classes[moved].span().start;
            let place = self.places[hole];
            self.classes
                .swap(self.at[s] + place as usize, self.at[s] + last as usize);
            self.places[self.place_at[moved] + s - start] = place;
            self.places[hole] = last;
        }
    }

    pub(super) fn reopen(&mut self, class: &Class) {
        for s in class.span() {
            self.open[s] += 1;
        }
    }
}
