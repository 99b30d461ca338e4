//! The moves of the search: reset, place an item, defer an item.
//!
//! Each is one step: it changes the state and lets [propagation](super::propagation) find out what
//! follows. `false` or `None` means that the open items cannot all fit below the capacity any more;
//! the caller then undoes the step.

use alloc::rc::Rc;
use core::ops::Range;

use super::data::{SearchState, TrailEntry, TrailMark, due, item_hash};

impl SearchState {
    /// Restarts with nothing placed; `false` if the capacity is plainly too low.
    pub(crate) fn reset(&mut self, capacity: u64) -> bool {
        self.undo_to(TrailMark::START);
        self.capacity = capacity;
        if self.problem.fixed_top > capacity {
            return false;
        }
        self.begin_step();
        for class in 0..self.classes.len() {
            self.refresh(class);
        }
        for section in 0..self.sections.len() {
            self.touch(section, due::STATE | due::STACK);
        }
        self.hash = self.hash_of(0..self.sections.len());
        self.finish_step()
    }

    /// Places an open item at its minimum offset, and returns that; `None` if the other open items
    /// then plainly do not fit.
    pub(crate) fn place(&mut self, item: usize) -> Option<u64> {
        let problem = Rc::clone(&self.problem);
        let number = problem.items[item].class as usize;
        let class = &problem.classes[number];
        let (offset, size) = (self.min_offset(item), problem.items[item].size);
        self.begin_step();
        if problem.is_plain {
            // All that overlaps the item rises to the same top, and what was above that stays.
            self.same_stack = class.span();
        }
        self.save_class(number);
        self.is_open[item] = false;
        self.trail.push(TrailEntry::Placed { item: item as u32 });
        self.hash ^= item_hash(item);
        self.classes[number].count -= 1;
        self.classes[number].bytes -= size;
        self.classes[number].deferred -= u32::from(self.deferred_to[item] > 0);
        for s in class.span() {
            self.total[s] -= size;
            self.touch(s, due::STATE);
        }
        for s in class.span().skip(1) {
            self.crossing[s] -= 1;
        }
        if self.classes[number].count == 0 {
            self.open_classes.close(number, &problem);
            self.hash ^= self.classes[number].hash;
            self.classes[number].hash = 0;
        }
        self.raise_floors(class.span(), offset + size);
        self.finish_step().then_some(offset)
    }

    /// Defers an open item and its twins at the same offset: each will rest on an item that is
    /// still open, or on an obstacle. `false` if they then plainly do not fit.
    pub(crate) fn defer(&mut self, item: usize) -> bool {
        let (offset, class) = (
            self.min_offset(item),
            self.problem.items[item].class as usize,
        );
        self.begin_step();
        for twin in self.problem.twins(item) {
            if !self.is_open[twin] || self.min_offset(twin) != offset {
                continue;
            }
            let Some(next) = self.next_rest(twin) else {
                return false;
            };
            self.save_class(class);
            self.classes[class].deferred += u32::from(self.deferred_to[twin] == 0);
            self.trail.push(TrailEntry::Deferred {
                item: twin as u32,
                before: self.deferred_to[twin],
            });
            self.deferred_to[twin] = next;
        }
        self.refresh(class);
        self.finish_step()
    }

    /// Raises the floors of all classes with open items beside these sections.
    fn raise_floors(&mut self, span: Range<usize>, top: u64) {
        for at in 0..self.open_classes.open_in(span.start).len() {
            self.raise_floor(self.open_classes.open_in(span.start)[at] as usize, top);
        }
        for class in self.problem.starting_in(span.start + 1..span.end) {
            if self.classes[class].count > 0 {
                self.raise_floor(class, top);
            }
        }
    }

    fn raise_floor(&mut self, class: usize, top: u64) {
        let floor = self.problem.classes[class].lowest_from(top);
        if floor > self.classes[class].floor {
            self.save_class(class);
            self.classes[class].floor = floor;
            self.refresh(class);
        }
    }

    /// The lowest offset above its minimum offset on which an open item can come to rest.
    fn next_rest(&self, item: usize) -> Option<u64> {
        let own = self.problem.items[item].class as usize;
        let class = &self.problem.classes[own];
        let span = class.span();
        let beside = self
            .open_classes
            .open_in(span.start)
            .iter()
            .map(|&c| c as usize);
        let later = self.problem.starting_in(span.start + 1..span.end);
        let later = later.filter(|&class| self.classes[class].count > 0);
        let beside = beside.chain(later).filter(|&class| class != own);
        let tops = beside.map(|class| self.classes[class].lowest_top);
        let siblings = self.open_items(own).filter(|&other| other != item);
        let siblings = siblings.map(|other| self.top_at_min_offset(other));
        let min_offset = self.min_offset(item);
        let obstacles = class.obstacles.iter().map(|taken| taken.end);
        let obstacles = obstacles.filter(|&end| end > min_offset);
        let lowest = tops.chain(siblings).chain(obstacles).min()?;
        Some(class.lowest_from(lowest).max(min_offset + 1))
    }
}
