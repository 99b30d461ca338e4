//! The iterations of a recorded process, and what one of them needs.
//!
//! Stands on [`Follow`] and on the library's finder. Each thread's requests are a sequence of their
//! own, so that what others do meanwhile does not look like a difference; whoever frees a block
//! counts. Invariant: at most [`MOST_REQUESTS`] requests are held, and it is said if there are
//! more.

#![forbid(unsafe_code)]

use std::{collections::BTreeMap, time::Duration};

use orionrt::{
    Planner,
    iterations::{IterationFinder, IterationMemory, Repetition, Request},
};
use orionrt_recording::{Kind, Reader};
use serde::Serialize;

use crate::{
    format,
    input::{Ended, Follow},
};

/// The most requests that are searched, from the beginning of a recording.
const MOST_REQUESTS: usize = 1 << 23;

/// The fewest requests of an iteration, and of all of them together. A loop that asks for the same
/// block again and again has nothing to plan.
const LEAST_PERIOD: usize = 4;
const LEAST_REQUESTS: usize = 64;

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
    /// How many make the same requests as the most usual one.
    pub(super) identical: usize,
    /// How many requests differ from those of the most usual one, in all.
    pub(super) differing: usize,
    /// The part of the requests that a replay of the most usual one would serve.
    pub(super) served: f64,
    /// The most usual iteration; `None` if its blocks cannot be planned.
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

/// The requests of a thread.
#[derive(Debug, Default)]
struct Sequence {
    requests: Vec<Request>,
    times_ns: Vec<u64>,
}

impl Iterations {
    /// Finds the iterations of a recording.
    pub(super) fn of(reader: &Reader) -> Self {
        let (threads, searched, has_more) = sequences(reader);
        let mut all: Vec<(u32, Repetition)> = Vec::new();
        for (&thread, sequence) in &threads {
            let finder = IterationFinder::new().min_period(LEAST_PERIOD);
            let finder = finder.min_requests(LEAST_REQUESTS);
            // There are fewer requests than the finder takes.
            let found = finder.find_in(&sequence.requests);
            all.extend(
                found
                    .unwrap_or_default()
                    .into_iter()
                    .map(|one| (thread, one)),
            );
        }
        all.sort_by_key(|(thread, one)| (std::cmp::Reverse(one.bytes), *thread));
        let reported = all.iter().take(MOST_REPORTED);
        Self {
            searched,
            has_more,
            found: all.len(),
            repetitions: reported
                .map(|(thread, one)| Repeated::new(*thread, &threads[thread], one))
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
            lines.extend(
                one.usual
                    .as_ref()
                    .map(|usual| ("one of them", usual.text())),
            );
        }
        lines
    }
}

/// The requests of each thread, how many they are, and whether there are more.
fn sequences(reader: &Reader) -> (BTreeMap<u32, Sequence>, usize, bool) {
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

impl Repeated {
    fn new(thread: u32, sequence: &Sequence, found: &Repetition) -> Self {
        let stretch = found.stretch();
        let representative = found.iteration(found.representative);
        let memory = representative
            .and_then(|requests| IterationMemory::new(&sequence.requests, requests).ok());
        Self {
            thread,
            iterations: found.count(),
            period: found.period,
            from_ns: sequence.times_ns[stretch.start],
            to_ns: sequence.times_ns[stretch.end - 1],
            bytes: found.bytes,
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

    /// `48 of 1,310 requests by thread 0, from 1.20 s to 3.40 s; replay would serve 97.0 %`
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
            "{iterations} of {requests} by thread {}, from {from} to {to}{inner}; replay would \
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
            "30 of 4 requests by thread 0, from 0.10 µs to 3.06 µs; replay would serve 100.0 %",
            "peak 2.00 KiB, planned 2.00 KiB, bound 2.00 KiB; 1 block of 64 B outlives it",
        ];
        assert_eq!(texts.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_recording_without_a_loop_says_so() {
        let found = iterations(&two_threads(3));
        assert_eq!(found.lines(), [("iterations", "none found".into())]);
    }
}
