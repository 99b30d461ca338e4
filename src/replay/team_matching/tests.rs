//! Which request a request is taken for, in iterations whose bytes are numbers.

use super::*;
use crate::replay::{team_template::Follow, template::Template};
use core::cell::RefCell;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// An iteration of threads that take part, in which the bytes of a block are a number.
struct Iteration {
    of: TeamTemplate,
    taken: Taken,
    cursors: Vec<Cursor>,
    /// The bytes of each request.
    bytes: Vec<Option<u32>>,
    used: RefCell<BTreeSet<u32>>,
}

impl Iteration {
    /// An iteration of requests by size, with what follows each and the bytes that it has.
    fn new(threads: usize, requests: &[(usize, Follow, Option<u32>)]) -> Self {
        let expected = (0..).zip(requests).map(|(position, (size, _, bytes))| {
            let block = bytes.is_some().then_some(position);
            Expected::new(*size, 8, block)
        });
        let follow: Vec<Follow> = requests.iter().map(|request| request.1).collect();
        Self {
            of: TeamTemplate::new(Template::of(expected.collect()), &follow),
            taken: Taken::new(requests.len()),
            cursors: (0..threads).map(|_| Cursor::new()).collect(),
            bytes: requests.iter().map(|request| request.2).collect(),
            used: RefCell::default(),
        }
    }

    fn ask(&self, thread: usize, size: usize) -> Match<u32> {
        let search = Search {
            of: &self.of,
            taken: &self.taken,
            layout: Layout::from_size_align(size, 8).unwrap(),
            claim: |block: u32| {
                let bytes = self.bytes[block as usize]?;
                self.used.borrow_mut().insert(bytes).then_some(bytes)
            },
        };
        let last = || self.cursors.iter().filter_map(Cursor::last_near).max();
        let cursor = &self.cursors[thread];
        let found = search.in_order(cursor);
        found.unwrap_or_else(|| search.look_around(cursor, last().unwrap_or(0)))
    }

    fn release(&self, bytes: u32) {
        assert!(self.used.borrow_mut().remove(&bytes));
    }

    fn taken(&self) -> usize {
        let positions = 0..self.bytes.len() as u32;
        let taken = positions.filter(|&position| self.taken.contains(position));
        taken.count()
    }
}

/// Requests that one recorded thread made, of these sizes, each with bytes of its own.
fn chain(sizes: &[usize]) -> Vec<(usize, Follow, Option<u32>)> {
    let link = |(position, size): (u32, &usize)| match position + 1 {
        next if (next as usize) < sizes.len() => (*size, Follow::Next(next), Some(position)),
        _ => (*size, Follow::Nothing, Some(position)),
    };
    (0..).zip(sizes).map(link).collect()
}

/// So many requests of a size that share so many bytes of a pool, from `first` on.
fn pool(
    size: usize,
    number: u32,
    members: u32,
    first: u32,
    blocks: u32,
) -> Vec<(usize, Follow, Option<u32>)> {
    let member = |i| (size, Follow::Pool(number), Some(first + i % blocks));
    (0..members).map(member).collect()
}

/// Two recorded threads that ask for the same, whose requests alternate.
fn twins() -> Vec<(usize, Follow, Option<u32>)> {
    let sizes = [1, 1, 2, 2, 1, 1];
    let link = |(i, size): (u32, &usize)| match i + 2 {
        next if next < 6 => (*size, Follow::Next(next), Some(i)),
        _ => (*size, Follow::Nothing, Some(i)),
    };
    (0..).zip(&sizes).map(link).collect()
}

#[test]
fn a_thread_goes_on_with_the_recorded_thread_that_it_began() {
    let iteration = Iteration::new(2, &twins());
    for (thread, size, expected) in [
        (1, 1, 0),
        (0, 1, 1),
        (0, 2, 3),
        (0, 1, 5),
        (1, 2, 2),
        (1, 1, 4),
    ] {
        assert_eq!(iteration.ask(thread, size), Match::Claimed(expected));
    }
}

#[test]
fn a_thread_begins_where_a_recorded_thread_did_however_far_that_is() {
    let sizes: Vec<usize> = (1..=1000).collect();
    let mut requests = chain(&sizes);
    let next = (5000, Follow::Next(1001), Some(1000));
    requests.extend([next, (5001, Follow::Nothing, Some(1001))]);
    let iteration = Iteration::new(3, &requests);
    assert_eq!(iteration.ask(2, 5000), Match::Claimed(1000));
    assert_eq!(iteration.ask(1, 1), Match::Claimed(0));
    assert_eq!(iteration.ask(2, 5001), Match::Claimed(1001));
    assert_eq!(iteration.ask(1, 2), Match::Claimed(1));
    // This is as far, but in the midst of the work of a thread.
    assert_eq!(iteration.ask(0, 900), Match::Unmatched);
}

#[test]
fn tasks_in_between_do_not_lead_a_thread_astray() {
    // The task is of the size of a request further on of the same recorded thread.
    let mut requests = twins();
    requests.extend(pool(7, 0, 4, 6, 1));
    let iteration = Iteration::new(2, &requests);
    assert_eq!(iteration.ask(0, 1), Match::Claimed(0));
    for next in [2, 4] {
        assert_eq!(iteration.ask(0, 7), Match::Claimed(6));
        iteration.release(6);
        let size = if next == 2 { 2 } else { 1 };
        assert_eq!(iteration.ask(0, size), Match::Claimed(next));
    }
}

