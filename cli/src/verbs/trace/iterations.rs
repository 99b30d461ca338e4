//! The iterations of a recorded process, and what one of them needs.
//!
//! Stands on the threads' requests. Invariant: it is said if a recording has more requests than are
//! searched.

#![forbid(unsafe_code)]

use std::time::Duration;

use orionrt::{
    Planner,
    iterations::{IterationMemory, Repetition},
};
use orionrt_recording::Reader;
use serde::Serialize;

use super::sequences::{Sequence, Sizes, sequences};
use crate::format;

/// The most repetitions that are reported.
const MOST_REPORTED: usize = 3;

/// How long the plan of an iteration may take.
const TIME_LIMIT: Duration = Duration::from_millis(500);

/// The repetitions of a recording, those that request most bytes first.
#[derive(Debug, Serialize)]
pub(super) struct Iterations {
    /// How many requests were searched.
    pub(super) searched: usize,
    /// Whether the recording has more.
    pub(super) has_more: bool,
    /// How many repetitions there are, with those that are not reported.
    pub(super) found: usize,
    pub(super) repetitions: Vec<Repeated>,
}

/// A stretch of a thread's requests in which an iteration follows the other. Sizes are bytes.
#[derive(Debug, Serialize)]
pub(super) struct Repeated {
    pub(super) thread: u32,
    pub(super) iterations: usize,
    /// How many requests an iteration makes.
    pub(super) period: usize,
    /// When the first one begins, and when the last one's last request is made.
    pub(super) from_ns: u64,
    pub(super) to_ns: u64,
    /// What all of them request.
    pub(super) bytes: u64,
    /// What the first one and the last one request.
    pub(super) first_bytes: u64,
    pub(super) last_bytes: u64,
    /// When sizes agree: `equal`, or `power_of_two` if only their binary logarithms, rounded down,
    /// are equal.
    pub(super) sizes: Sizes,
    /// How many requests agree with those of the most usual one, and have another size.
    pub(super) resized: usize,
    /// How many make the same requests as the most usual one.
    pub(super) identical: usize,
    /// How many requests differ from those of the most usual one, in all.
    pub(super) differing: usize,
    /// The part of the requests that a replay of the most usual one would serve.
    pub(super) served: f64,
    /// The most usual iteration, or the largest one of those whose sizes grow; `None` if its blocks
    /// cannot be planned.
    pub(super) usual: Option<Usual>,
    /// What repeats inside an iteration.
    pub(super) inner: Vec<Inner>,
}

/// What an iteration needs.
#[derive(Debug, Serialize)]
pub(super) struct Usual {
    /// The most bytes of its own that are alive at once.
    pub(super) peak: u64,
    /// The peak of a plan of the blocks that it frees itself, and what no plan is below.
    pub(super) planned: u64,
    pub(super) lower_bound: u64,
    /// The blocks that it does not free.
    pub(super) outliving: usize,
    pub(super) outliving_bytes: u64,
}

/// Requests that repeat inside an iteration.
#[derive(Debug, Serialize)]
pub(super) struct Inner {
    pub(super) period: usize,
    pub(super) count: usize,
}

impl Iterations {
    /// Finds the iterations of a recording.
    pub(super) fn of(reader: &Reader) -> Self {
        let (threads, searched, has_more) = sequences(reader);
        let mut all: Vec<(u32, Sizes, Repetition)> = Vec::new();
        for (&thread, sequence) in &threads {
            let found = sequence.repetitions().into_iter();
            all.extend(found.map(|(sizes, one)| (thread, sizes, one)));
        }
        all.sort_by_key(|(thread, _, one)| (std::cmp::Reverse(one.bytes), *thread));
        let reported = all.iter().take(MOST_REPORTED);
        Self {
            searched,
            has_more,
            found: all.len(),
            repetitions: reported
                .map(|(thread, sizes, one)| Repeated::new(*thread, *sizes, &threads[thread], one))
                .collect(),
        }
    }

    /// The lines for people, each with its label.
    pub(super) fn lines(&self) -> Vec<(&'static str, String)> {
        let more = match self.has_more {
            true => format!(
                "; of the first {}",
                format::count(self.searched as u64, "request")
            ),
            false => String::new(),
        };
        if self.repetitions.is_empty() {
            return vec![("iterations", format!("none found{more}"))];
        }
        let mut lines = Vec::new();
        for one in &self.repetitions {
            lines.push(("iterations", one.stretch() + &more));
            lines.extend(one.growth().map(|growth| ("sizes", growth)));
            let label = match one.sizes {
                Sizes::Equal => "one of them",
                Sizes::PowerOfTwo => "the largest",
            };
            lines.extend(one.usual.as_ref().map(|usual| (label, usual.text())));
        }
        lines
    }
}

