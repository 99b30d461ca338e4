//! The search itself: chooses an item, places it or refuses it, and goes back when something no longer fits.
//!
//! Stands on [`State`]. The stack is explicit: its depth is about the number of items.
//!
//! An item is *ready* if no other open item fits below it. In a plan in which everything lies on something or on 0, a ready
//! item is either at its least offset, and then the next above the floor in all its sections, or it lies on
//! something that is still open. So "place it" and "refuse it" together lose nothing, whichever ready item is chosen.
//! Where no open item crosses a boundary of sections any more, the parts on both sides are solved one after the other, and
//! one that cannot be solved ends all of them.

use alloc::vec::Vec;
use core::{cmp::Reverse, ops::Range};

use super::{
    failed::Failed,
    state::{Mark, State},
    tactic::Tactic,
};
use crate::planner::Budget;

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::planner) enum Outcome {
    /// Everything is placed below the capacity.
    Fits,
    /// Every possibility has been tried.
    Exhausted,
    /// The budget of nodes or the time is spent.
    Spent,
}

#[derive(Debug)]
enum Frame {
    /// An item was chosen here: placed, or refused if that failed.
    Choice {
        mark: Mark,
        item: u32,
        refused: bool,
    },
    /// The open items fell into parts, of which the last of `rest` is next.
    Split {
        mark: Mark,
        outer: Range<usize>,
        rest: Vec<Range<usize>>,
    },
}

/// More work than this for a node on average ends a run early.
const WORK_PER_NODE: u64 = 16384;
/// Nodes between two looks at the clock.
const LOOK_AT_THE_CLOCK_EVERY: u64 = 64;

pub(super) struct Search<'s> {
    state: &'s mut State,
    failed: &'s mut Failed,
    /// The order in which candidates are tried: least first.
    ranks: &'s [u32],
    /// The offsets of the items, of those that are placed.
    offsets: &'s mut [u64],
    frames: Vec<Frame>,
    tactic: Tactic,
    /// The section where something was last placed, or did not fit.
    focus: usize,
    /// The sections of the current part.
    part: Range<usize>,
    /// A candidate of each section that was not ready when last looked at, and a section in which something fits below it.
    blocked: Vec<(u32, u32)>,
    /// Nodes visited.
    pub(super) nodes: u64,
}

impl<'s> Search<'s> {
    pub(super) fn new(
        state: &'s mut State,
        failed: &'s mut Failed,
        tactic: Tactic,
        ranks: &'s [u32],
        offsets: &'s mut [u64],
    ) -> Self {
        let sections = state.problem.sections;
        Self {
            state,
            failed,
            ranks,
            offsets,
            frames: Vec::new(),
            tactic,
            focus: 0,
            part: 0..sections,
            blocked: alloc::vec![(0, 0); sections],
            nodes: 0,
        }
    }

    /// Looks for offsets below `capacity`, visiting at most `nodes` nodes.
    pub(super) fn run(&mut self, capacity: u64, nodes: u64, budget: &Budget) -> Outcome {
        if !self.state.reset(capacity) {
            return Outcome::Exhausted;
        }
        self.split();
        let begin = self.state.work();
        let work = nodes.saturating_mul(WORK_PER_NODE);
        loop {
            self.nodes += 1;
            let look = self.nodes.is_multiple_of(LOOK_AT_THE_CLOCK_EVERY);
            let is_spent = self.nodes > nodes || self.state.work() - begin > work;
            if is_spent || (look && self.is_over(budget)) {
                return Outcome::Spent;
            }
            let Some(item) = self.choose() else {
                if self.next_part() {
                    continue;
                }
                return Outcome::Fits;
            };
            if !self.decide(item) {
                self.focus = self.state.failed_at();
                if !self.go_back() {
                    return Outcome::Exhausted;
                }
            }
        }
    }

    fn is_over(&mut self, budget: &Budget) -> bool {
        budget.spend(LOOK_AT_THE_CLOCK_EVERY);
        budget.is_over()
    }

