//! The state of the skyline search: what is placed, the open items by class and by section, and the
//! trail that undoes every change.
//!
//! All changes go through the trail: a *step* saves each class and section before its first change.

use alloc::{rc::Rc, vec::Vec};
use core::ops::Range;

use super::open_classes::OpenClasses;
use crate::planner::random::{GOLDEN_GAMMA, mix};
use crate::planner::skyline::problem::{Class, SkylineProblem};
use crate::planner::skyline::variable_order::SectionScoring;

/// The open items of a class.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ClassState {
    /// The lowest aligned offset above all that is placed beside the class in time.
    pub(super) floor: u64,
    /// The lowest and the highest minimum offset.
    pub(super) min_offset: u64,
    pub(super) max_min_offset: u64,
    /// The lowest possible top.
    pub(super) lowest_top: u64,
    /// How many items are at the lowest minimum offset, and how many there are in all.
    pub(super) candidates: u32,
    pub(super) count: u32,
    /// How many of them have been deferred.
    pub(super) deferred: u32,
    /// Their bytes.
    pub(super) bytes: u64,
    /// A hash that distinguishes the possible states of the class.
    pub(super) hash: u64,
}

/// The open items of a section.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SectionState {
    pub(super) floor: u64,
    pub(super) lowest_top: u64,
    pub(super) candidates: u32,
    pub(super) score: f32,
}

/// What undoes one change.
#[derive(Clone, Copy, Debug)]
pub(super) enum TrailEntry {
    Placed { item: u32 },
    Deferred { item: u32, before: u64 },
    Class { class: u32, before: ClassState },
    Section { section: u32, before: SectionState },
}

/// A state to return to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TrailMark {
    trail: usize,
    hash: u64,
}

impl TrailMark {
    /// The state of an untouched problem.
    pub(super) const START: Self = Self { trail: 0, hash: 0 };

    /// A hash that distinguishes the state from others.
    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }
}

/// What a step has to compute anew for a section before it ends.
pub(super) mod due {
    /// The whole state of the section.
    pub(crate) const STATE: u8 = 1;
    /// Whether its open items still fit one on another.
    pub(crate) const STACK: u8 = 2;
}

/// The state of a search; see the [module](super).
#[derive(Debug)]
pub(crate) struct SearchState {
    pub(crate) problem: Rc<SkylineProblem>,
    pub(crate) scoring: SectionScoring,
    pub(super) capacity: u64,
    pub(super) is_open: Vec<bool>,
    /// The offset below which each item must not be placed, because it was deferred; or 0.
    pub(super) deferred_to: Vec<u64>,
    pub(super) classes: Vec<ClassState>,
    pub(super) open_classes: OpenClasses,
    pub(super) sections: Vec<SectionState>,
    /// The scores of `sections` side by side, to be searched quickly.
    pub(super) scores: Vec<f32>,
    /// The total bytes of the open items of each section.
    pub(super) total: Vec<u64>,
    /// How many open items cover both section *s - 1* and *s*.
    pub(super) crossing: Vec<u32>,
    pub(super) trail: Vec<TrailEntry>,
    pub(super) hash: u64,
    /// The current step, and at which step each class or section was last saved in the trail.
    step: u64,
    class_saved: Vec<u64>,
    section_saved: Vec<u64>,
    pub(super) touched: Vec<u32>,
    /// Sections in which the current step cannot have made the stack of open items higher.
    pub(super) same_stack: Range<usize>,
    pub(super) due: Vec<u8>,
    pub(super) failed_at: usize,
    /// Counts the classes and sections that were looked at: what a node costs differs by a thousand
    /// times between instances.
    pub(super) work: u64,
    /// Scratch memory: `(minimum offset, size)` of what is stacked.
    pub(super) stack: Vec<(u64, u64)>,
}

