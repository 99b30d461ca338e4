//! Where a search is: which items are placed, and the least offset at which each of the others can still go.
//!
//! Stands on [`Problem`]. Everything is kept up to date step by step, and every step can be undone. Invariants, for every open
//! (not yet placed) item:
//!
//! - the `ground` of its class is above all that is placed beside it in time;
//! - its least offset is the lowest one, aligned, that is neither below the ground nor refused.
//!
//! ```text
//! offset      ┌─ placed ─┐                      a rests on the ground.
//!    │        └──────────┘······  least of b    b was refused there: it can only rest on
//!    │  ┌─ placed ─┐    ·  b  ·                 something that comes later.
//!    │  └──────────┘····└·····┘· ground of b
//!    └──────────────────────────── section
//! ```

mod evaluation;
mod members;

use alloc::{rc::Rc, vec::Vec};
use core::ops::Range;

use super::{
    problem::{Class, Problem},
    scoring::Scoring,
};
use crate::planner::space::align_up;
use members::Members;

/// The open items of a class.
#[derive(Clone, Copy, Debug, Default)]
struct Group {
    /// Nothing placed beside the class in time reaches above this.
    ground: u64,
    /// The lowest and the highest least offset.
    least: u64,
    highest: u64,
    /// The lowest possible top.
    top: u64,
    /// How many there are at the lowest least offset, and in all.
    candidates: u32,
    open: u32,
    /// How many of them have been refused somewhere.
    refused: u32,
    /// Their bytes.
    bytes: u64,
    /// Tells the possible states of the group apart.
    hash: u64,
}

/// The open items of a section.
#[derive(Clone, Copy, Debug, Default)]
struct Summary {
    floor: u64,
    lid: u64,
    candidates: u32,
    score: f32,
}

#[derive(Clone, Copy, Debug)]
enum Undo {
    Placed { item: u32 },
    Refused { item: u32, before: u64 },
    Group { class: u32, before: Group },
    Section { section: u32, before: Summary },
}

/// A moment to return to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    undo: usize,
    hash: u64,
}

impl Mark {
    /// Tells the state at that moment from others.
    pub(super) fn hash(&self) -> u64 {
        self.hash
    }
}

/// What has to be found out of a section before the step is over.
mod due {
    /// Everything.
    pub(super) const SUMMARY: u8 = 1;
    /// Whether its items still fit one on another.
    pub(super) const STACK: u8 = 2;
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) problem: Rc<Problem>,
    pub(super) scoring: Scoring,
    capacity: u64,
    is_open: Vec<bool>,
    /// Offsets below this were refused, item by item.
    refused: Vec<u64>,
    groups: Vec<Group>,
    members: Members,
    sections: Vec<Summary>,
    /// The scores of `sections` side by side, to be searched quickly.
    scores: Vec<f32>,
    /// The bytes of the open items of each section.
    unplaced: Vec<u64>,
    /// How many open items cover both section *s - 1* and *s*.
    crossing: Vec<u32>,
    undo: Vec<Undo>,
    hash: u64,
    /// The current step, and at which step a class or a section was last saved for undoing.
    step: u64,
    group_saved: Vec<u64>,
    section_saved: Vec<u64>,
    touched: Vec<u32>,
    /// Sections whose stacks the current step cannot have made higher above their floors.
    settled: Range<usize>,
    due: Vec<u8>,
    failed_at: usize,
    /// Counts what is looked at: how much a node costs differs by a thousand times between instances.
    work: u64,
    /// Scratch: `(least, size)` of what is stacked.
    stack: Vec<(u64, u64)>,
}

