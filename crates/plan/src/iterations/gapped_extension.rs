//! Gapped extension: how far two places of a sequence agree, but for a few requests.
//!
//! Stands on symbols alone. Of the two places, *x* is the earlier and *y* the later one.
//!
//! ```text
//! x   a b c d   e f g          insertion of x before e: y is one ahead of x from there on
//! y   a b c d x e f g
//!     └─ 4 ─┘   └ 3 ┘          two segments, one request differs
//! ```
//!
//! Invariant: all symbols of a segment agree, and segments ascend in *x* and in *y*.

use alloc::vec::Vec;

use super::grams::NONE;

/// How many requests must agree after some that differ.
const CONFIRMED: usize = 4;

/// How many requests that differ are skipped by trying all ways to do so.
const NEAR: usize = 8;

/// Requests that agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) length: usize,
}

/// What differences cost, and when an extension ends.
#[derive(Clone, Copy)]
pub(super) struct Scoring {
    /// What a request costs that differs; one that agrees scores 1.
    pub(super) penalty: usize,
    /// How far the score may fall below its maximum.
    pub(super) drop: usize,
    /// By how much the distance of the two places may change.
    pub(super) slack: usize,
    /// How many requests may differ at a time.
    pub(super) reach: usize,
}

/// Which way an extension goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Forwards,
    Backwards,
}

/// How far two places agree. Segments are in the order in which they were met.
pub(super) struct Extension {
    pub(super) segments: Vec<Segment>,
    pub(super) differences: usize,
    /// How many requests of *y* were passed in all, with those after the best end.
    pub(super) passed: usize,
}

/// Extends from places of one sequence. `partner` says, for the gram of [`GRAM`](Extender::GRAM)
/// requests at a position of *y* and a position of *x*, where that gram occurs in *x*; it may fail
/// to.
pub(super) struct Extender<'s, P> {
    pub(super) symbols: &'s [u32],
    pub(super) partner: P,
}

/// Two places and how many requests there are to go, seen in one direction: `a` requests of *x* and
/// `b` of *y* have been passed.
#[derive(Clone, Copy)]
struct Places {
    from: (usize, usize),
    direction: Direction,
    limits: (usize, usize),
}

impl Places {
    /// The position of the next request, `passed` requests from one of the two places.
    fn position(self, from: usize, passed: usize) -> usize {
        match self.direction {
            Direction::Forwards => from + passed,
            Direction::Backwards => from - 1 - passed,
        }
    }

    fn segment(self, (a, b): (usize, usize), length: usize) -> Segment {
        let (x, y) = self.from;
        match self.direction {
            Direction::Forwards => Segment {
                x: x + a,
                y: y + b,
                length,
            },
            Direction::Backwards => Segment {
                x: x - a - length,
                y: y - b - length,
                length,
            },
        }
    }
}

