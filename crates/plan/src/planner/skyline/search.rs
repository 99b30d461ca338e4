//! The search itself: chooses an item, places it or defers it, and backtracks when items no longer
//! fit.
//!
//! The stack is explicit, as its depth is about the number of items.
//!
//! An item is *ready* if no other open item fits below it. In a plan in which every item rests on
//! another one, on an obstacle or on 0, a ready item is either at its minimum offset, and then the
//! next above the floor in all its sections, or it rests on an item that is still open. So "place
//! it" and "defer it" together lose no plan, whichever ready item is chosen.
//!
//! Where no open item crosses a boundary of sections any more, both sides are independent
//! *components*. They are solved one after the other, and one that cannot be solved fails all of
//! them.

use alloc::vec::Vec;
use core::{cmp::Reverse, ops::Range};

use super::heuristics::Heuristics;
use super::nogoods::NogoodTable;
use super::state::{SearchState, TrailMark};
use crate::planner::budget::{Budget, CheckInterval};

/// How a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SearchOutcome {
    /// Everything is placed below the capacity.
    Fits,
    /// Nothing is left to try: there is no plan. One run with a [`NogoodTable`] that has ruled out
    /// states is no proof of that, since two states may share a hash.
    Exhausted,
    /// As good as exhausted: nogoods have ruled out what is left, and there was no proof without
    /// them.
    GivenUp,
    /// The nodes or the budget ran out.
    Spent,
}

#[derive(Debug)]
enum Frame {
    /// An item was chosen: it is placed, or deferred if that failed.
    Choice {
        mark: TrailMark,
        item: u32,
        deferred: bool,
    },
    /// The open items fell into components, and the last of `rest` is the next.
    Split {
        mark: TrailMark,
        outer: Range<usize>,
        rest: Vec<Range<usize>>,
    },
}

/// A run ends early if its nodes take more work than this on average.
const WORK_PER_NODE: u64 = 16384;

/// One run of the search.
pub(super) struct SkylineSearch<'s> {
    state: &'s mut SearchState,
    nogoods: &'s mut NogoodTable,
    /// The rank of each item among candidates: the lowest is tried first.
    ranks: &'s [u32],
    /// The offsets of the items that are placed.
    offsets: &'s mut [u64],
    frames: Vec<Frame>,
    heuristics: Heuristics,
    /// The section where an item was last placed or did not fit.
    focus: usize,
    /// The sections of the current component.
    component: Range<usize>,
    /// For each section, a candidate that was not ready when last looked at, and a section in which
    /// an item fits below it.
    blocked: Vec<(u32, u32)>,
    /// Nodes visited.
    pub(super) nodes: u64,
}

impl<'s> SkylineSearch<'s> {
    pub(super) fn new(
        state: &'s mut SearchState,
        nogoods: &'s mut NogoodTable,
        heuristics: Heuristics,
        ranks: &'s [u32],
        offsets: &'s mut [u64],
    ) -> Self {
        let sections = state.problem.sections;
        Self {
            state,
            nogoods,
            ranks,
            offsets,
            frames: Vec::new(),
            heuristics,
            focus: 0,
            component: 0..sections,
            blocked: alloc::vec![(0, 0); sections],
            nodes: 0,
        }
    }

    /// Looks for offsets with ends at most at `capacity`, visiting at most `nodes` nodes.
    pub(super) fn run(&mut self, capacity: u64, nodes: u64, budget: &Budget) -> SearchOutcome {
        if !self.state.reset(capacity) {
            return SearchOutcome::Exhausted;
        }
        self.split();
        let begin = self.state.work();
        let work = nodes.saturating_mul(WORK_PER_NODE);
        loop {
            self.nodes += 1;
            let is_due = CheckInterval::SKYLINE.is_due(self.nodes);
            let is_spent = self.nodes > nodes || self.state.work() - begin > work;
            if is_spent || (is_due && self.is_over(budget)) {
                return SearchOutcome::Spent;
            }
            let Some(item) = self.choose() else {
                if self.next_component() {
                    continue;
                }
                return SearchOutcome::Fits;
            };
            if !self.decide(item) {
                self.focus = self.state.failed_at();
                if !self.backtrack() {
                    return SearchOutcome::Exhausted;
                }
            }
        }
    }

    fn is_over(&mut self, budget: &Budget) -> bool {
        budget.spend(CheckInterval::SKYLINE.nodes());
        budget.is_over()
    }

    /// Places an item, or defers it if placing it is pointless; `false` if that cannot lead to a
    /// plan.
    fn decide(&mut self, item: usize) -> bool {
        let mark = self.state.mark();
        if self.nogoods.rules_out(mark.hash()) {
            return false;
        }
        let deferred = !self.state.may_be_placed(item);
        self.frames.push(Frame::Choice {
            mark,
            item: item as u32,
            deferred,
        });
        if deferred {
            return self.state.defer(item);
        }
        let Some(offset) = self.state.place(item) else {
            return false;
        };
        self.offsets[item] = offset;
        let span = self.state.problem.class_of(item).span();
        self.focus = usize::midpoint(span.start, span.end);
        if span.skip(1).any(|s| !self.state.is_crossed(s)) {
            self.split();
        }
        true
    }

