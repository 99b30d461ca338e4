//! Which recorded request a request is that may be smaller than it was recorded.
//!
//! Where a key stands for shapes up to a largest one, a [`Matcher`] finds requests by what is known
//! of the shape: the [factors](super::factors) by which requests are smaller. What is looked for,
//! in this order:
//!
//! 1. the next request, or the guess, if it is as large as this one or agrees with a known factor,
//!    its square or its root;
//! 2. if the request before was served on trust: the nearest place further on where both of them
//!    are smaller by one and the same factor;
//! 3. the nearest one further on that agrees with a known factor, or else one a few back: a guess,
//!    as in exact matching;
//! 4. the next one that is large enough, on trust. The first request of an iteration shows the
//!    first factor so. Later ones are guests, whose factors are known when the request that comes
//!    next confirms them.
//!
//! A request that is missing because it fell below the threshold is passed over by the third rule.
//!
//! Invariants: what is found is at least as large and as strictly aligned as the request, and is
//! found in a number of steps that depends on the logarithm of the template's length alone. Beyond
//! that nothing is trusted, as in exact matching.

#![forbid(unsafe_code)]

use core::alloc::Layout;

use super::{
    factors::{Factor, Factors},
    guests::Guests,
    matching::Matcher,
    template::{Expected, Template},
};

/// How far the first search reaches for requests that agree with what is known.
const NEAR: usize = 128;
/// How far back a search looks.
const BACK: usize = 8;
/// How far a search reaches for two requests in a row with one factor, and for one that fits.
const SHORT: usize = 16;

/// A recorded request and its position.
type FittingRequest = (usize, Expected);

/// A request on its way.
#[derive(Clone, Copy)]
pub(super) struct FitSearch<'t> {
    pub(super) matcher: &'t Matcher,
    pub(super) template: &'t Template,
    pub(super) layout: Layout,
    pub(super) factors: &'t Factors,
    pub(super) guests: &'t Guests,
}

impl FitSearch<'_> {
    /// The recorded request that this one is, which is not the next one of the same size, if it is
    /// found.
    pub(super) fn run(self) -> Option<Expected> {
        if let Some((position, expected)) = self.in_place().or_else(|| self.in_a_row()) {
            self.confirm(position);
            self.matcher.go_on_behind(position);
            return Some(expected);
        }
        if let Some((position, expected)) = self.elsewhere() {
            self.matcher.guess_behind(position);
            return Some(expected);
        }
        self.on_trust()
    }

    /// Where the iteration may be: `next`, and the guess.
    fn places(&self) -> impl Iterator<Item = usize> {
        [Some(self.matcher.next()), self.matcher.guess()]
            .into_iter()
            .flatten()
    }

    fn fitting(&self, position: usize) -> Option<FittingRequest> {
        Some((position, self.template.fitting(position, self.layout)?))
    }

    /// The next request or the guess, if it agrees with what is known, or may do so.
    fn in_place(&self) -> Option<FittingRequest> {
        let asked = self.layout.size();
        let fitting = || self.places().filter_map(|position| self.fitting(position));
        let known = fitting().find(|found| self.factors.agree(asked, found.1.size()));
        known.or_else(|| {
            let likely = fitting().find(|found| self.factors.may_agree(asked, found.1.size()))?;
            self.factors.learn(asked, likely.1.size());
            Some(likely)
        })
    }

    /// The nearest request that agrees with what is known: ahead of the guess, then ahead of
    /// `next`, then a little back.
    fn elsewhere(&self) -> Option<FittingRequest> {
        let readings = self.template.readings(self.layout, self.factors);
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
    fn in_a_row(&self) -> Option<FittingRequest> {
        let (before, served) = self.matcher.trusted()?;
        let asked = self.layout.size();
        let from = self.matcher.behind();
        (from + 1..=from + SHORT).find_map(|position| {
            let first = self.template.expected().get(position - 1)?.size();
            let found = self.fitting(position)?;
            let factor = Factor::new(asked, found.1.size());
            let is_likely = first >= before && first != served && factor.agrees(before, first);
            is_likely.then(|| {
                self.factors.learn(asked, found.1.size());
                found
            })
        })
    }

    /// The guess or the next request, if only it is large enough and planned, or else the first one
    /// further on that is. If factors are known, this request may be a guest there.
    fn on_trust(&self) -> Option<Expected> {
        let Self {
            matcher,
            factors,
            guests,
            ..
        } = *self;
        let asked = self.layout.size();
        let is_first = factors.are_unknown() && matcher.next() < SHORT;
        let may_be_here = |it: &Expected| is_first || guests.may_come(asked, it.size());
        let planned = |position| {
            let found = self.fitting(position)?;
            let block = found.1.block()?;
            may_be_here(&found.1).then_some((found, block))
        };
        let from = matcher.behind();
        let places = [from, matcher.next()].into_iter();
        let found = places.chain(from + 1..=from + SHORT).find_map(planned);
        let Some(((position, expected), block)) = found else {
            matcher.lose_the_way();
            matcher.trust(from.wrapping_sub(1), asked, 0);
            return None;
        };
        if is_first {
            factors.learn(asked, expected.size());
        } else {
            guests.note(block);
        }
        match is_first && position == matcher.next() {
            true => matcher.go_on_behind(position),
            false => matcher.guess_behind(position),
        }
        matcher.trust(position, asked, expected.size());
        Some(expected)
    }

    /// A request was found at a position where it was expected. If that is behind one that was
    /// served on trust, its factor is known from now on.
    fn confirm(&self, position: usize) {
        if position == self.matcher.behind() {
            let trusted = self.matcher.trusted();
            if let Some((asked, expected)) = trusted.filter(|trusted| trusted.1 > 0) {
                self.factors.learn(asked, expected);
            }
        }
    }
}

#[cfg(test)]
mod tests;