impl Repeated {
    fn new(thread: u32, sizes: Sizes, sequence: &Sequence, found: &Repetition) -> Self {
        let stretch = found.stretch();
        let bytes_of = |iteration: usize| {
            let requests = found.iteration(iteration);
            requests.map_or(0, |requests| sequence.bytes(requests))
        };
        let shown = match sizes {
            Sizes::Equal => Some(found.representative),
            Sizes::PowerOfTwo => (0..found.count()).max_by_key(|&iteration| bytes_of(iteration)),
        };
        let shown = shown.and_then(|iteration| found.iteration(iteration));
        let memory =
            shown.and_then(|requests| IterationMemory::new(&sequence.requests, requests).ok());
        Self {
            thread,
            iterations: found.count(),
            period: found.period,
            from_ns: sequence.times_ns[stretch.start],
            to_ns: sequence.times_ns[stretch.end - 1],
            bytes: found.bytes,
            first_bytes: bytes_of(0),
            last_bytes: bytes_of(found.count().saturating_sub(1)),
            sizes,
            resized: found.resized,
            identical: found.identical,
            differing: found.differing,
            served: found.replayable_fraction(),
            usual: memory.and_then(|memory| Usual::new(&memory)),
            inner: found
                .inner
                .iter()
                .map(|inner| Inner {
                    period: inner.period,
                    count: inner.count,
                })
                .collect(),
        }
    }

    /// `agree to a power of two; 1.20 MiB in the first one, 4.80 MiB in the last`
    fn growth(&self) -> Option<String> {
        if self.sizes == Sizes::Equal {
            return None;
        }
        let [first, last] = [self.first_bytes, self.last_bytes].map(format::short_bytes);
        Some(format!(
            "agree to a power of two; {first} in the first one, {last} in the last"
        ))
    }

    /// `48 × 1,310 requests by thread 0, from 1.20 s to 3.40 s; replay would serve 97.0 %`
    fn stretch(&self) -> String {
        let requests = format::count(self.period as u64, "request");
        let iterations = format::thousands(self.iterations as u64);
        let [from, to] =
            [self.from_ns, self.to_ns].map(|time| format::duration(Duration::from_nanos(time)));
        let served = self.served * 100.0;
        let inner = self.inner.first().map_or_else(String::new, |inner| {
            let period = format::count(inner.period as u64, "request");
            format!(
                "; inside, {period} repeat {} times",
                format::thousands(inner.count as u64)
            )
        });
        format!(
            "{iterations} × {requests} by thread {}, from {from} to {to}{inner}; replay would \
             serve {served:.1} %",
            self.thread
        )
    }
}

impl Usual {
    fn new(memory: &IterationMemory) -> Option<Self> {
        let plan = Planner::new()
            .time_limit(TIME_LIMIT)
            .plan(&memory.lifetimes)
            .ok()?;
        Some(Self {
            peak: memory.peak,
            planned: plan.peak(),
            lower_bound: plan.lower_bound(),
            outliving: memory.outliving,
            outliving_bytes: memory.outliving_bytes,
        })
    }

    /// `peak 12.3 MiB, planned 9.80 MiB, bound 9.80 MiB; 3 blocks of 2.5 MiB outlive it`
    fn text(&self) -> String {
        let [peak, planned, bound, outliving] = [
            self.peak,
            self.planned,
            self.lower_bound,
            self.outliving_bytes,
        ]
        .map(format::short_bytes);
        let kept = match self.outliving {
            0 => String::new(),
            1 => format!("; 1 block of {outliving} outlives it"),
            blocks => {
                let blocks = format::count(blocks as u64, "block");
                format!("; {blocks} of {outliving} outlive it")
            }
        };
        format!("peak {peak}, planned {planned}, bound {bound}{kept}")
    }
}

#[cfg(test)]
mod tests {
    use orionrt_recording::Kind;

    use super::{
        super::recorded::{Call, recorded},
        *,
    };

    fn iterations(threads: &[Vec<Call>]) -> Iterations {
        let threads: Vec<&[Call]> = threads.iter().map(Vec::as_slice).collect();
        Iterations::of(&Reader::new(&recorded(&threads)).expect("a recording"))
    }

    /// A loop of four blocks, of which two are alive at once and the last one stays; the other
    /// thread frees the third.
    fn two_threads(count: u64) -> [Vec<Call>; 2] {
        use Kind::{Allocate, Free};
        let mut own = vec![(1, Allocate, 0x10, 5000)];
        let mut other = Vec::new();
        for (begin, kept) in (100..)
            .step_by(100)
            .zip((0x10_000..).step_by(64))
            .take(count as usize)
        {
            own.extend([
                (begin, Allocate, 0x1000, 1024),
                (begin + 10, Allocate, 0x2000, 512),
                (begin + 20, Free, 0x1000, 0),
                (begin + 30, Free, 0x2000, 0),
                (begin + 40, Allocate, 0x3000, 2048),
                (begin + 60, Allocate, kept, 64),
            ]);
            let odd = 16 * (begin % 7 + begin % 11);
            other.push((begin + 15, Allocate, 0x4000, odd));
            other.push((begin + 45, Free, 0x4000, 0));
            other.push((begin + 50, Free, 0x3000, 0));
        }
        [own, other]
    }

