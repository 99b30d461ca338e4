//! The repeats that are reported: they do not overlap, and each has those inside it.
//!
//! Stands on [`repeat`](super::repeat).
//!
//! ```text
//! requests   │ a a a b a a a b a a a b │
//! outer      ├── 0 ──┼── 1 ──┼── 2 ──┤   period 4
//! inner      ├─┴─┴─┤   ├─┴─┴─┤           period 1, in each
//! multiple   └── of 8 requests: what it repeats is no longer than that of 4, so it is dropped
//! ```
//!
//! Invariant: of two that are selected, none begins before the other one ends.

use alloc::{collections::BTreeMap, vec::Vec};
use core::{cmp::Reverse, ops::Range};

use super::{repeat::Repeat, search::Thresholds};

/// How many inner repeats are kept for each one that is selected.
const INNER: usize = 8;

/// A repeat that was selected.
pub(super) struct Selected {
    pub(super) repeat: Repeat,
    /// Those inside it, with other periods.
    pub(super) inner: Vec<Repeat>,
}

/// Selects repeats, those that cover most requests first.
pub(super) fn select(mut repeats: Vec<Repeat>, thresholds: Thresholds) -> Vec<Selected> {
    repeats.sort_by_key(|repeat| (Reverse(length(&repeat.requests())), repeat.lag));
    let mut selection = Selection {
        thresholds,
        by_start: BTreeMap::new(),
    };
    for repeat in repeats {
        selection.add(repeat);
    }
    selection.by_start.into_values().collect()
}

struct Selection {
    thresholds: Thresholds,
    by_start: BTreeMap<usize, Selected>,
}

impl Selection {
    fn add(&mut self, repeat: Repeat) {
        let mut rest = Some(repeat);
        while let Some(repeat) = rest.take() {
            let requests = repeat.requests();
            match self.overlapping(&requests) {
                None => self.insert(repeat),
                Some(start) if self.is_mostly_in(start, &requests) => self.nest(start, repeat),
                Some(start) => {
                    let taken = self.by_start[&start].repeat.requests();
                    rest = self.without(repeat, &taken);
                }
            }
        }
    }

    fn insert(&mut self, repeat: Repeat) {
        let inner = Vec::new();
        let start = repeat.requests().start;
        self.by_start.insert(start, Selected { repeat, inner });
    }

    /// The selected repeat that overlaps most with these requests.
    fn overlapping(&self, requests: &Range<usize>) -> Option<usize> {
        let before = self.by_start.range(..requests.start).next_back();
        let within = self.by_start.range(requests.clone());
        let all = before.into_iter().chain(within);
        let common = all.map(|(&start, one)| (common(&one.repeat.requests(), requests), start));
        let most = common.max_by_key(|&(common, start)| (common, Reverse(start)));
        most.filter(|&(common, _)| common > 0)
            .map(|(_, start)| start)
    }

    fn is_mostly_in(&self, start: usize, requests: &Range<usize>) -> bool {
        is_most(&self.by_start[&start].repeat.requests(), requests)
    }

    /// Adds a repeat to the one that begins at `start` and has most of it.
    fn nest(&mut self, start: usize, repeat: Repeat) {
        let Some(selected) = self.by_start.get_mut(&start) else {
            return;
        };
        let outer = &selected.repeat;
        if repeat.lag * 4 < outer.lag * 3 {
            if explains_more(outer, &repeat) {
                selected.add_inner(repeat);
            } else {
                // The longer period is a multiple.
                selected.repeat = repeat;
                self.move_to_start(start);
            }
        } else if repeat.lag * 3 > outer.lag * 4
            && is_most(&repeat.requests(), &outer.requests())
            && explains_more(&repeat, outer)
        {
            let inner = core::mem::replace(&mut selected.repeat, repeat);
            selected.add_inner(inner);
            self.move_to_start(start);
        }
    }

    /// A repeat was replaced by one that may begin elsewhere, and may reach into others.
    fn move_to_start(&mut self, start: usize) {
        let Some(mut selected) = self.by_start.remove(&start) else {
            return;
        };
        while let Some(other) = self.overlapping(&selected.repeat.requests()) {
            let taken = self.by_start[&other].repeat.requests();
            match self.without(selected.repeat, &taken) {
                Some(rest) => selected.repeat = rest,
                None => return,
            }
        }
        let start = selected.repeat.requests().start;
        self.by_start.insert(start, selected);
    }

    /// The iterations that are before or after `taken`, whichever are more, if they are enough.
    fn without(&self, mut repeat: Repeat, taken: &Range<usize>) -> Option<Repeat> {
        let ends = repeat.bounds.partition_point(|&at| at <= taken.start);
        let begins = repeat.bounds.partition_point(|&at| at < taken.end);
        let (before, after) = (0..ends, begins..repeat.bounds.len());
        let kept = if before.len() >= after.len() {
            before
        } else {
            after
        };
        if kept.len() <= self.thresholds.count {
            return None;
        }
        let share = repeat.differences * (kept.len() - 1) / repeat.count();
        repeat.bounds = repeat.bounds[kept].to_vec();
        repeat.differences = share;
        (length(&repeat.requests()) >= self.thresholds.requests).then_some(repeat)
    }
}

impl Selected {
    /// Keeps one repeat of each period: the first, which is the longest.
    fn add_inner(&mut self, repeat: Repeat) {
        let is_known =
            |known: &Repeat| repeat.lag * 4 > known.lag * 3 && repeat.lag * 3 < known.lag * 4;
        if self.inner.len() < INNER && !self.inner.iter().any(is_known) {
            self.inner.push(repeat);
        }
    }
}

/// Whether the longer period is that of an iteration, and not a multiple of the shorter one: what
/// repeats with the shorter one ends within an iteration of the longer one, or the longer one tells
/// most of what differs from one to the next.
fn explains_more(longer: &Repeat, shorter: &Repeat) -> bool {
    let (of_longer, of_shorter) = (length(&longer.requests()), length(&shorter.requests()));
    let is_regular = shorter.differences * longer.lag >= of_shorter;
    let rates = (
        longer.differences * of_shorter,
        shorter.differences * of_longer,
    );
    of_shorter <= longer.lag || (is_regular && rates.0 * 2 < rates.1)
}

/// Whether `of` lies in `range` for the most part.
fn is_most(range: &Range<usize>, of: &Range<usize>) -> bool {
    common(range, of) * 5 >= length(of) * 4
}

fn common(a: &Range<usize>, b: &Range<usize>) -> usize {
    let (start, end) = (a.start.max(b.start), a.end.min(b.end));
    end.saturating_sub(start)
}

fn length(range: &Range<usize>) -> usize {
    range.end - range.start
}
