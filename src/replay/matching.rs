//! Which recorded request a request is: by its position, then by its size and alignment.
//!
//! A [`Template`] is what a lane asked for when it was recorded, in order; a [`Matcher`] walks
//! along it. Iterations differ a little, so a request that is not the next one is looked for
//! further on:
//!
//! ```text
//! recorded   a b c d e f     next = c; d comes, which is not c
//! asked      a b d e f       d is found one further: it is served, and e becomes a second guess
//!                ^           e comes: not c, but the second guess; next = f
//! ```
//!
//! Had c come instead of e, d would have been an extra request, and the walk would go on behind c:
//! a guess holds until the next request that is where it should be. A search looks ahead first,
//! then back, and its reach doubles with every request that is not found: so a similar request far
//! away misleads nobody, and the walk recovers from any distance. Each search is a binary search.
//!
//! Invariant: nothing here is trusted. A wrong guess costs a miss; claims make sure that no byte
//! has two owners.

#![forbid(unsafe_code)]

use core::{alloc::Layout, cell::Cell};

use super::template::{Expected, Template};

/// How far the first search reaches.
const NEAR: usize = 16;
/// A search that reaches further than this looks back, too. Requests that were served already are
/// seldom repeated.
const PATIENCE: usize = 8 * NEAR;

/// Where in a template an iteration is.
#[derive(Debug, Default)]
pub(super) struct Matcher {
    next: Cell<usize>,
    guess: Cell<Guess>,
    /// The value of `next` when requests were last not found, and how many in a row.
    lost: Cell<(usize, u32)>,
    /// The last request that was served without evidence: its position, the bytes that it asked
    /// for, and those that were expected.
    trusted: Cell<(usize, usize, usize)>,
}

/// Where the iteration is if the last request served out of order was no accident. Holds while
/// `next` is `instead_of`.
#[derive(Clone, Copy, Debug, Default)]
struct Guess {
    instead_of: usize,
    /// Behind a request that was served, so never 0 in a guess that was made.
    position: usize,
}

impl Matcher {
    /// Back to the start of an iteration.
    pub(super) fn rewind(&self) {
        self.next.set(0);
        self.guess.set(Guess::default());
        self.lost.set((0, 0));
        self.trusted.set((0, 0, 0));
    }

    /// The next recorded request, if it is this one.
    #[inline]
    pub(super) fn in_order(&self, template: &Template, layout: Layout) -> Option<Expected> {
        let next = self.next.get();
        let expected = template.at(next, layout)?;
        self.next.set(next + 1);
        Some(expected)
    }

    /// The recorded request that this one is, which is not the next one, if it is found.
    pub(super) fn resynchronise(&self, template: &Template, layout: Layout) -> Option<Expected> {
        let (next, guess) = (self.next.get(), self.guess());
        let guessed = guess.and_then(|position| Some((position, template.at(position, layout)?)));
        if let Some((position, expected)) = guessed {
            self.go_on_behind(position);
            return Some(expected);
        }
        let reach = self.reach(NEAR);
        let near = |from: usize| {
            let found = template.search(from, layout);
            found.filter(|(position, _)| position - from <= reach)
        };
        // Ahead of the guess, then ahead of `next`, and, once that has failed some times, back.
        let found = guess
            .and_then(near)
            .or_else(|| near(next + 1))
            .or_else(|| (reach > PATIENCE).then(|| near(next.saturating_sub(reach)))?);
        match found {
            Some((position, expected)) => {
                self.guess_behind(position);
                Some(expected)
            }
            None => {
                self.lose_the_way();
                None
            }
        }
    }

    /// The position of the request that is expected next.
    pub(super) fn next(&self) -> usize {
        self.next.get()
    }

    /// The position of the request that comes next if the last one out of order was no accident.
    pub(super) fn guess(&self) -> Option<usize> {
        let guess = self.guess.get();
        (guess.instead_of == self.next.get() && guess.position > 0).then_some(guess.position)
    }

    /// The iteration is behind the request at a position.
    pub(super) fn go_on_behind(&self, position: usize) {
        self.next.set(position + 1);
        self.lost.set((0, 0));
    }

    /// The iteration may be behind the request at a position, which was served out of order.
    pub(super) fn guess_behind(&self, position: usize) {
        self.guess.set(Guess {
            instead_of: self.next.get(),
            position: position + 1,
        });
        self.lost.set((0, 0));
    }

