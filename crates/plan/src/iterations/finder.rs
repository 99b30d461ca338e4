//! The finder: options, and what is reported of each repetition.
//!
//! Stands on the files above it. Invariant: repetitions are in descending order of the bytes that
//! they request.

use alloc::vec::Vec;
use core::{cmp::Reverse, fmt};

use super::{
    differences::differences,
    grams::Hashes,
    memory::{Request, alive_before},
    repeat::Repeat,
    repetition::{InnerRepetition, Repetition},
    search::{Thresholds, repeats},
    selection::{Selected, select},
    symbols::{Sequence, SizeMatch},
};

/// Why a sequence of requests is not searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IterationsError {
    /// There are more than 2³² − 2 requests.
    TooManyRequests,
}

impl fmt::Display for IterationsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyRequests => {
                write!(
                    f,
                    "more than {} requests, expected at most so many",
                    u32::MAX - 1
                )
            }
        }
    }
}

impl core::error::Error for IterationsError {}

/// Finds iterations in sequences of requests.
///
/// ```
/// use orionrt_plan::iterations::IterationFinder;
///
/// // A warm-up, then 20 iterations of five requests, of which the eighth has one more.
/// let mut requests = vec![(4096, 64), (640, 64)];
/// for iteration in 0..20 {
///     requests.extend([(64, 8), (256, 8), (64, 8), (512, 8), (32, 8)]);
///     if iteration == 7 {
///         requests.push((9, 1));
///     }
/// }
/// let found = IterationFinder::new().find(requests)?;
/// assert_eq!((found.len(), found[0].count(), found[0].period), (1, 20, 5));
/// assert_eq!((found[0].stretch(), found[0].differing), (2..103, 1));
/// # Ok::<(), orionrt_plan::iterations::IterationsError>(())
/// ```
#[derive(Clone, Debug)]
pub struct IterationFinder {
    at_least: u64,
    size_match: SizeMatch,
    thresholds: Thresholds,
}

impl Default for IterationFinder {
    fn default() -> Self {
        Self::new()
    }
}

impl IterationFinder {
    /// A finder of stretches of at least 3 iterations and 16 requests, with sizes that are equal.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            at_least: 0,
            size_match: SizeMatch::Exact,
            thresholds: Thresholds {
                count: 3,
                requests: 16,
                period: 1,
            },
        }
    }

    /// Leaves out requests of fewer bytes than these: small ones are often those that differ.
    #[must_use]
    pub const fn at_least(self, at_least: u64) -> Self {
        Self { at_least, ..self }
    }

    /// Says when sizes agree.
    #[must_use]
    pub const fn size_match(self, size_match: SizeMatch) -> Self {
        Self { size_match, ..self }
    }

    /// How many iterations a stretch must have; fewer than 2 count as 2.
    #[must_use]
    pub const fn min_count(mut self, count: usize) -> Self {
        self.thresholds.count = if count < 2 { 2 } else { count };
        self
    }

    /// How many requests a stretch must have that are not left out.
    #[must_use]
    pub const fn min_requests(mut self, requests: usize) -> Self {
        self.thresholds.requests = requests;
        self
    }

    /// How many requests an iteration must have that are not left out.
    #[must_use]
    pub const fn min_period(mut self, period: usize) -> Self {
        self.thresholds.period = period;
        self
    }

    /// The repetitions in a sequence of requests, each with its size and alignment, those that
    /// request most bytes first. They do not overlap.
    ///
    /// # Errors
    ///
    /// If there are more than 2³² − 2 requests.
    pub fn find(
        &self,
        requests: impl IntoIterator<Item = (u64, u64)>,
    ) -> Result<Vec<Repetition>, IterationsError> {
        self.search(requests, |_, _, _| None)
    }

    /// Finds repetitions as [`find`](Self::find) does, and lets iterations begin where least is
    /// alive: any rotation of an iteration repeats, but one that begins there frees most of what it
    /// allocates.
    ///
    /// # Errors
    ///
    /// If there are more than 2³² − 2 requests.
    pub fn find_in(&self, requests: &[Request]) -> Result<Vec<Repetition>, IterationsError> {
        let alive = alive_before(requests);
        let shapes = requests.iter().map(|one| (one.size, one.alignment));
        self.search(shapes, |sequence, repeat, limit| {
            let first = repeat.bounds[0]..repeat.bounds[1];
            let begin = first.min_by_key(|&at| (alive[sequence.positions[at] as usize], at))?;
            let bounds = repeat.bounds_from(begin, limit);
            (bounds.len() > self.thresholds.count).then_some(bounds)
        })
    }

    /// Finds repetitions; `rotated` may give other bounds to the iterations of one, up to a limit.
    fn search(
        &self,
        requests: impl IntoIterator<Item = (u64, u64)>,
        rotated: impl Fn(&Sequence, &Repeat, usize) -> Option<Vec<usize>>,
    ) -> Result<Vec<Repetition>, IterationsError> {
        let sequence = Sequence::new(requests, self.at_least, self.size_match);
        let sequence = sequence.ok_or(IterationsError::TooManyRequests)?;
        let hashes = Hashes::new(&sequence.symbols);
        let found = repeats(&sequence.symbols, &hashes, self.thresholds);
        let mut all = Vec::new();
        let mut selected = select(found, self.thresholds).into_iter().peekable();
        while let Some(mut one) = selected.next() {
            let next = selected.peek().map(|next| next.repeat.requests().start);
            let limit = next.unwrap_or(sequence.symbols.len());
            if let Some(bounds) = rotated(&sequence, &one.repeat, limit) {
                one.repeat.bounds = bounds;
            }
            all.push(reported(&sequence, &hashes, &one));
        }
        all.sort_by_key(|one| (Reverse((one.bytes, one.requests)), one.bounds[0]));
        Ok(all)
    }
}

/// A repeat with what its iterations have in common, at the caller's positions.
fn reported(sequence: &Sequence, hashes: &Hashes, selected: &Selected) -> Repetition {
    let bounds = &selected.repeat.bounds;
    let requests = selected.repeat.requests();
    let differences = differences(sequence, hashes, bounds);
    let mut lengths: Vec<usize> = bounds.windows(2).map(|pair| pair[1] - pair[0]).collect();
    lengths.sort_unstable();
    let inner = selected.inner.iter().map(|repeat| {
        let requests = repeat.requests();
        InnerRepetition {
            period: requests.len() / repeat.count(),
            count: repeat.count(),
            requests: position(sequence, requests.start)..end(sequence, requests.end),
        }
    });
    let (last, starts) = bounds.split_last().unwrap_or((&0, &[]));
    let starts = starts.iter().map(|&at| position(sequence, at));
    Repetition {
        bounds: starts.chain([end(sequence, *last)]).collect(),
        period: lengths[lengths.len() / 2],
        requests: requests.len(),
        bytes: requests.fold(0, |sum, at| sum.saturating_add(sequence.size(at))),
        representative: differences.representative,
        identical: differences.identical,
        differing: differences.differing,
        resized: differences.resized,
        inner: inner.collect(),
    }
}

fn position(sequence: &Sequence, at: usize) -> usize {
    sequence.positions[at] as usize
}

/// The end of what ends with the request before `at`.
fn end(sequence: &Sequence, at: usize) -> usize {
    at.checked_sub(1)
        .map_or(0, |last| position(sequence, last) + 1)
}
