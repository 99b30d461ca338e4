//! Which recorded request a request is: by its position, then by its size and alignment.
//!
//! A [`Track`] is what a lane asked for when it was recorded, in order; a [`Cursor`] walks along it. Iterations differ a
//! little, so a request that is not the next one is looked for further on:
//!
//! ```text
//! recorded   a b c d e f             next = c; d comes, which is not c
//! asked      a b d e f               d is found one further: it is served, and what follows it is a second guess
//!                ^                   e comes: not c, but the second guess; next = f
//! ```
//!
//! Had c come instead, d would have been an extra request, and the walk would go on behind c: a guess holds until the next request that
//! is where it should be. How far the search looks, ahead first and then back, doubles with every request that is not found: so a
//! chance likeness far away misleads nobody, and the walk comes back from anywhere. Each search is a binary one, in
//! an index by size and alignment.
//!
//! Invariant: nothing here is trusted. A wrong guess costs a miss; that no byte has two owners is what claims are for.

#![forbid(unsafe_code)]

use alloc::{boxed::Box, vec::Vec};
use core::{alloc::Layout, cell::Cell};

use crate::replay::trace::Request;

/// How far the first search looks.
const NEAR: usize = 16;
/// A search that reaches further looks back, too. What has been served already is seldom asked for again.
const PATIENCE: usize = 8 * NEAR;

/// A recorded request, and what became of it in the plan.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    size: usize,
    alignment: usize,
    /// The position of its place in the plan; none for what outlives the iteration.
    pub(super) place: Option<u32>,
}

/// What a lane is expected to ask for, in order.
#[derive(Debug)]
pub(super) struct Track {
    expected: Box<[Expected]>,
    /// Positions, by size and alignment and then in order.
    index: Box<[u32]>,
}

/// Where in a track an iteration is.
#[derive(Debug, Default)]
pub(super) struct Cursor {
    next: Cell<usize>,
    guess: Cell<Guess>,
    /// Where the last request was that was not found, and how many were not in a row.
    lost: Cell<(usize, u32)>,
}

/// Where the iteration is if the last request served out of order was no accident. Holds as long as `next` is `instead_of`.
#[derive(Clone, Copy, Debug, Default)]
struct Guess {
    instead_of: usize,
    /// Never the first request: one before it was served.
    position: usize,
}

impl Track {
    /// The planned ones among `requests` have their places in order.
    pub(super) fn new(requests: &[Request]) -> Self {
        let mut places = 0u32;
        let expected = requests.iter().map(|request| {
            let place = request.is_planned().then_some(places);
            places += u32::from(place.is_some());
            Expected {
                size: request.size,
                alignment: request.alignment,
                place,
            }
        });
        let expected: Box<[Expected]> = expected.collect();
        let mut index: Vec<u32> = (0..expected.len() as u32).collect();
        index.sort_by_key(|&i| expected[i as usize].layout());
        Self {
            index: index.into_boxed_slice(),
            expected,
        }
    }

    /// Whether an iteration begins with such a request.
    pub(super) fn begins_with(&self, layout: Layout) -> bool {
        self.at(0, layout).is_some()
    }

    #[inline]
    fn at(&self, position: usize, layout: Layout) -> Option<Expected> {
        let expected = *self.expected.get(position)?;
        let is_it = expected.size == layout.size() && expected.alignment == layout.align();
        is_it.then_some(expected)
    }

    /// The first such request from a position on, with its position.
    fn search(&self, from: usize, layout: Layout) -> Option<(usize, Expected)> {
        let wanted = (layout.size(), layout.align(), from);
        let key = |&i: &u32| {
            let (size, alignment) = self.expected[i as usize].layout();
            (size, alignment, i as usize)
        };
        let first = self.index.partition_point(|i| key(i) < wanted);
        let position = *self.index.get(first)? as usize;
        Some((position, self.at(position, layout)?))
    }
}

impl Expected {
    fn layout(&self) -> (usize, usize) {
        (self.size, self.alignment)
    }
}