impl State {
    pub(super) fn new(problem: Rc<Problem>) -> Self {
        let (count, sections) = (problem.items.len(), problem.sections);
        let mut state = Self {
            problem: Rc::clone(&problem),
            scoring: Scoring::new(sections),
            capacity: 0,
            is_open: alloc::vec![true; count],
            refused: alloc::vec![0; count],
            groups: alloc::vec![Group::default(); problem.classes.len()],
            members: Members::new(&problem),
            sections: alloc::vec![Summary::default(); sections],
            scores: alloc::vec![f32::INFINITY; sections],
            unplaced: alloc::vec![0; sections],
            crossing: alloc::vec![0; sections + 1],
            undo: Vec::new(),
            hash: 0,
            step: 0,
            group_saved: alloc::vec![0; problem.classes.len()],
            section_saved: alloc::vec![0; sections],
            touched: Vec::new(),
            settled: 0..0,
            failed_at: 0,
            work: 0,
            due: alloc::vec![0; sections],
            stack: Vec::new(),
        };
        for (group, class) in state.groups.iter_mut().zip(&problem.classes) {
            let items = &problem.items[class.items()];
            group.open = items.len() as u32;
            group.bytes = items.iter().map(|item| item.size).sum();
            for s in class.span() {
                state.unplaced[s] += group.bytes;
            }
            for s in class.span().skip(1) {
                state.crossing[s] += group.open;
            }
        }
        state
    }

    /// Starts anew with nothing placed; `false` if it is plain that the capacity does not suffice.
    pub(super) fn reset(&mut self, capacity: u64) -> bool {
        self.undo_to(Mark { undo: 0, hash: 0 });
        self.capacity = capacity;
        if self.problem.fixed_top > capacity {
            return false;
        }
        self.begin_step();
        for class in 0..self.groups.len() {
            self.refresh(class);
        }
        for section in 0..self.sections.len() {
            self.touch(section, due::SUMMARY | due::STACK);
        }
        self.hash = self.hash_of(0..self.sections.len());
        self.finish_step()
    }

    pub(super) fn mark(&self) -> Mark {
        Mark {
            undo: self.undo.len(),
            hash: self.hash,
        }
    }

    pub(super) fn undo_to(&mut self, mark: Mark) {
        for undo in self.undo.drain(mark.undo.min(self.undo.len())..).rev() {
            match undo {
                Undo::Placed { item } => {
                    let item = item as usize;
                    self.is_open[item] = true;
                    let class = self.problem.class_of(item);
                    for s in class.span() {
                        self.unplaced[s] += self.problem.items[item].size;
                    }
                    for s in class.span().skip(1) {
                        self.crossing[s] += 1;
                    }
                }
                Undo::Refused { item, before } => self.refused[item as usize] = before,
                Undo::Group { class, before } => {
                    let class = class as usize;
                    if self.groups[class].open == 0 && before.open > 0 {
                        self.members.reopen(&self.problem.classes[class]);
                    }
                    self.groups[class] = before;
                }
                Undo::Section { section, before } => {
                    self.sections[section as usize] = before;
                    self.scores[section as usize] = before.score;
                }
            }
        }
        self.hash = mark.hash;
    }

    /// How much has been looked at since the beginning: groups and sections.
    pub(super) fn work(&self) -> u64 {
        self.work
    }

    /// The section in which something last did not fit.
    pub(super) fn failed_at(&self) -> usize {
        self.failed_at
    }

    /// Whether a section has an open item.
    pub(super) fn is_busy(&self, section: usize) -> bool {
        self.sections[section].candidates > 0
    }

    /// Whether an open item covers both this section and the one before.
    pub(super) fn is_crossed(&self, section: usize) -> bool {
        self.crossing[section] > 0
    }

    /// The bytes of a section that may stay empty above its floor.
    pub(super) fn slack(&self, section: usize) -> u64 {
        let room = self.capacity.saturating_sub(self.sections[section].floor);
        room.saturating_sub(self.unplaced[section])
    }

    /// The lowest least offset in a section.
    pub(super) fn floor(&self, section: usize) -> u64 {
        self.sections[section].floor
    }

    /// The lowest possible top in a section: nothing fits below an item that lies under it.
    pub(super) fn lid(&self, section: usize) -> u64 {
        self.sections[section].lid
    }

    /// How urgent it is to decide what comes next, section by section: least first.
    pub(super) fn scores(&self) -> &[f32] {
        &self.scores
    }