impl SearchState {
    pub(crate) fn new(problem: Rc<SkylineProblem>) -> Self {
        let (count, sections) = (problem.items.len(), problem.sections);
        let mut state = Self {
            problem: Rc::clone(&problem),
            scoring: SectionScoring::new(sections),
            capacity: 0,
            is_open: alloc::vec![true; count],
            deferred_to: alloc::vec![0; count],
            classes: alloc::vec![ClassState::default(); problem.classes.len()],
            open_classes: OpenClasses::new(&problem),
            sections: alloc::vec![SectionState::default(); sections],
            scores: alloc::vec![f32::INFINITY; sections],
            total: alloc::vec![0; sections],
            crossing: alloc::vec![0; sections + 1],
            trail: Vec::new(),
            hash: 0,
            step: 0,
            class_saved: alloc::vec![0; problem.classes.len()],
            section_saved: alloc::vec![0; sections],
            touched: Vec::new(),
            same_stack: 0..0,
            failed_at: 0,
            work: 0,
            due: alloc::vec![0; sections],
            stack: Vec::new(),
        };
        for (open, class) in state.classes.iter_mut().zip(&problem.classes) {
            let items = &problem.items[class.items()];
            open.floor = class.base;
            open.count = items.len() as u32;
            open.bytes = items.iter().map(|item| item.size).sum();
            for s in class.span() {
                state.total[s] += open.bytes;
            }
            for s in class.span().skip(1) {
                state.crossing[s] += open.count;
            }
        }
        state
    }

    /// The present state, to return to.
    pub(crate) fn mark(&self) -> TrailMark {
        TrailMark {
            trail: self.trail.len(),
            hash: self.hash,
        }
    }

    /// Undoes all changes since a state.
    pub(crate) fn undo_to(&mut self, mark: TrailMark) {
        for entry in self.trail.drain(mark.trail.min(self.trail.len())..).rev() {
            match entry {
                TrailEntry::Placed { item } => {
                    let item = item as usize;
                    self.is_open[item] = true;
                    let class = self.problem.class_of(item);
                    for s in class.span() {
                        self.total[s] += self.problem.items[item].size;
                    }
                    for s in class.span().skip(1) {
                        self.crossing[s] += 1;
                    }
                }
                TrailEntry::Deferred { item, before } => self.deferred_to[item as usize] = before,
                TrailEntry::Class { class, before } => {
                    let class = class as usize;
                    if self.classes[class].count == 0 && before.count > 0 {
                        self.open_classes.reopen(&self.problem.classes[class]);
                    }
                    self.classes[class] = before;
                }
                TrailEntry::Section { section, before } => {
                    self.sections[section as usize] = before;
                    self.scores[section as usize] = before.score;
                }
            }
        }
        self.hash = mark.hash;
    }

    /// How many classes and sections have been looked at since the search began.
    pub(crate) fn work(&self) -> u64 {
        self.work
    }

    /// The section in which items last did not fit.
    pub(crate) fn failed_at(&self) -> usize {
        self.failed_at
    }

    /// Whether a section has an open item.
    pub(crate) fn is_busy(&self, section: usize) -> bool {
        self.sections[section].candidates > 0
    }

    /// Whether an open item covers both this section and the one before.
    pub(crate) fn is_crossed(&self, section: usize) -> bool {
        self.crossing[section] > 0
    }

    /// The bytes of a section that may stay empty above its floor.
    pub(crate) fn slack(&self, section: usize) -> u64 {
        let room = self.capacity.saturating_sub(self.sections[section].floor);
        room.saturating_sub(self.total[section])
    }

    /// The lowest minimum offset of a section's open items.
    pub(crate) fn floor(&self, section: usize) -> u64 {
        self.sections[section].floor
    }

    /// The lowest possible top of a section's open items: nothing fits below an item at a lower
    /// offset.
    pub(crate) fn lowest_top(&self, section: usize) -> u64 {
        self.sections[section].lowest_top
    }

    /// For each section, how urgent it is to decide what comes next: lowest first.
    pub(crate) fn scores(&self) -> &[f32] {
        &self.scores
    }

    /// Whether an item is open and at the floor of a section that it covers.
    pub(crate) fn is_candidate(&self, item: usize, section: usize) -> bool {
        self.is_open[item] && self.min_offset(item) == self.sections[section].floor
    }