impl Cursor {
    /// Back to the start of an iteration.
    pub(super) fn rewind(&self) {
        self.next.set(0);
        self.guess.set(Guess::default());
        self.lost.set((0, 0));
    }

    /// The recorded request that this one is, if it is one.
    #[inline]
    pub(super) fn advance(&self, track: &Track, layout: Layout) -> Option<Expected> {
        let next = self.next.get();
        match track.at(next, layout) {
            Some(expected) => {
                self.next.set(next + 1);
                Some(expected)
            }
            None => self.resynchronise(track, layout),
        }
    }

    #[cold]
    fn resynchronise(&self, track: &Track, layout: Layout) -> Option<Expected> {
        let next = self.next.get();
        let guess = self.guess.get();
        let guess = (guess.instead_of == next).then_some(guess.position);
        let guess = guess.filter(|&position| position > 0);
        if let Some(position) = guess
            && let Some(expected) = track.at(position, layout)
        {
            self.next.set(position + 1);
            self.lost.set((0, 0));
            return Some(expected);
        }
        let (lost_at, lost) = self.lost.get();
        let lost = if lost_at == next { lost } else { 0 };
        let reach = NEAR.saturating_mul(1 << lost.min(20));
        let near = |from: usize| {
            let found = track.search(from, layout);
            found.filter(|(position, _)| position - from <= reach)
        };
        // Ahead of the guess, ahead of where we are, and, once that has failed some times, back.
        let found = guess
            .and_then(near)
            .or_else(|| near(next + 1))
            .or_else(|| (reach > PATIENCE).then(|| near(next.saturating_sub(reach)))?);
        match found {
            Some((position, expected)) => {
                self.guess.set(Guess {
                    instead_of: next,
                    position: position + 1,
                });
                self.lost.set((0, 0));
                Some(expected)
            }
            None => {
                self.lost.set((next, lost.saturating_add(1)));
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn track(sizes: &[usize]) -> Track {
        let requests: Vec<Request> = sizes
            .iter()
            .map(|&size| Request {
                size,
                alignment: 8,
                largest: size,
                lower: 0,
                upper: Some(1),
            })
            .collect();
        Track::new(&requests)
    }

    /// The positions that are found for requests of these sizes.
    fn positions(track: &Track, cursor: &Cursor, sizes: &[usize]) -> Vec<Option<u32>> {
        let layout = |size| Layout::from_size_align(size, 8).unwrap();
        let find = |&size: &usize| cursor.advance(track, layout(size))?.place;
        sizes.iter().map(find).collect()
    }

    #[test]
    fn the_same_requests_are_found_one_after_the_other() {
        let sizes = [1, 2, 2, 3, 1];
        let (track, cursor) = (track(&sizes), Cursor::default());
        for _ in 0..2 {
            let found = positions(&track, &cursor, &sizes);
            assert_eq!(found, [0, 1, 2, 3, 4].map(Some));
            assert_eq!(positions(&track, &cursor, &[1]), [None]);
            cursor.rewind();
        }
    }

    #[test]
    fn a_request_that_is_missing_is_passed_over() {
        let (track, cursor) = (track(&[1, 2, 3, 4, 5, 6]), Cursor::default());
        let found = positions(&track, &cursor, &[1, 2, 4, 5, 6]);
        assert_eq!(found, [0, 1, 3, 4, 5].map(Some));
    }

    #[test]
    fn an_extra_request_disturbs_nothing() {
        let (track, cursor) = (track(&[1, 2, 3, 4]), Cursor::default());
        let found = positions(&track, &cursor, &[1, 9, 2, 3, 4]);
        assert_eq!(found, [Some(0), None, Some(1), Some(2), Some(3)]);
        // One that looks like a later request is served in its place.
        cursor.rewind();
        let found = positions(&track, &cursor, &[1, 4, 2, 3, 4]);
        assert_eq!(found, [0, 3, 1, 2, 3].map(Some));
    }

    #[test]
    fn another_size_in_the_middle_is_one_miss() {
        let (track, cursor) = (track(&[1, 2, 3, 4]), Cursor::default());
        let found = positions(&track, &cursor, &[1, 9, 3, 4]);
        assert_eq!(found, [Some(0), None, Some(2), Some(3)]);
    }

    #[test]
    fn the_way_back_is_found_from_far_away() {
        let sizes: Vec<usize> = (1..2000).collect();
        let (track, cursor) = (track(&sizes), Cursor::default());
        let found = positions(&track, &cursor, &sizes[1500..]);
        let misses = found.iter().filter(|place| place.is_none()).count();
        assert!(misses <= 8, "{misses}");
        assert_eq!(found.last(), Some(&Some(1998)));
    }

    #[test]
    fn blocks_of_requests_may_change_places() {
        let sizes: Vec<usize> = (1..=2000).collect();
        let (track, cursor) = (track(&sizes), Cursor::default());
        let turned = [&sizes[1900..], &sizes[..1900]].concat();
        let found = positions(&track, &cursor, &turned);
        let misses = found.iter().filter(|place| place.is_none()).count();
        assert!(misses <= 16, "{misses}");
    }

    #[test]
    fn an_old_likeness_misleads_nobody() {
        let sizes: Vec<usize> = (1..=2000).collect();
        let (track, cursor) = (track(&sizes), Cursor::default());
        let asked = [&[5, 9000][..], &sizes[..1900], &[9000, 6], &sizes[1900..]].concat();
        let found = positions(&track, &cursor, &asked);
        let misses = found.iter().filter(|place| place.is_none()).count();
        // The two that are not there, and a likeness that is too far back.
        assert_eq!(misses, 3);
    }

    #[test]
    fn requests_that_are_not_found_now_and_then_widen_no_search() {
        let sizes: Vec<usize> = (1..=2000).collect();
        let (track, cursor) = (track(&sizes), Cursor::default());
        for start in (0..1000).step_by(10) {
            let found = positions(&track, &cursor, &sizes[start..start + 10]);
            assert!(found.iter().all(Option::is_some));
            assert_eq!(positions(&track, &cursor, &[9000 + start]), [None]);
        }
        assert_eq!(positions(&track, &cursor, &[1900]), [None]);
    }

    #[test]
    fn requests_that_are_never_found_cost_little() {
        let sizes: Vec<usize> = (1..=200_000).collect();
        let (track, cursor) = (track(&sizes), Cursor::default());
        let others: Vec<usize> = (1..=200_000).map(|i| 1_000_000 + i).collect();
        assert!(
            positions(&track, &cursor, &others)
                .iter()
                .all(Option::is_none)
        );
    }

    #[test]
    fn the_alignment_counts() {
        let (track, cursor) = (track(&[8]), Cursor::default());
        let strict = Layout::from_size_align(8, 16).unwrap();
        assert!(cursor.advance(&track, strict).is_none());
    }

    proptest! {
        /// With sizes that are all different, one block of requests left out and one put in cost no more than the search needs to
        /// look far enough.
        #[test]
        fn few_changes_cost_few_misses(
            count in 1usize..300, gone in 0usize..300, length in 0usize..100, put in 0usize..300, extra in 0usize..10,
        ) {
            let sizes: Vec<usize> = (1..=count).collect();
            let (track, cursor) = (track(&sizes), Cursor::default());
            let mut asked = sizes.clone();
            let start = gone.min(count);
            asked.drain(start..(start + length).min(count));
            let put = put.min(asked.len());
            asked.splice(put..put, (0..extra).map(|i| 10_000 + i));
            let found = positions(&track, &cursor, &asked);
            for (size, place) in asked.iter().zip(&found) {
                prop_assert!(place.is_none_or(|place| place as usize + 1 == *size));
            }
            let known = asked.iter().zip(&found).filter(|(size, _)| **size < 10_000);
            let missed = known.filter(|(_, place)| place.is_none()).count();
            prop_assert!(missed <= 4, "{missed} of {asked:?}");
        }
    }
}