#[test]
fn leftovers_are_taken_by_whoever_asks_for_them() {
    // One thread does what two did.
    let iteration = Iteration::new(1, &twins());
    let sizes = [1, 2, 1, 1, 2, 1];
    let found = sizes.map(|size| iteration.ask(0, size));
    // What lies ahead comes before what lies behind.
    assert_eq!(found, [0, 2, 4, 5, 3, 1].map(Match::Claimed));
    assert_eq!(iteration.taken(), 6);
}

#[test]
fn a_request_whose_bytes_are_in_use_says_which_block_it_has() {
    let mut requests = chain(&[1, 2]);
    requests[1].2 = Some(0);
    let iteration = Iteration::new(1, &requests);
    assert_eq!(iteration.ask(0, 1), Match::Claimed(0));
    assert_eq!(iteration.ask(0, 2), Match::Occupied(1));
    iteration.release(0);
    assert_eq!(iteration.ask(0, 2), Match::Claimed(0));
}

#[test]
fn one_more_than_recorded_gets_bytes_that_are_free_again_or_exhausts() {
    let requests = [chain(&[1]), pool(5, 0, 2, 1, 2)].concat();
    let iteration = Iteration::new(1, &requests);
    assert_eq!(iteration.ask(0, 1), Match::Claimed(0));
    assert_eq!(iteration.ask(0, 1), Match::Exhausted(0));
    assert_eq!(iteration.ask(0, 5), Match::Claimed(1));
    assert_eq!(iteration.ask(0, 5), Match::Claimed(2));
    assert_eq!(iteration.ask(0, 5), Match::Exhausted(1));
    iteration.release(0);
    iteration.release(2);
    assert_eq!(iteration.ask(0, 1), Match::Claimed(0));
    assert_eq!(iteration.ask(0, 5), Match::Claimed(2));
}

#[test]
fn each_request_that_outlives_is_met_once() {
    let outliving = (4, Follow::Nothing, None);
    let iteration = Iteration::new(2, &[outliving, outliving]);
    assert_eq!(iteration.ask(0, 4), Match::Outliving);
    assert_eq!(iteration.ask(1, 4), Match::Outliving);
    assert_eq!(iteration.ask(0, 4), Match::Unmatched);
    assert_eq!(iteration.ask(0, 5), Match::Unmatched);
}

#[test]
fn a_thread_that_has_lost_its_way_looks_twice_as_far_each_time() {
    let sizes: Vec<usize> = (1..=10_000).collect();
    let iteration = Iteration::new(1, &chain(&sizes));
    let ask_until_found = |position: usize| {
        let is_missed = |_: &u32| iteration.ask(0, sizes[position]) == Match::Unmatched;
        (0..10).take_while(is_missed).count()
    };
    // 256, 512, 1024 and 2048 requests.
    assert_eq!(ask_until_found(1500), 3);
    // From there on, it knows the way.
    assert_eq!(ask_until_found(1501), 0);
    assert_eq!(ask_until_found(1501 + 256), 0);
    assert_eq!(ask_until_found(1501 + 600), 1);
}

#[test]
fn a_task_gets_no_bytes_of_another_section() {
    let mut requests = [pool(5, 0, 2, 100, 2), pool(5, 1, 3, 300, 2)].concat();
    requests[3].2 = Some(300);
    requests[4].2 = Some(301);
    let iteration = Iteration::new(1, &requests);
    for bytes in [100, 101] {
        assert_eq!(iteration.ask(0, 5), Match::Claimed(bytes));
        iteration.release(bytes);
    }
    // The bytes of the second request of this section are in use, those before it are free.
    assert_eq!(iteration.ask(0, 5), Match::Claimed(300));
    assert_eq!(iteration.ask(0, 5), Match::Claimed(301));
}

proptest! {
    /// Tasks of two sections, and what threads do in between: every request is another one,
    /// and a task has only bytes of the pool of its section.
    #[test]
    fn tasks_in_any_interleaving_get_other_requests_of_their_pool(
        members in 1u32..60, threads in 1usize..4,
        steps in prop::collection::vec((0usize..4, 0usize..4, any::<bool>()), 0..200),
    ) {
        let blocks = (threads as u32).min(members);
        let requests = [
            pool(5, 0, members, 100, blocks),
            pool(6, 1, members, 200, blocks),
            pool(5, 2, members, 300, blocks),
        ].concat();
        let iteration = Iteration::new(threads, &requests);
        let mut steps = steps.into_iter().chain(std::iter::repeat((0, 0, false)));
        let mut asked = 0;
        for (size, first) in [(5, 100), (6, 200), (5, 300)] {
            let mut live = vec![None; threads];
            for _ in 0..members {
                // Some threads end their tasks, then one begins the next.
                let (thread, other, ends) = steps.next().unwrap();
                let (thread, other) = (thread % threads, other % threads);
                let other = if ends { live[other].take() } else { None };
                let ended = [other, live[thread].take()];
                ended.into_iter().flatten().for_each(|bytes| iteration.release(bytes));
                let Match::Claimed(bytes) = iteration.ask(thread, size) else {
                    return Err(TestCaseError::fail("a task got nothing"));
                };
                asked += 1;
                prop_assert!((first..first + blocks).contains(&bytes), "{}", bytes);
                live[thread] = Some(bytes);
            }
            live.into_iter().flatten().for_each(|bytes| iteration.release(bytes));
            prop_assert_eq!(iteration.taken(), asked);
        }
    }
}