    /// Places an item, or refuses it if placing it is pointless; `false` if that cannot lead to a plan.
    fn decide(&mut self, item: usize) -> bool {
        let mark = self.state.mark();
        if self.failed.contains(mark.hash()) {
            return false;
        }
        let refused = !self.state.may_be_placed(item);
        self.frames.push(Frame::Choice {
            mark,
            item: item as u32,
            refused,
        });
        if refused {
            return self.state.refuse(item);
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

    /// Undoes the last placement that is not refused yet, and refuses it; `false` if there is none.
    fn go_back(&mut self) -> bool {
        while let Some(frame) = self.frames.pop() {
            match frame {
                Frame::Choice {
                    mark,
                    item,
                    refused: false,
                } => {
                    self.state.undo_to(mark);
                    self.frames.push(Frame::Choice {
                        mark,
                        item,
                        refused: true,
                    });
                    if self.state.refuse(item as usize) {
                        return true;
                    }
                }
                Frame::Choice { mark, .. } => {
                    self.state.undo_to(mark);
                    self.failed.insert(mark.hash());
                }
                Frame::Split { mark, outer, .. } => {
                    self.state.undo_to(mark);
                    self.part = outer;
                }
            }
        }
        false
    }

    /// Divides the current part where no open item crosses, and enters the first of its parts.
    fn split(&mut self) {
        let mut rest: Vec<Range<usize>> = Vec::new();
        let mut start = self.part.start;
        for s in self.part.clone() {
            if !self.state.is_busy(s) {
                start = s + 1;
            } else if s + 1 == self.part.end || !self.state.is_crossed(s + 1) {
                rest.push(start..s + 1);
                start = s + 1;
            }
        }
        if rest.is_empty() || rest[0] == self.part {
            return;
        }
        // The tightest is taken first, and those taken are taken from the end.
        let tightness = |part: &Range<usize>| part.clone().map(|s| self.state.slack(s)).min();
        rest.sort_by_cached_key(|part| Reverse(tightness(part)));
        self.frames.push(Frame::Split {
            mark: self.state.mark(),
            outer: self.part.clone(),
            rest,
        });
        self.enter_next();
    }

    /// Goes on with the next part when the current one is solved; `false` if all are.
    fn next_part(&mut self) -> bool {
        while let Some(frame) = self.frames.last() {
            if let Frame::Split { rest, .. } = frame
                && !rest.is_empty()
            {
                self.enter_next();
                return true;
            }
            // What is solved is never tried in another way.
            self.frames.pop();
        }
        false
    }

    fn enter_next(&mut self) {
        if let Some(Frame::Split { rest, .. }) = self.frames.last_mut()
            && let Some(part) = rest.pop()
        {
            self.state.narrow_hash(part.clone());
            self.part = part;
        }
    }

    /// The best candidate of the most urgent section in which all candidates are ready; `None` when nothing is open.
    fn choose(&mut self) -> Option<usize> {
        match self.most_urgent() {
            Some(section) => self.best_candidate(section),
            None => self.surely_ready(),
        }
    }

    fn most_urgent(&mut self) -> Option<usize> {
        let (mut least, mut found) = (f32::INFINITY, None);
        let mut window = Window::default();
        let nearness = self.tactic.nearness / self.part.len() as f32;
        for s in self.part.clone() {
            let distance = s.abs_diff(self.focus) as f32;
            let score = self.state.scores()[s] + nearness * distance;
            if score >= least || self.is_still_blocked(s) {
                continue;
            }
            window.move_to(self.state, &self.part, s);
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
            let fitting = self.tactic.fitting;
            let merit = fitting.merit(self.state, &self.part, class.span(), floor, size);
            (Reverse(merit), self.ranks[item], item)
        });
        ranked.min().map(|(_, _, item)| item)
    }

    /// Whether what blocked a section when it was last looked at is still so.
    fn is_still_blocked(&self, section: usize) -> bool {
        let (item, at) = self.blocked[section];
        self.state.lid(at as usize) <= self.state.floor(section)
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
        let busy = self.part.clone().filter(|&s| self.state.is_busy(s));
        let section = busy.min_by_key(|&s| self.state.lid(s))?;
        self.state.lowest_top(section)
    }
}

/// The sections around one in which nothing fits below its floor.
#[derive(Clone, Debug, Default)]
struct Window {
    sections: Range<usize>,
    floor: u64,
}

impl Window {
    fn move_to(&mut self, state: &State, part: &Range<usize>, section: usize) {
        let floor = state.floor(section);
        if self.sections.contains(&section) && self.floor == floor {
            return;
        }
        let closed = |s: usize| !state.is_busy(s) || state.lid(s) > floor;
        let (mut start, mut end) = (section, section + 1);
        while start > part.start && closed(start - 1) {
            start -= 1;
        }
        while end < part.end && closed(end) {
            end += 1;
        }
        *self = Self {
            sections: start..end,
            floor,
        };
    }

    /// A section of the span in which something fits below the floor.
    fn blocker(&self, span: Range<usize>) -> Option<usize> {
        if span.start < self.sections.start {
            return Some(self.sections.start - 1);
        }
        (self.sections.end < span.end).then_some(self.sections.end)
    }
}