    /// Undoes the last placement and defers its item instead; `false` if there is none left.
    fn backtrack(&mut self) -> bool {
        while let Some(frame) = self.frames.pop() {
            match frame {
                Frame::Choice {
                    mark,
                    item,
                    deferred: false,
                } => {
                    self.state.undo_to(mark);
                    self.frames.push(Frame::Choice {
                        mark,
                        item,
                        deferred: true,
                    });
                    if self.state.defer(item as usize) {
                        return true;
                    }
                }
                Frame::Choice { mark, .. } => {
                    self.state.undo_to(mark);
                    self.nogoods.insert(mark.hash());
                }
                Frame::Split { mark, outer, .. } => {
                    self.state.undo_to(mark);
                    self.component = outer;
                }
            }
        }
        false
    }

    /// Splits the current component where no open item crosses, and enters the first of the new
    /// ones.
    fn split(&mut self) {
        let mut rest: Vec<Range<usize>> = Vec::new();
        let mut start = self.component.start;
        for s in self.component.clone() {
            if !self.state.is_busy(s) {
                start = s + 1;
            } else if s + 1 == self.component.end || !self.state.is_crossed(s + 1) {
                rest.push(start..s + 1);
                start = s + 1;
            }
        }
        if rest.is_empty() || rest[0] == self.component {
            return;
        }
        // The one with the least slack is solved first; the next is always the last of `rest`.
        let slack = |sections: &Range<usize>| sections.clone().map(|s| self.state.slack(s)).min();
        rest.sort_by_cached_key(|sections| Reverse(slack(sections)));
        self.frames.push(Frame::Split {
            mark: self.state.mark(),
            outer: self.component.clone(),
            rest,
        });
        self.enter_next();
    }

    /// Goes on with the next component when the current one is solved; `false` if all are.
    fn next_component(&mut self) -> bool {
        while let Some(frame) = self.frames.last() {
            if matches!(frame, Frame::Split { rest, .. } if !rest.is_empty()) {
                self.enter_next();
                return true;
            }
            // A solved component is never solved in another way.
            self.frames.pop();
        }
        false
    }

    fn enter_next(&mut self) {
        let Some(Frame::Split { rest, .. }) = self.frames.last_mut() else {
            return;
        };
        if let Some(component) = rest.pop() {
            self.state.narrow_hash(component.clone());
            self.component = component;
        }
    }

    /// The best candidate of the most urgent section whose candidates are all ready; `None` if no
    /// item is open.
    fn choose(&mut self) -> Option<usize> {
        match self.most_urgent() {
            Some(section) => self.best_candidate(section),
            None => self.surely_ready(),
        }
    }

    fn most_urgent(&mut self) -> Option<usize> {
        let (mut least, mut found) = (f32::INFINITY, None);
        let mut window = Window::default();
        let nearness = self.heuristics.nearness / self.component.len() as f32;
        for s in self.component.clone() {
            let distance = s.abs_diff(self.focus) as f32;
            let score = self.state.scores()[s] + nearness * distance;
            if score >= least || self.is_still_blocked(s) {
                continue;
            }
            window.move_to(self.state, &self.component, s);
            let blocked = self
                .state
                .candidates(s)
                .find_map(|(class, item)| Some((item, window.blocker(class.span())?)));
            if let Some((item, at)) = blocked {
                self.blocked[s] = (item as u32, at as u32);
            } else {
                (least, found) = (score, Some(s));
            }
        }
        found
    }

    fn best_candidate(&self, section: usize) -> Option<usize> {
        let floor = self.state.floor(section);
        let ranked = self.state.candidates(section).map(|(class, item)| {
            let size = self.state.problem.items[item].size;
            let values = self.heuristics.values;
            let fitness = values.fitness(self.state, &self.component, class.span(), floor, size);
            (Reverse(fitness), self.ranks[item], item)
        });
        ranked.min().map(|(_, _, item)| item)
    }

    /// Whether the candidate that was not ready when a section was last looked at still is not.
    fn is_still_blocked(&self, section: usize) -> bool {
        let (item, at) = self.blocked[section];
        self.state.lowest_top(at as usize) <= self.state.floor(section)
            && self.state.is_busy(at as usize)
            && self
                .state
                .problem
                .class_of(item as usize)
                .span()
                .contains(&section)
            && self.state.is_candidate(item as usize, section)
    }

    /// The item with the lowest possible top is always ready.
    fn surely_ready(&self) -> Option<usize> {
        let busy = self.component.clone().filter(|&s| self.state.is_busy(s));
        let section = busy.min_by_key(|&s| self.state.lowest_top(s))?;
        self.state.item_with_lowest_top(section)
    }
}

/// The sections around one in which no open item fits below that one's floor.
#[derive(Clone, Debug, Default)]
struct Window {
    sections: Range<usize>,
    floor: u64,
}

impl Window {
    fn move_to(&mut self, state: &SearchState, component: &Range<usize>, section: usize) {
        let floor = state.floor(section);
        if self.sections.contains(&section) && self.floor == floor {
            return;
        }
        let closed = |s: usize| !state.is_busy(s) || state.lowest_top(s) > floor;
        let (mut start, mut end) = (section, section + 1);
        while start > component.start && closed(start - 1) {
            start -= 1;
        }
        while end < component.end && closed(end) {
            end += 1;
        }
        *self = Self {
            sections: start..end,
            floor,
        };
    }

    /// A section of the span in which an item fits below the floor.
    fn blocker(&self, span: Range<usize>) -> Option<usize> {
        if span.start < self.sections.start {
            return Some(self.sections.start - 1);
        }
        (self.sections.end < span.end).then_some(self.sections.end)
    }
}