    #[test]
    fn a_loop_is_found_with_what_an_iteration_needs() {
        let found = iterations(&two_threads(30));
        assert_eq!(
            (found.searched, found.has_more, found.found),
            (151, false, 1)
        );
        let one = &found.repetitions[0];
        assert_eq!((one.thread, one.iterations, one.period), (0, 30, 4));
        assert_eq!((one.from_ns, one.to_ns), (100, 3060));
        assert_eq!((one.identical, one.differing, one.served), (30, 0, 1.0));
        let usual = one.usual.as_ref().expect("a plan");
        assert_eq!(
            (usual.peak, usual.planned, usual.lower_bound),
            (2048, 2048, 2048)
        );
        assert_eq!((usual.outliving, usual.outliving_bytes), (1, 64));
        let lines = found.lines();
        let texts = lines.iter().map(|(_, text)| text.as_str());
        let expected = [
            "30 × 4 requests by thread 0, from 0.10 µs to 3.06 µs; replay would serve 100.0 %",
            "peak 2.00 KiB, planned 2.00 KiB, bound 2.00 KiB; 1 block of 64 B outlives it",
        ];
        assert_eq!(texts.collect::<Vec<_>>(), expected);
    }

    /// A decoder: a cache that grows by 16 bytes in each iteration, and blocks of equal sizes.
    fn growing(count: u64) -> Vec<Call> {
        use Kind::{Allocate, Free};
        let mut calls = Vec::new();
        for (iteration, begin) in (0..count).zip((100..).step_by(100)) {
            let grown = 5000 + 16 * iteration;
            let cache = 0x1_0000 * (1 + iteration % 2);
            let other = 0x1_0000 * (2 - iteration % 2);
            calls.push((begin, Allocate, cache, grown));
            if iteration > 0 {
                calls.push((begin + 10, Free, other, 0));
            }
            calls.extend([
                (begin + 20, Allocate, 0x4000, 1024),
                (begin + 30, Allocate, 0x5000, 2 * grown),
                (begin + 40, Free, 0x4000, 0),
                (begin + 50, Allocate, 0x6000, 4 * grown),
                (begin + 60, Free, 0x5000, 0),
                (begin + 70, Free, 0x6000, 0),
            ]);
        }
        calls
    }

    #[test]
    fn sizes_that_grow_are_tried_where_equal_ones_repeat_little() {
        let found = iterations(&[growing(40)]);
        assert_eq!(found.found, 1);
        let one = &found.repetitions[0];
        assert_eq!(
            (one.sizes, one.iterations, one.period),
            (Sizes::PowerOfTwo, 40, 4)
        );
        assert_eq!((one.differing, one.resized), (0, 3 * 39));
        let bytes = |iteration: u64| 7 * (5000 + 16 * iteration) + 1024;
        assert_eq!((one.first_bytes, one.last_bytes), (bytes(0), bytes(39)));
        // The largest one: the cache and two larger blocks, the cache outlives it.
        let usual = one.usual.as_ref().expect("a plan");
        assert_eq!(usual.planned, 6 * (5000 + 16 * 39));
        let labels: Vec<_> = found.lines().iter().map(|(label, _)| *label).collect();
        assert_eq!(labels, ["iterations", "sizes", "the largest"]);
        // Equal sizes are tried first.
        assert_eq!(
            iterations(&two_threads(30)).repetitions[0].sizes,
            Sizes::Equal
        );
    }

    #[test]
    fn a_loop_of_equal_sizes_stays_one_beside_much_else() {
        let mut calls = Vec::new();
        // Sizes that agree to a power of two in an order that does not repeat.
        let mut state = 1_u64;
        for at in 0..500 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let size = 1 + (state >> 33) % 100_000;
            calls.push((at, Kind::Allocate, 0x10_0000 + at * 0x2_0000, size));
        }
        let [own, _] = two_threads(30);
        calls.extend(
            own.into_iter()
                .map(|(ticks, kind, address, size)| (ticks + 1000, kind, address, size)),
        );
        let found = iterations(&[calls]);
        let one = &found.repetitions[0];
        assert_eq!(
            (one.sizes, one.iterations, one.period),
            (Sizes::Equal, 30, 4)
        );
        assert_eq!(one.served, 1.0);
    }

    #[test]
    fn a_recording_without_a_loop_says_so() {
        let found = iterations(&two_threads(3));
        assert_eq!(found.lines(), [("iterations", "none found".into())]);
    }
}
