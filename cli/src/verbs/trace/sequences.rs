//! The requests of each thread of a recorded process, and where they repeat themselves.
//!
//! Stands on [`Follow`] and on the library's finder. Each thread's requests are a sequence of their
//! own, so that what others do meanwhile does not look like a difference; whoever frees a block
//! counts. Where few requests of a thread are in iterations of equal sizes, sizes that grow from
//! one iteration to the next are tried, as those of a decoder's cache do. Invariant: at most
//! [`MOST_REQUESTS`] requests are held.

#![forbid(unsafe_code)]

use std::{collections::BTreeMap, ops::Range};

use orionrt::iterations::{IterationFinder, Repetition, Request, SizeMatch};
use orionrt_recording::{Kind, Reader};
use serde::Serialize;

use crate::input::{Ended, Follow};

/// The most requests that are searched, from the beginning of a recording.
const MOST_REQUESTS: usize = 1 << 23;

/// The fewest requests of an iteration, and of all of them together. A loop that asks for the same
/// block again and again has nothing to plan.
const LEAST_PERIOD: usize = 4;
const LEAST_REQUESTS: usize = 64;

/// If fewer than one in so many requests are in iterations of equal sizes, growing ones are tried:
/// at least so many iterations, since sizes agree more easily.
const ONE_IN: usize = 2;
const LEAST_GROWING: usize = 8;

/// When sizes agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Sizes {
    Equal,
    PowerOfTwo,
}

/// The requests of a thread.
#[derive(Debug, Default)]
pub(super) struct Sequence {
    pub(super) requests: Vec<Request>,
    pub(super) times_ns: Vec<u64>,
}

/// The requests of each thread, how many they are, and whether there are more.
pub(super) fn sequences(reader: &Reader) -> (BTreeMap<u32, Sequence>, usize, bool) {
    let mut threads: BTreeMap<u32, Sequence> = BTreeMap::new();
    // The thread and the position of each request, by the step at which it was made.
    let mut made: Vec<(i64, u32, u32)> = Vec::new();
    let mut has_more = false;
    let mut follow = Follow::default();
    for recorded in reader.events() {
        let (step, event) = (follow.steps, recorded.event);
        for Ended { block, upper, .. } in follow.take(&recorded) {
            let Ok(at) = made.binary_search_by_key(&block.lower, |&(step, ..)| step) else {
                continue;
            };
            let (_, thread, index) = made[at];
            let sequence = threads.get_mut(&thread);
            let request = sequence.and_then(|one| one.requests.get_mut(index as usize));
            if let Some(request) = request {
                request.freed = Some(upper);
            }
        }
        if !matches!(event.kind, Kind::Allocate | Kind::Resized) {
            continue;
        }
        if made.len() == MOST_REQUESTS {
            has_more = true;
            continue;
        }
        let sequence = threads.entry(recorded.thread).or_default();
        made.push((step, recorded.thread, sequence.requests.len() as u32));
        sequence.times_ns.push(recorded.time_ns);
        sequence.requests.push(Request {
            size: event.size,
            alignment: event.alignment,
            time: step,
            freed: None,
        });
    }
    (threads, made.len(), has_more)
}

impl Sequence {
    /// Where the requests repeat themselves, and when their sizes agree there.
    pub(super) fn repetitions(&self) -> Vec<(Sizes, Repetition)> {
        let mut equal = self.find(IterationFinder::new());
        let mut found = Vec::new();
        if covered(&equal) < self.requests.len() / ONE_IN {
            let growing = IterationFinder::new().size_match(SizeMatch::Log2);
            for one in self.find(growing.min_count(LEAST_GROWING)) {
                // Iterations of equal sizes within are less of the loop, or they are the loop.
                let stretch = one.stretch();
                let is_within = |other: &Repetition| {
                    let other = other.stretch();
                    other.start < stretch.end && stretch.start < other.end
                };
                let within = equal.iter().filter(|other| is_within(other));
                let within: usize = within.map(|other| other.requests).sum();
                if one.resized > 0 && 2 * within < one.requests {
                    equal.retain(|other| !is_within(other));
                    found.push((Sizes::PowerOfTwo, one));
                }
            }
        }
        found.extend(equal.into_iter().map(|one| (Sizes::Equal, one)));
        found
    }

    fn find(&self, finder: IterationFinder) -> Vec<Repetition> {
        let finder = finder.min_period(LEAST_PERIOD).min_requests(LEAST_REQUESTS);
        // There are fewer requests than the finder takes.
        finder.find_in(&self.requests).unwrap_or_default()
    }

    /// What some of the requests ask for.
    pub(super) fn bytes(&self, requests: Range<usize>) -> u64 {
        let requests = &self.requests[requests];
        requests
            .iter()
            .fold(0, |sum, one| sum.saturating_add(one.size))
    }
}

/// How many requests are in iterations.
fn covered(repetitions: &[Repetition]) -> usize {
    repetitions.iter().map(|one| one.requests).sum()
}
