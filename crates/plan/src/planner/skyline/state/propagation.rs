//! Propagation: what follows from a step for classes and sections, and whether all open items can
//! still fit.
//!
//! A step changes few sections and touches them; only those are looked at again, and only for what
//! the change can have affected.

use core::ops::Range;

use super::data::{ClassState, SearchState, SectionState, due, pair_hash};

impl SearchState {
    /// Brings a saved class up to date after its floor has risen or an item was deferred, and
    /// updates or touches the sections that it covers.
    pub(super) fn refresh(&mut self, class: usize) {
        let before = self.classes[class];
        let is_level = before.deferred == 0 && self.problem.classes[class].obstacles.is_empty();
        let after = if is_level {
            self.level_class(class, before)
        } else {
            self.uneven_class(class, before)
        };
        self.hash ^= before.hash ^ after.hash;
        self.classes[class] = after;
        self.update_sections(self.problem.classes[class].span(), before, after);
    }

    /// The state of a class whose open items all have its floor as their minimum offset.
    fn level_class(&self, class: usize, state: ClassState) -> ClassState {
        let smallest = self.open_items(class).next();
        let size = smallest.map_or(0, |item| self.problem.items[item].size);
        ClassState {
            min_offset: state.floor,
            max_min_offset: state.floor,
            lowest_top: state.floor + size,
            candidates: state.count,
            hash: pair_hash(class as u64, state.floor),
            ..state
        }
    }

    /// The state of a class whose items have minimum offsets of their own.
    fn uneven_class(&self, class: usize, state: ClassState) -> ClassState {
        let mut state = ClassState {
            min_offset: u64::MAX,
            lowest_top: u64::MAX,
            max_min_offset: 0,
            candidates: 0,
            hash: pair_hash(class as u64, state.floor),
            ..state
        };
        for item in self.open_items(class) {
            let (min_offset, size) = (self.min_offset(item), self.problem.items[item].size);
            if min_offset < state.min_offset {
                state.min_offset = min_offset;
                state.candidates = 0;
            }
            state.candidates += u32::from(min_offset == state.min_offset);
            state.max_min_offset = state.max_min_offset.max(min_offset);
            state.lowest_top = state.lowest_top.min(min_offset + size);
            if self.deferred_to[item] > state.floor {
                state.hash ^= pair_hash(!(item as u64), self.deferred_to[item]);
            }
        }
        state
    }

    fn update_sections(&mut self, span: Range<usize>, before: ClassState, after: ClassState) {
        self.work += span.len() as u64;
        for s in span {
            let SectionState {
                floor, lowest_top, ..
            } = self.sections[s];
            let mut due = 0;
            if before.lowest_top == lowest_top {
                due |= due::STATE;
            }
            let may_exceed = after.max_min_offset.saturating_add(self.total[s]) > self.capacity;
            if may_exceed && !self.same_stack.contains(&s) {
                due |= due::STACK;
            }
            if before.min_offset == floor {
                self.touch(s, due);
                let section = &mut self.sections[s];
                section.candidates -= before.candidates.min(section.candidates);
                if after.min_offset == floor {
                    section.candidates += after.candidates;
                } else if section.candidates == 0 {
                    self.due[s] |= due::STATE;
                }
            } else if due != 0 {
                self.touch(s, due);
            }
        }
    }

    /// Brings the touched sections up to date; `false` if the open items of one cannot all fit
    /// below the capacity.
    pub(super) fn finish_step(&mut self) -> bool {
        for at in 0..self.touched.len() {
            let s = self.touched[at] as usize;
            if self.due[s] & due::STATE != 0 {
                self.recompute(s);
            }
            if !self.fits(s) {
                self.failed_at = s;
                self.scoring.add_failure(s);
                return false;
            }
            let candidates = self.sections[s].candidates;
            let score = self
                .scoring
                .score(s, candidates, self.slack(s), self.capacity);
            self.sections[s].score = score;
            self.scores[s] = score;
        }
        true
    }

    fn recompute(&mut self, section: usize) {
        let mut state = SectionState {
            floor: u64::MAX,
            lowest_top: u64::MAX,
            candidates: 0,
            score: f32::INFINITY,
        };
        let open = self.open_classes.open_in(section);
        self.work += open.len() as u64;
        for &class in open {
            let class = &self.classes[class as usize];
            state.lowest_top = state.lowest_top.min(class.lowest_top);
            if class.min_offset < state.floor {
                state.floor = class.min_offset;
                state.candidates = 0;
            }
            if class.min_offset == state.floor {
                state.candidates += class.candidates;
            }
        }
        self.sections[section] = state;
    }

    fn fits(&mut self, section: usize) -> bool {
        if self.sections[section].candidates == 0 {
            return true;
        }
        let needed = self.sections[section]
            .floor
            .saturating_add(self.total[section]);
        let is_simple =
            self.due[section] & due::STACK == 0 && self.problem.obstacles[section].is_empty();
        needed <= self.capacity && (is_simple || self.fits_stacked(section))
    }

    /// Whether a section's open items fit one on another, each no lower than its minimum offset:
    /// from each such offset upwards there must be room for all that cannot be below it.
    fn fits_stacked(&mut self, section: usize) -> bool {
        // An item at or below this offset, with all others stacked on it, stays below the capacity.
        let obstacles = &self.problem.obstacles[section];
        let blocked: u64 = obstacles.iter().map(|taken| taken.end - taken.start).sum();
        let harmless = self.capacity.saturating_sub(self.total[section] + blocked);
        let mut stack = core::mem::take(&mut self.stack);
        stack.clear();
        let above = obstacles.iter().filter(|taken| taken.start > harmless);
        stack.extend(above.map(|taken| (taken.start, taken.end - taken.start)));
        for &class in self.open_classes.open_in(section) {
            let state = &self.classes[class as usize];
            if state.min_offset == state.max_min_offset && state.min_offset > harmless {
                stack.push((state.min_offset, state.bytes));
            } else if state.max_min_offset > harmless {
                let items = self.open_items(class as usize);
                let stacked =
                    items.map(|item| (self.min_offset(item), self.problem.items[item].size));
                stack.extend(stacked.filter(|(min_offset, _)| *min_offset > harmless));
            }
        }
        stack.sort_unstable_by_key(|(min_offset, _)| *min_offset);
        let top = stack.iter().fold(0u64, |top, &(min_offset, size)| {
            min_offset.max(top).saturating_add(size)
        });
        self.stack = stack;
        top <= self.capacity
    }
}
