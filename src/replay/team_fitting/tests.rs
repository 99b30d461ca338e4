//! Which recorded request of a helper is found for one of a smaller shape, in iterations whose
//! blocks are numbers.

use super::*;
use crate::replay::{
    team_matching::Taken,
    team_template::{Follow, TeamTemplate},
    template::Template,
};
use alloc::vec::Vec;
use core::cell::RefCell;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// An iteration of helpers, of which each request has a block of its own.
struct Iteration {
    of: TeamTemplate,
    taken: Taken,
    cursors: Vec<Cursor>,
    factors: Factors,
    guests: Guests,
    used: RefCell<BTreeSet<u32>>,
}

impl Iteration {
    /// An iteration of requests by size, with what follows each.
    fn new(threads: usize, requests: &[(usize, Follow)]) -> Self {
        let expected = (0..).zip(requests);
        let expected = expected.map(|(block, (size, _))| Expected::new(*size, 8, Some(block)));
        let follow: Vec<Follow> = requests.iter().map(|request| request.1).collect();
        Self {
            of: TeamTemplate::new(Template::of(expected.collect()), &follow),
            taken: Taken::new(requests.len()),
            cursors: (0..threads).map(|_| Cursor::new()).collect(),
            factors: Factors::default(),
            guests: Guests::new(true),
            used: RefCell::default(),
        }
    }

    fn ask(&self, thread: usize, size: usize) -> Match<u32> {
        let search = Search {
            of: &self.of,
            taken: &self.taken,
            layout: Layout::from_size_align(size, 4).unwrap(),
            claim: |block: u32| {
                let expected = self.of.template().expected()[block as usize];
                assert!(expected.size() >= size, "{size} in {expected:?}");
                self.used.borrow_mut().insert(block).then_some(block)
            },
        };
        let cursor = &self.cursors[thread];
        let front = self.cursors.iter().filter_map(Cursor::last_near).max();
        let found = search.in_order(cursor);
        found.unwrap_or_else(|| search.fit(cursor, front.unwrap_or(0), &self.factors, &self.guests))
    }

    fn release(&self, block: u32) {
        assert!(self.used.borrow_mut().remove(&block));
    }
}

/// Requests of threads that were recorded one after the other, by their sizes.
fn chains(threads: &[&[usize]]) -> Vec<(usize, Follow)> {
    let mut all = Vec::new();
    for sizes in threads {
        let first = all.len();
        all.extend(sizes.iter().enumerate().map(|(i, &size)| {
            let next = (first + i + 1) as u32;
            let is_last = i + 1 == sizes.len();
            let follow = if is_last {
                Follow::Nothing
            } else {
                Follow::Next(next)
            };
            (size, follow)
        }));
    }
    all
}

#[test]
fn a_helper_follows_its_recorded_thread_at_another_scale() {
    let sizes = [8000, 64_000, 4096, 16_000, 128_000, 2000];
    let iteration = Iteration::new(1, &chains(&[&sizes]));
    for (block, size) in (0..).zip([4000, 32_000, 4096, 8000, 64_000, 1000]) {
        assert_eq!(iteration.ask(0, size), Match::Claimed(block));
    }
}

#[test]
fn what_fell_below_the_threshold_is_passed_over() {
    let sizes = [50_000, 3000, 5000, 20_000, 4096, 9000, 70_000];
    let iteration = Iteration::new(1, &chains(&[&sizes]));
    for (block, size) in [(0, 10_000), (3, 4000), (4, 4096), (6, 14_000)] {
        assert_eq!(iteration.ask(0, size), Match::Claimed(block));
    }
}

/// The first thread shows the factor, by which the other ones find their beginnings.
#[test]
fn threads_begin_where_recorded_threads_did_whoever_comes_first() {
    let threads: [&[usize]; 3] = [&[8000, 9000], &[30_000, 31_000], &[50_000, 51_000]];
    let iteration = Iteration::new(3, &chains(&threads));
    for (thread, block, size) in [
        (1, 0, 4000),
        (0, 4, 25_000),
        (2, 2, 15_000),
        (0, 5, 25_500),
        (2, 3, 15_500),
        (1, 1, 4500),
    ] {
        assert_eq!(iteration.ask(thread, size), Match::Claimed(block));
    }
}

#[test]
fn nothing_is_found_where_all_that_is_near_is_smaller_or_taken() {
    let iteration = Iteration::new(2, &chains(&[&[8000, 4096]]));
    assert_eq!(iteration.ask(0, 8001), Match::Unmatched);
    assert_eq!(iteration.ask(0, 4000), Match::Claimed(0));
    assert_eq!(iteration.ask(0, 2048), Match::Claimed(1));
    assert_ne!(iteration.ask(1, 4000), Match::Claimed(0));
}

proptest! {
    /// Tasks of a smaller shape get blocks of the pools of their kind, in any interleaving; their
    /// number may be another one.
    #[test]
    fn tasks_get_blocks_of_their_pools(
        threads in 1usize..4, factor in 0.1f64..1.0, members in 4u32..40, fewer in 0u32..40,
        turns in prop::collection::vec(0usize..4, 0..80),
    ) {
        let sizes = [40_000usize, 90_000];
        let requests: Vec<(usize, Follow)> = (0..2 * members)
            .map(|i| (sizes[(i / members) as usize], Follow::Pool(i / members)))
            .collect();
        let iteration = Iteration::new(threads, &requests);
        let mut turns = turns.into_iter().chain(std::iter::repeat(0));
        for (kind, size) in sizes.into_iter().enumerate() {
            let asked = (size as f64 * factor) as usize;
            let mut live: Vec<Option<u32>> = alloc::vec![None; threads];
            for _ in 0..members.saturating_sub(fewer).max(1) {
                let thread = turns.next().unwrap() % threads;
                live[thread].take().into_iter().for_each(|block| iteration.release(block));
                let Match::Claimed(block) = iteration.ask(thread, asked) else {
                    return Err(TestCaseError::fail("a task got nothing"));
                };
                // Before anything is known, the first ones may get larger blocks.
                prop_assert!(block / members >= kind as u32, "{} of {}", block, kind);
                live[thread] = Some(block);
            }
            live.into_iter().flatten().for_each(|block| iteration.release(block));
        }
    }

    /// Whatever helpers ask for, what they get is as large (which the claim checks), and each block
    /// has one owner.
    #[test]
    fn blocks_are_as_large_as_what_is_asked_for(
        sizes in prop::collection::vec(1000usize..100_000, 1..80),
        asked in prop::collection::vec((0usize..3, 500usize..110_000), 0..200),
    ) {
        let iteration = Iteration::new(3, &chains(&[&sizes]));
        let mut live = Vec::new();
        for (thread, size) in asked {
            if let Match::Claimed(block) = iteration.ask(thread, size) {
                prop_assert!(!live.contains(&block));
                live.push(block);
            }
            if live.len() > 6 {
                iteration.release(live.remove(0));
            }
        }
    }
}