    /// Whether the item is open and at the floor of a section that it covers.
    pub(super) fn is_candidate(&self, item: usize, section: usize) -> bool {
        self.is_open[item] && self.least(item) == self.sections[section].floor
    }

    /// The classes that have open items at a section's floor, and the largest of these items.
    pub(super) fn candidates(&self, section: usize) -> impl Iterator<Item = (&Class, usize)> {
        let (problem, floor) = (&self.problem, self.sections[section].floor);
        let classes = self.members.open_in(section).iter().map(|&c| c as usize);
        let at_floor = classes.filter(move |&class| self.groups[class].least == floor);
        at_floor.filter_map(move |class| {
            let is_uneven = self.groups[class].highest > floor;
            let is_at_floor = |item: &usize| !is_uneven || self.least(*item) == floor;
            let items = problem.classes[class].items().rev();
            let mut open = items.filter(|&item| self.is_open[item]);
            Some((&problem.classes[class], open.find(is_at_floor)?))
        })
    }

    /// The open item of a section with the lowest possible top.
    pub(super) fn lowest_top(&self, section: usize) -> Option<usize> {
        let classes = self.members.open_in(section).iter().map(|&c| c as usize);
        let class = classes.min_by_key(|&class| (self.groups[class].top, class))?;
        self.open_items(class)
            .min_by_key(|&item| (self.possible_top(item), item))
    }

    /// The least offset of an open item; the offset of one that is placed.
    pub(super) fn least(&self, item: usize) -> u64 {
        let class = self.problem.items[item].class as usize;
        let from = self.groups[class].ground.max(self.refused[item]);
        if self.problem.classes[class].obstacles.is_empty() {
            return from;
        }
        self.problem.classes[class].clear_of_obstacles(from, self.problem.items[item].size)
    }

    /// Whether placing an open item at its least offset is worth trying: it lies on something there, and no bytes
    /// are lost below it that are needed.
    pub(super) fn may_be_placed(&self, item: usize) -> bool {
        let (least, class) = (self.least(item), self.problem.class_of(item));
        let ground = self.groups[self.problem.items[item].class as usize].ground;
        let rests = self.refused[item] <= ground || !class.obstacles.is_empty();
        let room = self.capacity - least;
        rests && class.span().all(|s| self.unplaced[s] <= room)
    }

    /// Places an open item at its least offset, and returns that; `None` if it is plain that the others no longer fit.
    pub(super) fn place(&mut self, item: usize) -> Option<u64> {
        let problem = Rc::clone(&self.problem);
        let number = problem.items[item].class as usize;
        let class = &problem.classes[number];
        let (offset, size) = (self.least(item), problem.items[item].size);
        self.begin_step();
        if problem.is_plain {
            // Here everything rises to the same top, and what was above it stays.
            self.settled = class.span();
        }
        self.save_group(number);
        self.is_open[item] = false;
        self.undo.push(Undo::Placed { item: item as u32 });
        self.hash ^= item_hash(item);
        self.groups[number].open -= 1;
        self.groups[number].bytes -= size;
        self.groups[number].refused -= u32::from(self.refused[item] > 0);
        for s in class.span() {
            self.unplaced[s] -= size;
            self.touch(s, due::SUMMARY);
        }
        for s in class.span().skip(1) {
            self.crossing[s] -= 1;
        }
        if self.groups[number].open == 0 {
            self.members.close(number, &problem);
            self.hash ^= self.groups[number].hash;
            self.groups[number].hash = 0;
        }
        self.raise_grounds(class.span(), offset + size);
        self.finish_step().then_some(offset)
    }

    /// Raises the ground of all groups beside these sections.
    fn raise_grounds(&mut self, span: Range<usize>, top: u64) {
        for at in 0..self.members.open_in(span.start).len() {
            self.raise_ground(self.members.open_in(span.start)[at] as usize, top);
        }
        for class in self.problem.starting_in(span.start + 1..span.end) {
            if self.groups[class].open > 0 {
                self.raise_ground(class, top);
            }
        }
    }

