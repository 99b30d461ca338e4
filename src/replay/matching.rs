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
//! Had c come instead, d would have been an extra request, and the walk would go on behind c. How far the search looks doubles with
//! every request that is not found, so that it comes back from anywhere, and costs little where all is well.
//!
//! Invariant: nothing here is trusted. A wrong guess costs a miss; that no byte has two owners is what claims are for.

#![forbid(unsafe_code)]

use alloc::boxed::Box;
use core::{alloc::Layout, cell::Cell};

use crate::trace::Request;

/// How far the first search looks.
const NEAR: usize = 16;

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
}

/// Where in a track an iteration is.
#[derive(Debug, Default)]
pub(super) struct Cursor {
    next: Cell<usize>,
    /// Where the iteration would be if the last request served out of order was no accident; 0 for nowhere.
    guess: Cell<usize>,
    /// Requests not found since the last one that was.
    lost: Cell<u32>,
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
        Self {
            expected: expected.collect(),
        }
    }

    #[inline]
    fn at(&self, position: usize, layout: Layout) -> Option<Expected> {
        let expected = *self.expected.get(position)?;
        let is_it = expected.size == layout.size() && expected.alignment == layout.align();
        is_it.then_some(expected)
    }

    /// The first match within `reach` requests from `position` on, with its position.
    fn search(&self, position: usize, reach: usize, layout: Layout) -> Option<(usize, Expected)> {
        let end = position.saturating_add(reach).min(self.expected.len());
        (position..end).find_map(|i| Some((i, self.at(i, layout)?)))
    }
}

impl Cursor {
    /// Back to the start of an iteration.
    pub(super) fn rewind(&self) {
        self.next.set(0);
        self.guess.set(0);
        self.lost.set(0);
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
        let guess = self.guess.get();
        if guess > 0
            && let Some(expected) = track.at(guess, layout)
        {
            self.next.set(guess + 1);
            self.guess.set(0);
            self.lost.set(0);
            return Some(expected);
        }
        let reach = NEAR << self.lost.get().min(32);
        let from = self.next.get() + 1;
        // Far ones last: behind the guess before what lies ahead of it.
        let found = track
            .search(guess.max(from), reach, layout)
            .or_else(|| track.search(from, reach, layout));
        match found {
            Some((position, expected)) => {
                self.guess.set(position + 1);
                self.lost.set(0);
                Some(expected)
            }
            None => {
                self.lost.set(self.lost.get() + 1);
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
