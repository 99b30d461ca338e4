//! Which recorded request a request is that may be smaller than it was recorded.
//!
//! Where a key stands for shapes up to a largest one, a [`Matcher`] finds requests by what is known
//! of the shape: the [factors](super::scales) by which requests are smaller. What is looked for, in
//! this order:
//!
//! 1. the next request, or the guess, if it is as large as this one or agrees with a known factor;
//! 2. the nearest one further on that does, or else a few back: a guess, as in exact matching;
//! 3. if nothing was known of the request before, either: the nearest place where both are smaller
//!    by one and the same factor;
//! 4. the next one, if only it is large enough: its factor is known from now on;
//! 5. the first one further on that is large enough, also a guess.
//!
//! A request that is missing because it fell below the threshold is passed over by the second rule.
//! The others are for the start of an iteration, and for sizes that depend on the shape in a new
//! way.
//!
//! Invariants: what is found is at least as large and as strictly aligned as the request, and is
//! found in a number of steps that depends on the logarithm of the template's length alone. Beyond
//! that nothing is trusted, as in exact matching.

#![forbid(unsafe_code)]

use core::alloc::Layout;

use super::{
    matching::Matcher,
    scales::{Scale, Scales},
    template::{Expected, Template},
};

/// How far the first search reaches for requests that agree with what is known.
const NEAR: usize = 128;
/// How far back a search looks.
const BACK: usize = 8;
/// How far a search reaches for two requests in a row with one factor, and for one that fits.
const SHORT: usize = 16;

/// A recorded request and its position.
type Found = (usize, Expected);

impl Matcher {
    /// The recorded request that this one is, which is not the next one of the same size, if it is
    /// found.
    pub(super) fn fit(
        &self,
        template: &Template,
        layout: Layout,
        scales: &Scales,
    ) -> Option<Expected> {
        let search = FitSearch {
            matcher: self,
            template,
            layout,
            scales,
        };
        if let Some((position, expected)) = search.in_place().or_else(|| search.in_a_row()) {
            self.go_on_behind(position);
            return Some(expected);
        }
        if let Some((position, expected)) = search.elsewhere() {
            self.guess_behind(position);
            return Some(expected);
        }
        search.on_trust()
    }
}

/// A request on its way.
struct FitSearch<'t> {
    matcher: &'t Matcher,
    template: &'t Template,
    layout: Layout,
    scales: &'t Scales,
}

impl FitSearch<'_> {
    /// Where the iteration may be: `next`, and the guess.
    fn places(&self) -> impl Iterator<Item = usize> {
        [Some(self.matcher.next()), self.matcher.guess()]
            .into_iter()
            .flatten()
    }

    fn fitting(&self, position: usize) -> Option<Found> {
        Some((position, self.template.fitting(position, self.layout)?))
    }

    /// The next request or the guess, if it agrees with what is known, or may do so.
    fn in_place(&self) -> Option<Found> {
        let asked = self.layout.size();
        let fitting = || self.places().filter_map(|position| self.fitting(position));
        let known = fitting().find(|found| self.scales.agree(asked, found.1.size()));
        known.or_else(|| {
            let likely = fitting().find(|found| self.scales.may_agree(asked, found.1.size()))?;
            self.scales.learn(asked, likely.1.size());
            Some(likely)
        })
    }

    /// The nearest request that agrees with what is known: ahead of the guess, then ahead of
    /// `next`, then a little back.
    fn elsewhere(&self) -> Option<Found> {
        let readings = self.template.readings(self.layout, self.scales);
        let (next, reach) = (self.matcher.next(), self.matcher.reach(NEAR));
        let nearest = |from: usize| {
            let found = readings.iter().flatten();
            let found = found.filter_map(|&reading| self.template.search(from, reading));
            let near = found.filter(|(position, _)| position - from <= reach);
            near.min_by_key(|(position, _)| *position)
        };
        let back = || nearest(next.saturating_sub(BACK)).filter(|(position, _)| *position < next);
        let ahead = self.matcher.guess().and_then(nearest);
        ahead.or_else(|| nearest(next + 1)).or_else(back)
    }

    /// The nearest place further on where this request and the one before it, which was served on
    /// trust as another one, are smaller by the same factor.
    fn in_a_row(&self) -> Option<Found> {
        let (before, served) = self.matcher.trusted()?;
        let asked = self.layout.size();
        let from = self.matcher.behind();
        (from + 1..=from + SHORT).find_map(|position| {
            let first = self.template.expected().get(position - 1)?.size();
            let found = self.fitting(position)?;
            let scale = Scale::new(asked, found.1.size());
            let is_likely = first >= before && first != served && scale.agrees(before, first);
            is_likely.then(|| {
                self.scales.learn(asked, found.1.size());
                found
            })
        })
    }

    /// The guess or the next request, if only it is large enough and planned, or else the first one
    /// further on that is.
    fn on_trust(&self) -> Option<Expected> {
        let Self {
            matcher, layout, ..
        } = *self;
        let planned = |position| self.fitting(position).filter(|it| it.1.block().is_some());
        let from = matcher.behind();
        let further = || (from + 1..=from + SHORT).find_map(planned);
        let (position, expected) = match [from, matcher.next()].into_iter().find_map(planned) {
            Some(found) => {
                matcher.go_on_behind(found.0);
                found
            }
            None => match further() {
                Some(found) => {
                    matcher.guess_behind(found.0);
                    found
                }
                None => {
                    matcher.lose_the_way();
                    return None;
                }
            },
        };
        matcher.trust(position, layout.size(), expected.size());
        self.scales.learn(layout.size(), expected.size());
        Some(expected)
    }
}

#[cfg(test)]
mod tests;
