//! Which recorded request of a helper a request is that may be smaller than it was recorded.
//!
//! Where a key stands for shapes up to a largest one, the [factors](super::factors) by which the
//! requests of an iteration are smaller are those of all its threads. So a helper's request is
//! looked for as each size that it may have been recorded with, as in exact matching. If there is
//! none, the next request of the recorded thread that it follows will do if it is large enough, or
//! the beginning of a recorded thread, or any request nearby, as a guest; its factor is known from
//! then on.
//!
//! Invariant: what is found is at least as large and as strictly aligned as the request. Beyond
//! that nothing is trusted, as in exact matching.

#![forbid(unsafe_code)]

use core::{alloc::Layout, iter};

use super::{
    factors::Factors,
    guests::Guests,
    team_matching::{Cursor, Match, NOWHERE, Search},
    template::Expected,
};

/// How far in each direction a search looks for any request that is large enough.
const SHORT: u32 = 32;
/// How many beginnings of threads are looked at.
const MOST_STARTS: usize = 64;

impl<T, C: Fn(u32) -> Option<T>> Search<'_, C> {
    /// Finds the bytes of a request that is not the next one of its size of the recorded thread.
    #[cold]
    pub(super) fn fit(
        &self,
        cursor: &Cursor,
        front: u32,
        factors: &Factors,
        guests: &Guests,
    ) -> Match<T> {
        let next = self.of.after(cursor.last_own());
        let next = next.and_then(|position| Some((position, self.fitting(position)?)));
        let agrees = |(_, it): &(u32, Expected)| factors.agree(self.layout.size(), it.size());
        let known = next.filter(agrees);
        if let Some(found) = known.and_then(|next| self.take_next(cursor, next)) {
            return found;
        }
        let refused = match self.as_recorded(cursor, front, factors) {
            Ok(found) => return found,
            Err(refused) => refused,
        };
        let trusted = next.and_then(|next| Some((next.1, self.take_next(cursor, next)?)));
        let trusted = trusted.or_else(|| {
            let guests = (!factors.are_unknown()).then_some(guests);
            self.any_nearby(cursor, front, guests)
        });
        let Some((expected, found)) = trusted else {
            if let Match::Unmatched = refused {
                cursor.lose_the_way();
            }
            return refused;
        };
        factors.learn(self.layout.size(), expected.size());
        found
    }

    /// The request at a position, if this one can be made in its place.
    fn fitting(&self, position: u32) -> Option<Expected> {
        self.of.template().fitting(position as usize, self.layout)
    }

    /// A search for a request of another layout, at least as large and as strictly aligned.
    fn recorded_as(&self, layout: Layout) -> Search<'_, &C> {
        Search {
            of: self.of,
            taken: self.taken,
            layout,
            claim: &self.claim,
        }
    }

    /// Tries to be the next request of the recorded thread, which is larger.
    fn take_next(&self, cursor: &Cursor, (position, it): (u32, Expected)) -> Option<Match<T>> {
        self.recorded_as(layout_of(&it)?)
            .attempt_next(cursor, position)
    }

    /// Finds the bytes of a request as one of the sizes that it may have been recorded with; or
    /// says what was in the way.
    fn as_recorded(
        &self,
        cursor: &Cursor,
        front: u32,
        factors: &Factors,
    ) -> Result<Match<T>, Match<T>> {
        let readings = self.of.template().readings(self.layout, factors);
        let mut refused = Match::Unmatched;
        for reading in readings.into_iter().flatten() {
            match self
                .recorded_as(reading)
                .find_around(cursor, cursor.last_own(), front)
            {
                Match::Unmatched => {}
                found @ (Match::Claimed(_) | Match::Outliving) => return Ok(found),
                other => refused = other,
            }
        }
        Err(refused)
    }

    /// Tries to be any planned request that is large enough: the beginning of a recorded thread if
    /// this is the first one of its thread, or else one nearby. Once something is known of the
    /// shape, it is a guest there.
    fn any_nearby(
        &self,
        cursor: &Cursor,
        front: u32,
        guests: Option<&Guests>,
    ) -> Option<(Expected, Match<T>)> {
        let last = cursor.last_own();
        let own = match last {
            NOWHERE => 0..0,
            _ => last + 1..last.saturating_add(1 + SHORT),
        };
        let starts = match last {
            NOWHERE => self.of.starts().iter().copied().take(MOST_STARTS),
            _ => [].iter().copied().take(0),
        };
        let near = front.saturating_sub(SHORT)..front.saturating_add(SHORT);
        let fresh = starts.chain(own).chain(near);
        let count = self.of.template().len();
        let mut fresh = fresh.filter(|&it| (it as usize) < count && !self.taken.contains(it));
        fresh.find_map(|position| {
            let expected = self.fitting(position)?;
            let block = expected.block()?;
            let asked = self.layout.size();
            let may_come = guests.is_none_or(|guests| guests.may_come(asked, expected.size()));
            if !may_come {
                return None;
            }
            let search = self.recorded_as(layout_of(&expected)?);
            let alike = self.of.template().alike(search.layout);
            let found = search.first(cursor, iter::once(position), front, alike);
            let found = found.ok()?;
            if let Some(guests) = guests {
                guests.note(block);
            }
            Some((expected, found))
        })
    }
}

fn layout_of(expected: &Expected) -> Option<Layout> {
    let (size, alignment) = expected.layout();
    Layout::from_size_align(size, alignment).ok()
}

#[cfg(test)]
mod tests;