    fn raise_ground(&mut self, class: usize, top: u64) {
        let ground = align_up(top, self.problem.classes[class].alignment);
        if ground > self.groups[class].ground {
            self.save_group(class);
            self.groups[class].ground = ground;
            self.refresh(class);
        }
    }

    /// Refuses an open item and its twins where they are: each can only rest on something that is still open. `false`
    /// if it is plain that they no longer fit.
    pub(super) fn refuse(&mut self, item: usize) -> bool {
        let (offset, class) = (self.least(item), self.problem.items[item].class as usize);
        self.begin_step();
        for twin in self.problem.twins(item) {
            if !self.is_open[twin] || self.least(twin) != offset {
                continue;
            }
            let Some(next) = self.next_rest(twin) else {
                return false;
            };
            self.save_group(class);
            self.groups[class].refused += u32::from(self.refused[twin] == 0);
            self.undo.push(Undo::Refused {
                item: twin as u32,
                before: self.refused[twin],
            });
            self.refused[twin] = next;
        }
        self.refresh(class);
        self.finish_step()
    }

    /// The lowest offset above its least on which an open item can come to rest.
    fn next_rest(&self, item: usize) -> Option<u64> {
        let own = self.problem.items[item].class as usize;
        let class = &self.problem.classes[own];
        let span = class.span();
        let beside = self.members.open_in(span.start).iter().map(|&c| c as usize);
        let later = self.problem.starting_in(span.start + 1..span.end);
        let later = later.filter(|&class| self.groups[class].open > 0);
        let beside = beside.chain(later).filter(|&class| class != own);
        let tops = beside.map(|class| self.groups[class].top);
        let siblings = self.open_items(own).filter(|&other| other != item);
        let siblings = siblings.map(|other| self.possible_top(other));
        let least = self.least(item);
        let obstacles = class.obstacles.iter().map(|taken| taken.end);
        let obstacles = obstacles.filter(|&end| end > least);
        let lowest = tops.chain(siblings).chain(obstacles).min()?;
        Some(align_up(lowest, class.alignment).max(least + 1))
    }

    fn open_items(&self, class: usize) -> impl Iterator<Item = usize> {
        let items = self.problem.classes[class].items();
        items.filter(|&item| self.is_open[item])
    }

    fn possible_top(&self, item: usize) -> u64 {
        self.least(item) + self.problem.items[item].size
    }

    fn begin_step(&mut self) {
        self.step += 1;
        self.touched.clear();
        self.settled = 0..0;
    }

    fn save_group(&mut self, class: usize) {
        if self.group_saved[class] != self.step {
            self.group_saved[class] = self.step;
            self.undo.push(Undo::Group {
                class: class as u32,
                before: self.groups[class],
            });
        }
    }

    fn touch(&mut self, section: usize, due: u8) {
        if self.section_saved[section] != self.step {
            self.section_saved[section] = self.step;
            self.due[section] = 0;
            self.touched.push(section as u32);
            self.undo.push(Undo::Section {
                section: section as u32,
                before: self.sections[section],
            });
        }
        self.due[section] |= due;
    }

    /// From now on `hash` tells apart the states of these sections only.
    pub(super) fn narrow_hash(&mut self, sections: Range<usize>) {
        self.hash = self.hash_of(sections);
    }

    fn hash_of(&self, sections: Range<usize>) -> u64 {
        let classes = self.problem.starting_in(sections);
        let open = classes.filter(|&class| self.groups[class].open > 0);
        open.fold(0, |hash, class| {
            let items = self.open_items(class).map(item_hash);
            hash ^ self.groups[class].hash ^ items.fold(0, |hash, item| hash ^ item)
        })
    }
}

fn item_hash(item: usize) -> u64 {
    mix(item as u64, u64::MAX)
}

/// Two numbers mixed (the finaliser of SplitMix64).
fn mix(a: u64, b: u64) -> u64 {
    let mut z = a.wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ b.rotate_left(32).wrapping_mul(0xd6e8_feb8_6659_fd93);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