    /// The classes that have open items at a section's floor, and the largest of those items of
    /// each.
    pub(crate) fn candidates(&self, section: usize) -> impl Iterator<Item = (&Class, usize)> {
        let (problem, floor) = (&self.problem, self.sections[section].floor);
        let classes = self
            .open_classes
            .open_in(section)
            .iter()
            .map(|&c| c as usize);
        let at_floor = classes.filter(move |&class| self.classes[class].min_offset == floor);
        at_floor.filter_map(move |class| {
            let is_uneven = self.classes[class].max_min_offset > floor;
            let is_at_floor = |item: &usize| !is_uneven || self.min_offset(*item) == floor;
            let items = problem.classes[class].items().rev();
            let mut open = items.filter(|&item| self.is_open[item]);
            Some((&problem.classes[class], open.find(is_at_floor)?))
        })
    }

    /// The open item of a section with the lowest possible top.
    pub(crate) fn item_with_lowest_top(&self, section: usize) -> Option<usize> {
        let classes = self
            .open_classes
            .open_in(section)
            .iter()
            .map(|&c| c as usize);
        let class = classes.min_by_key(|&class| (self.classes[class].lowest_top, class))?;
        self.open_items(class)
            .min_by_key(|&item| (self.top_at_min_offset(item), item))
    }

    /// The minimum offset of an open item: the lowest one, aligned, at which it can still go.
    pub(crate) fn min_offset(&self, item: usize) -> u64 {
        let class = self.problem.items[item].class as usize;
        let from = self.classes[class].floor.max(self.deferred_to[item]);
        if self.problem.classes[class].obstacles.is_empty() {
            return from;
        }
        self.problem.classes[class].clear_of_obstacles(from, self.problem.items[item].size)
    }

    /// Whether it is worth trying to place an open item at its minimum offset: it rests on
    /// something there, and the bytes lost below it are not needed.
    pub(crate) fn may_be_placed(&self, item: usize) -> bool {
        let (min_offset, class) = (self.min_offset(item), self.problem.class_of(item));
        let floor = self.classes[self.problem.items[item].class as usize].floor;
        let rests = self.deferred_to[item] <= floor || !class.obstacles.is_empty();
        let room = self.capacity - min_offset;
        rests && class.span().all(|s| self.total[s] <= room)
    }

    /// Makes the hash distinguish the states of these sections only.
    pub(crate) fn narrow_hash(&mut self, sections: Range<usize>) {
        self.hash = self.hash_of(sections);
    }

    pub(super) fn hash_of(&self, sections: Range<usize>) -> u64 {
        let classes = self.problem.starting_in(sections);
        let open = classes.filter(|&class| self.classes[class].count > 0);
        open.fold(0, |hash, class| {
            let items = self.open_items(class).map(item_hash);
            hash ^ self.classes[class].hash ^ items.fold(0, |hash, item| hash ^ item)
        })
    }

    pub(super) fn open_items(&self, class: usize) -> impl Iterator<Item = usize> {
        let items = self.problem.classes[class].items();
        items.filter(|&item| self.is_open[item])
    }

    pub(super) fn top_at_min_offset(&self, item: usize) -> u64 {
        self.min_offset(item) + self.problem.items[item].size
    }

    pub(super) fn begin_step(&mut self) {
        self.step += 1;
        self.touched.clear();
        self.same_stack = 0..0;
    }

    pub(super) fn save_class(&mut self, class: usize) {
        if self.class_saved[class] != self.step {
            self.class_saved[class] = self.step;
            self.trail.push(TrailEntry::Class {
                class: class as u32,
                before: self.classes[class],
            });
        }
    }

    /// Saves a section, and notes what of it the step has to compute anew.
    pub(super) fn touch(&mut self, section: usize, due: u8) {
        if self.section_saved[section] != self.step {
            self.section_saved[section] = self.step;
            self.due[section] = 0;
            self.touched.push(section as u32);
            self.trail.push(TrailEntry::Section {
                section: section as u32,
                before: self.sections[section],
            });
        }
        self.due[section] |= due;
    }
}

pub(super) fn item_hash(item: usize) -> u64 {
    pair_hash(item as u64, u64::MAX)
}

/// A hash of two numbers.
pub(super) fn pair_hash(a: u64, b: u64) -> u64 {
    mix(a.wrapping_mul(GOLDEN_GAMMA) ^ b.rotate_left(32).wrapping_mul(0xd6e8_feb8_6659_fd93))
}