    /// How far a search reaches: as far as the first one, twice as far with each that failed.
    pub(super) fn reach(&self, first: usize) -> usize {
        first.saturating_mul(1 << self.times_lost().min(20))
    }

    /// A request was not found.
    pub(super) fn lose_the_way(&self) {
        let lost = self.times_lost().saturating_add(1);
        self.lost.set((self.next.get(), lost));
    }

    fn times_lost(&self) -> u32 {
        let (lost_at, lost) = self.lost.get();
        if lost_at == self.next.get() { lost } else { 0 }
    }

    /// Remembers a request that was served at a position without evidence, by the bytes that it
    /// asked for and those that were expected.
    pub(super) fn trust(&self, position: usize, asked: usize, expected: usize) {
        self.trusted.set((position, asked, expected));
    }

    /// The bytes that the last request asked for, and those that were expected, if it was served
    /// without evidence.
    pub(super) fn trusted(&self) -> Option<(usize, usize)> {
        let (position, asked, expected) = self.trusted.get();
        let was_last = asked > 0 && self.behind() == position.wrapping_add(1);
        was_last.then_some((asked, expected))
    }

    /// Where the iteration seems to be: at the guess, or else at `next`.
    pub(super) fn behind(&self) -> usize {
        self.guess().unwrap_or(self.next.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::trace::Request;
    use orionrt_sys::sync::atomic::Ordering;
    use proptest::prelude::*;

    fn advance(template: &Template, matcher: &Matcher, layout: Layout) -> Option<Expected> {
        let in_order = matcher.in_order(template, layout);
        in_order.or_else(|| matcher.resynchronise(template, layout))
    }

    fn template(sizes: &[usize]) -> Template {
        let request = |&size: &usize| {
            let mut request = Request::new(size, 8, 0);
            request.upper = Some(1);
            request
        };
        let requests: Vec<Request> = sizes.iter().map(request).collect();
        Template::new(&requests, 0)
    }

    /// The positions that are found for requests of these sizes.
    fn positions(template: &Template, matcher: &Matcher, sizes: &[usize]) -> Vec<Option<u32>> {
        let layout = |size| Layout::from_size_align(size, 8).unwrap();
        let find = |&size: &usize| advance(template, matcher, layout(size))?.block();
        sizes.iter().map(find).collect()
    }

    #[test]
    fn the_recorded_requests_are_found_one_after_the_other() {
        let sizes = [1, 2, 2, 3, 1];
        let (template, matcher) = (template(&sizes), Matcher::default());
        for _ in 0..2 {
            let found = positions(&template, &matcher, &sizes);
            assert_eq!(found, [0, 1, 2, 3, 4].map(Some));
            assert_eq!(positions(&template, &matcher, &[1]), [None]);
            matcher.rewind();
        }
    }

    #[test]
    fn a_request_that_is_missing_is_passed_over() {
        let (template, matcher) = (template(&[1, 2, 3, 4, 5, 6]), Matcher::default());
        let found = positions(&template, &matcher, &[1, 2, 4, 5, 6]);
        assert_eq!(found, [0, 1, 3, 4, 5].map(Some));
    }

    #[test]
    fn an_extra_request_disturbs_nothing() {
        let (template, matcher) = (template(&[1, 2, 3, 4]), Matcher::default());
        let found = positions(&template, &matcher, &[1, 9, 2, 3, 4]);
        assert_eq!(found, [Some(0), None, Some(1), Some(2), Some(3)]);
        // One that looks like a later request is served as that one.
        matcher.rewind();
        let found = positions(&template, &matcher, &[1, 4, 2, 3, 4]);
        assert_eq!(found, [0, 3, 1, 2, 3].map(Some));
    }

    #[test]
    fn another_size_in_the_middle_is_one_miss() {
        let (template, matcher) = (template(&[1, 2, 3, 4]), Matcher::default());
        let found = positions(&template, &matcher, &[1, 9, 3, 4]);
        assert_eq!(found, [Some(0), None, Some(2), Some(3)]);
    }

    #[test]
    fn an_iteration_that_starts_in_the_middle_is_soon_matched() {
        let sizes: Vec<usize> = (1..2000).collect();
        let (template, matcher) = (template(&sizes), Matcher::default());
        let found = positions(&template, &matcher, &sizes[1500..]);
        let misses = found.iter().filter(|block| block.is_none()).count();
        assert!(misses <= 8, "{misses}");
        assert_eq!(found.last(), Some(&Some(1998)));
    }

    #[test]
    fn two_halves_of_an_iteration_may_change_places() {
        let sizes: Vec<usize> = (1..=2000).collect();
        let (template, matcher) = (template(&sizes), Matcher::default());
        let turned = [&sizes[1900..], &sizes[..1900]].concat();
        let found = positions(&template, &matcher, &turned);
        let misses = found.iter().filter(|block| block.is_none()).count();
        assert!(misses <= 16, "{misses}");
    }

    #[test]
    fn a_similar_request_far_back_misleads_nobody() {
        let sizes: Vec<usize> = (1..=2000).collect();
        let (template, matcher) = (template(&sizes), Matcher::default());
        let asked = [&[5, 9000][..], &sizes[..1900], &[9000, 6], &sizes[1900..]].concat();
        let found = positions(&template, &matcher, &asked);
        let misses = found.iter().filter(|block| block.is_none()).count();
        // The two 9000s, which were not recorded, and the 6, which is too far back.
        assert_eq!(misses, 3);
    }

    #[test]
    fn single_requests_that_are_not_found_do_not_widen_the_search() {
        let sizes: Vec<usize> = (1..=2000).collect();
        let (template, matcher) = (template(&sizes), Matcher::default());
        for start in (0..1000).step_by(10) {
            let found = positions(&template, &matcher, &sizes[start..start + 10]);
            assert!(found.iter().all(Option::is_some));
            assert_eq!(positions(&template, &matcher, &[9000 + start]), [None]);
        }
        assert_eq!(positions(&template, &matcher, &[1900]), [None]);
    }

    #[test]
    fn a_request_that_is_not_found_costs_at_most_three_binary_searches() {
        let sizes: Vec<usize> = (1..=200_000).collect();
        let (template, matcher) = (template(&sizes), Matcher::default());
        // A request out of order first, so that there is a guess to search from.
        assert_eq!(positions(&template, &matcher, &[2]), [Some(1)]);
        let others: Vec<usize> = (1..=200_000).map(|i| 1_000_000 + i).collect();
        let found = positions(&template, &matcher, &others);
        assert!(found.iter().all(Option::is_none));
        let binary_search = u64::from(sizes.len().ilog2()) + 2;
        let most = 3 * binary_search * (1 + others.len() as u64);
        let comparisons = template.comparisons.load(Ordering::Relaxed);
        assert!(comparisons <= most, "{comparisons} of at most {most}");
    }

    #[test]
    fn requests_in_order_cost_no_search() {
        let sizes: Vec<usize> = (1..=1000).collect();
        let (template, matcher) = (template(&sizes), Matcher::default());
        assert!(
            positions(&template, &matcher, &sizes)
                .iter()
                .all(Option::is_some)
        );
        assert_eq!(template.comparisons.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_request_of_another_alignment_is_not_found() {
        let (template, matcher) = (template(&[8]), Matcher::default());
        let strict = Layout::from_size_align(8, 16).unwrap();
        assert!(advance(&template, &matcher, strict).is_none());
    }

    proptest! {
        /// If all sizes differ, leaving out one run of requests and inserting another costs only
        /// the misses that the search needs to reach far enough.
        #[test]
        fn few_changes_cost_few_misses(
            count in 1usize..300, gone in 0usize..300, length in 0usize..100,
            put in 0usize..300, extra in 0usize..10,
        ) {
            let sizes: Vec<usize> = (1..=count).collect();
            let (template, matcher) = (template(&sizes), Matcher::default());
            let mut asked = sizes.clone();
            let start = gone.min(count);
            asked.drain(start..(start + length).min(count));
            let put = put.min(asked.len());
            asked.splice(put..put, (0..extra).map(|i| 10_000 + i));
            let found = positions(&template, &matcher, &asked);
            for (size, block) in asked.iter().zip(&found) {
                prop_assert!(block.is_none_or(|block| block as usize + 1 == *size));
            }
            let known = asked.iter().zip(&found).filter(|(size, _)| **size < 10_000);
            let missed = known.filter(|(_, block)| block.is_none()).count();
            prop_assert!(missed <= 4, "{missed} of {asked:?}");
        }
    }
}
