//! What one iteration does with memory: what it frees itself, and what outlives it.
//!
//! Stands on [`Lifetimes`]. Invariant: each request of the iteration is either freed in it, and
//! then has a row in the lifetimes, or outlives it.

use alloc::{format, vec::Vec};
use core::ops::Range;

use crate::lifetimes::{Lifetime, Lifetimes, LifetimesError};

/// A request of a recorded program.
///
/// Times only order events. Where a clock is coarse, numbers of events do better: of what happens
/// at the same time, frees come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Request {
    /// Size in bytes.
    pub size: u64,
    /// Alignment in bytes, a power of two.
    pub alignment: u64,
    /// When it was made.
    pub time: i64,
    /// When its block was freed; `None` if it never was.
    pub freed: Option<i64>,
}

/// What one iteration does with memory.
///
/// ```
/// use orionrt_plan::iterations::{IterationMemory, Request};
/// let request = |size, time, freed| Request { size, alignment: 8, time, freed };
/// // Weights, then twice: two blocks that follow one another, and a result that is kept.
/// let requests = [
///     request(1000, 0, None),
///     request(64, 1, Some(2)), request(64, 3, Some(5)), request(16, 4, None),
///     request(64, 6, Some(7)), request(64, 8, Some(10)), request(16, 9, None),
/// ];
/// let memory = IterationMemory::new(&requests, 1..4)?;
/// assert_eq!((memory.lifetimes.len(), memory.lifetimes.load()), (2, 64));
/// assert_eq!((memory.outliving, memory.outliving_bytes), (1, 16));
/// assert_eq!((memory.alive_before, memory.peak), (1000, 80));
/// # Ok::<(), orionrt_plan::LifetimesError>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct IterationMemory {
    /// The blocks that are freed in the iteration, in order of requests, with their times as steps.
    /// A block is named after its request: `r7` is the one of request 7.
    pub lifetimes: Lifetimes,
    /// How many blocks outlive the iteration.
    pub outliving: usize,
    /// The bytes of those.
    pub outliving_bytes: u64,
    /// The bytes that are alive before the iteration begins.
    pub alive_before: u64,
    /// The most bytes of the iteration's own that are alive at once, with those that outlive it.
    pub peak: u64,
}

impl IterationMemory {
    /// The memory of the requests in `iteration`, of all that a program made in order of their
    /// times. The iteration ends where the next request is made.
    ///
    /// # Errors
    ///
    /// If a request was freed before it was made, if an alignment is not a power of two, or if
    /// sizes add up to 2⁶³ or more.
    pub fn new(requests: &[Request], iteration: Range<usize>) -> Result<Self, LifetimesError> {
        let end = requests
            .get(iteration.end)
            .map_or(i64::MAX, |next| next.time);
        let start = iteration.start.min(requests.len());
        let own = &requests[start..iteration.end.clamp(start, requests.len())];
        let is_inside = |request: &Request| request.freed.is_some_and(|freed| freed <= end);
        let named = (start..).zip(own).filter_map(|(index, request)| {
            let freed = request.freed.filter(|_| is_inside(request))?;
            let row = Lifetime::new(request.time, freed, request.size);
            Some((format!("r{index}"), row.with_alignment(request.alignment)))
        });
        let lifetimes = Lifetimes::from_named(named)?;
        let outliving = own.iter().filter(|request| !is_inside(request));
        let begin = own.first().map_or(end, |first| first.time);
        let before = requests[..start].iter();
        let alive_before = before.filter(|request| request.freed.is_none_or(|freed| freed > begin));
        Ok(Self {
            lifetimes,
            outliving: outliving.clone().count(),
            outliving_bytes: sum(outliving),
            alive_before: sum(alive_before),
            peak: peak(own),
        })
    }
}

fn sum<'r>(requests: impl Iterator<Item = &'r Request>) -> u64 {
    requests.fold(0, |sum, request| sum.saturating_add(request.size))
}

/// The most bytes that are alive at once of these requests.
fn peak(requests: &[Request]) -> u64 {
    let mut frees = Frees::new(requests);
    let mut peak: u64 = 0;
    let mut alive: u64 = 0;
    for request in requests {
        alive = alive.saturating_sub(frees.until(request.time));
        alive = alive.saturating_add(request.size);
        peak = peak.max(alive);
    }
    peak
}

/// The bytes that are alive before each request.
pub(super) fn alive_before(requests: &[Request]) -> Vec<u64> {
    let mut frees = Frees::new(requests);
    let mut alive: u64 = 0;
    let before = requests.iter().map(|request| {
        alive = alive.saturating_sub(frees.until(request.time));
        let before = alive;
        alive = alive.saturating_add(request.size);
        before
    });
    before.collect()
}

/// When blocks are freed, in order.
struct Frees {
    /// Time and bytes.
    all: Vec<(i64, u64)>,
    passed: usize,
}

impl Frees {
    fn new(requests: &[Request]) -> Self {
        let freed = requests.iter();
        let freed = freed.filter_map(|one| Some((one.freed?.max(one.time), one.size)));
        let mut all: Vec<(i64, u64)> = freed.collect();
        all.sort_unstable();
        Self { all, passed: 0 }
    }

    /// The bytes that are freed up to this time and were not before.
    fn until(&mut self, time: i64) -> u64 {
        let rest = &self.all[self.passed..];
        let freed = rest.iter().take_while(|(at, _)| *at <= time);
        let mut bytes: u64 = 0;
        for (_, size) in freed {
            bytes = bytes.saturating_add(*size);
            self.passed += 1;
        }
        bytes
    }
}
