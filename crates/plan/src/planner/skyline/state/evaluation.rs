//! What follows from a step: groups and sections brought up to date, and whether everything can still fit.
//!
//! A step changes few sections and tells which; only these are looked at again, and of them only what the change can have
//! touched.

use core::ops::Range;

use super::{Group, State, Summary, due, mix};

impl State {
    /// Brings a saved group up to date after its ground or a refusal has changed, and tells its sections.
    pub(super) fn refresh(&mut self, class: usize) {
        let before = self.groups[class];
        let is_level = before.refused == 0 && self.problem.classes[class].obstacles.is_empty();
        let after = if is_level {
            self.level(class, before)
        } else {
            self.uneven(class, before)
        };
        self.hash ^= before.hash ^ after.hash;
        self.groups[class] = after;
        self.tell_sections(self.problem.classes[class].span(), before, after);
    }

    /// A group in which nothing keeps an item off the ground.
    fn level(&self, class: usize, group: Group) -> Group {
        let smallest = self.open_items(class).next();
        let size = smallest.map_or(0, |item| self.problem.items[item].size);
        Group {
            least: group.ground,
            highest: group.ground,
            top: group.ground + size,
            candidates: group.open,
            hash: mix(class as u64, group.ground),
            ..group
        }
    }

    /// A group whose items have least offsets of their own.
    fn uneven(&self, class: usize, group: Group) -> Group {
        let mut group = Group {
            least: u64::MAX,
            top: u64::MAX,
            highest: 0,
            candidates: 0,
            hash: mix(class as u64, group.ground),
            ..group
        };
        for item in self.open_items(class) {
            let (least, size) = (self.least(item), self.problem.items[item].size);
            if least < group.least {
                group.least = least;
                group.candidates = 0;
            }
            group.candidates += u32::from(least == group.least);
            group.highest = group.highest.max(least);
            group.top = group.top.min(least + size);
            if self.refused[item] > group.ground {
                group.hash ^= mix(!(item as u64), self.refused[item]);
            }
        }
        group
    }

    fn tell_sections(&mut self, span: Range<usize>, before: Group, after: Group) {
        self.work += span.len() as u64;
        for s in span {
            let Summary { floor, lid, .. } = self.sections[s];
            let mut due = 0;
            if before.top == lid {
                due |= due::SUMMARY;
            }
            let reaches = after.highest.saturating_add(self.unplaced[s]) > self.capacity;
            if reaches && !self.settled.contains(&s) {
                due |= due::STACK;
            }
            if before.least == floor {
                self.touch(s, due);
                let section = &mut self.sections[s];
                section.candidates -= before.candidates.min(section.candidates);
                if after.least == floor {
                    section.candidates += after.candidates;
                } else if section.candidates == 0 {
                    self.due[s] |= due::SUMMARY;
                }
            } else if due != 0 {
                self.touch(s, due);
            }
        }
    }

    /// Brings the touched sections up to date; `false` if the open items of one cannot all fit below the capacity.
    pub(super) fn finish_step(&mut self) -> bool {
        for at in 0..self.touched.len() {
            let s = self.touched[at] as usize;
            if self.due[s] & due::SUMMARY != 0 {
                self.summarise(s);
            }
            if !self.fits(s) {
                self.failed_at = s;
                self.scoring.blame(s);
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

    fn summarise(&mut self, section: usize) {
        let mut summary = Summary {
            floor: u64::MAX,
            lid: u64::MAX,
            candidates: 0,
            score: f32::INFINITY,
        };
        let open = self.members.open_in(section);
        self.work += open.len() as u64;
        for &class in open {
            let group = &self.groups[class as usize];
            summary.lid = summary.lid.min(group.top);
            if group.least < summary.floor {
                summary.floor = group.least;
                summary.candidates = 0;
            }
            if group.least == summary.floor {
                summary.candidates += group.candidates;
            }
        }
        self.sections[section] = summary;
    }

    fn fits(&mut self, section: usize) -> bool {
        if self.sections[section].candidates == 0 {
            return true;
        }
        let needed = self.sections[section]
            .floor
            .saturating_add(self.unplaced[section]);
        let is_simple =
            self.due[section] & due::STACK == 0 && self.problem.obstacles[section].is_empty();
        needed <= self.capacity && (is_simple || self.fits_stacked(section))
    }

    /// Whether a section's open items fit one on another, each no lower than its least offset: from each of these
    /// upwards there must be room for all that cannot be below.
    fn fits_stacked(&mut self, section: usize) -> bool {
        // With so much below it, even all the rest on top of an item does not reach the capacity.
        let obstacles = &self.problem.obstacles[section];
        let blocked: u64 = obstacles.iter().map(|taken| taken.end - taken.start).sum();
        let harmless = self
            .capacity
            .saturating_sub(self.unplaced[section] + blocked);
        let mut stack = core::mem::take(&mut self.stack);
        stack.clear();
        let above = obstacles.iter().filter(|taken| taken.start > harmless);
        stack.extend(above.map(|taken| (taken.start, taken.end - taken.start)));
        for &class in self.members.open_in(section) {
            let group = &self.groups[class as usize];
            if group.least == group.highest && group.least > harmless {
                stack.push((group.least, group.bytes));
            } else if group.highest > harmless {
                let items = self.open_items(class as usize);
                let stacked = items.map(|item| (self.least(item), self.problem.items[item].size));
                stack.extend(stacked.filter(|(least, _)| *least > harmless));
            }
        }
        stack.sort_unstable_by_key(|(least, _)| *least);
        let top = stack.iter().fold(0u64, |top, &(least, size)| {
            least.max(top).saturating_add(size)
        });
        self.stack = stack;
        top <= self.capacity
    }
}