impl<P: Fn(usize, usize) -> u32> Extender<'_, P> {
    /// The length of the grams that `partner` knows.
    pub(super) const GRAM: usize = 4;

    /// Goes from between two requests in one direction, at most `limits` requests of *x* and *y*.
    pub(super) fn extend(
        &self,
        from: (usize, usize),
        direction: Direction,
        limits: (usize, usize),
        scoring: Scoring,
    ) -> Extension {
        let places = Places {
            from,
            direction,
            limits,
        };
        let (mut a, mut b, mut score, mut differences) = (0, 0, 0, 0);
        let (mut best, mut best_segments, mut best_differences) = (0, 0, 0);
        let mut segments = Vec::new();
        loop {
            let length = self.agreeing(places, a, b, usize::MAX);
            if length > 0 {
                segments.push(places.segment((a, b), length));
            }
            (a, b, score) = (a + length, b + length, score + length);
            if score > best {
                (best, best_segments, best_differences) = (score, segments.len(), differences);
            }
            let skipped = self.resume(places, (a, b), allowed(score, best, scoring), scoring.slack);
            let Some((in_x, in_y)) = skipped else { break };
            let cost = in_x.max(in_y);
            (a, b) = (a + in_x, b + in_y);
            (score, differences) = (score - cost * scoring.penalty, differences + cost);
        }
        segments.truncate(best_segments);
        Extension {
            segments,
            differences: best_differences,
            passed: b,
        }
    }

    /// Whether two places agree in this many requests, or up to the end of the sequence.
    pub(super) fn agrees(&self, x: usize, y: usize, length: usize) -> bool {
        let end = (y + length).min(self.symbols.len());
        self.symbols[x..][..end - y] == self.symbols[y..end]
    }

    /// How many requests agree, up to a limit.
    fn agreeing(&self, places: Places, a: usize, b: usize, limit: usize) -> usize {
        let (x, y) = places.from;
        let left = (places.limits.0 - a).min(places.limits.1 - b).min(limit);
        let agree = |&passed: &usize| {
            let x = places.position(x, a + passed);
            let y = places.position(y, b + passed);
            self.symbols[x] == self.symbols[y]
        };
        (0..left).take_while(agree).count()
    }

    /// How many requests of *x* and of *y* to skip, at most `most`, until they agree again.
    fn resume(
        &self,
        places: Places,
        (a, b): (usize, usize),
        most: usize,
        slack: usize,
    ) -> Option<(usize, usize)> {
        let agrees = |in_x: usize, in_y: usize| {
            let (a, b) = (a + in_x, b + in_y);
            if a >= places.limits.0 || b >= places.limits.1 || a.abs_diff(b) > slack {
                return false;
            }
            let left = (places.limits.0 - a).min(places.limits.1 - b);
            let needed = left.min(CONFIRMED);
            self.agreeing(places, a, b, needed) == needed
        };
        for cost in 1..=most.min(NEAR) {
            let uneven = (0..cost).flat_map(|less| [(less, cost), (cost, less)]);
            let ways = core::iter::once((cost, cost)).chain(uneven);
            if let Some(way) = ways.into_iter().find(|&(x, y)| agrees(x, y)) {
                return Some(way);
            }
        }
        if most <= NEAR {
            return None;
        }
        self.resume_far(places, (a, b), most, agrees)
    }

    /// Skips many requests: to a gram that both have, in time linear in `most`.
    fn resume_far(
        &self,
        places: Places,
        (a, b): (usize, usize),
        most: usize,
        agrees: impl Fn(usize, usize) -> bool,
    ) -> Option<(usize, usize)> {
        let (from_x, from_y) = places.from;
        let mut found: Option<(usize, usize)> = None;
        for in_y in 0..=most.min(places.limits.1 - b) {
            let cost = found.map_or(most + 1, |(x, y)| x.max(y));
            if in_y >= cost {
                break;
            }
            let in_x = match places.direction {
                Direction::Forwards => {
                    let x = (self.partner)(from_y + b + in_y, from_x + a);
                    (x as usize).checked_sub(from_x + a)
                }
                Direction::Backwards => {
                    let end = from_y - b - in_y;
                    let x = end.checked_sub(Self::GRAM).map_or(NONE, |gram| {
                        (self.partner)(gram, (from_x - a).saturating_sub(Self::GRAM))
                    });
                    (from_x - a).checked_sub((x as usize).saturating_add(Self::GRAM))
                }
            };
            let way = in_x.map(|in_x| (in_x, in_y));
            let way = way.filter(|&(x, y)| x.max(y) < cost && agrees(x, y));
            found = way.or(found);
        }
        found
    }
}

/// How many requests may differ now.
fn allowed(score: usize, best: usize, scoring: Scoring) -> usize {
    let room = (scoring.drop + score).saturating_sub(best).min(score);
    room.checked_div(scoring.penalty)
        .unwrap_or(usize::MAX)
        .min(scoring.reach)
}
