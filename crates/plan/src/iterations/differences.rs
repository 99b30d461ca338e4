//! Iterations against a representative one: what differs.
//!
//! Stands on [`grams`](super::grams) and [`gapped_extension`](super::gapped_extension).
//! Invariant: an iteration of the same shapes as the representative one differs in nothing.

use alloc::{collections::BTreeMap, vec::Vec};
use core::ops::Range;

use super::{
    gapped_extension::{Direction, Extender, Scoring},
    grams::{Hashes, NONE},
    symbols::Sequence,
};

/// How the iterations of a repetition differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Differences {
    /// The representative iteration, which all are compared with.
    pub(super) representative: usize,
    /// How many iterations have the same requests as that one.
    pub(super) identical: usize,
    /// How many requests are inserted, missing, or do not agree.
    pub(super) differing: usize,
    /// How many requests agree, but have another size.
    pub(super) resized: usize,
}

/// Compares all iterations with the representative one.
pub(super) fn differences(sequence: &Sequence, hashes: &Hashes, bounds: &[usize]) -> Differences {
    let iterations: Vec<Range<usize>> = bounds.windows(2).map(|pair| pair[0]..pair[1]).collect();
    let representative = representative(hashes, &iterations);
    let template = Template::new(sequence, hashes, iterations[representative].clone());
    let mut all = Differences {
        representative,
        ..Differences::default()
    };
    for requests in iterations {
        let (differing, resized) = template.compare(requests);
        all.identical += usize::from(differing == 0 && resized == 0);
        all.differing += differing;
        all.resized += resized;
    }
    all
}

/// The iteration that occurs most often; if all do once, one of middle length.
fn representative(hashes: &Hashes, iterations: &[Range<usize>]) -> usize {
    let mut windows = BTreeMap::new();
    let mut counts: BTreeMap<(usize, u64), (usize, usize)> = BTreeMap::new();
    for (iteration, requests) in iterations.iter().enumerate() {
        let length = requests.len();
        let of_length = windows
            .entry(length)
            .or_insert_with(|| hashes.windows(length));
        let key = (length, of_length.hash(requests.start));
        let (count, first) = counts.entry(key).or_default();
        if *count == 0 {
            *first = iteration;
        }
        *count += 1;
    }
    let most = counts.values().max_by_key(|(count, _)| *count);
    let most = most.copied().unwrap_or_default();
    if most.0 > 1 {
        return most.1;
    }
    let mut by_length: Vec<usize> = (0..iterations.len()).collect();
    by_length.sort_by_key(|&iteration| iterations[iteration].len());
    by_length.get(by_length.len() / 2).copied().unwrap_or(0)
}

/// An iteration, and where each of its grams is.
struct Template<'s> {
    sequence: &'s Sequence,
    hashes: &'s Hashes,
    requests: Range<usize>,
    /// The hash of each gram, and where it is.
    grams: Vec<(u64, u32)>,
}

/// The length of its grams.
const GRAM: usize = 4;

impl<'s> Template<'s> {
    fn new(sequence: &'s Sequence, hashes: &'s Hashes, requests: Range<usize>) -> Self {
        let windows = hashes.windows(GRAM);
        let end = requests.end.saturating_sub(GRAM - 1);
        let each = (requests.start..end).map(|at| (windows.hash(at), at as u32));
        let mut grams: Vec<(u64, u32)> = each.collect();
        grams.sort_unstable();
        Self {
            sequence,
            hashes,
            requests,
            grams,
        }
    }

    /// How many requests of an iteration differ, and how many others have another size. Where
    /// some of one are in the place of some of the other, the more of them count.
    fn compare(&self, requests: Range<usize>) -> (usize, usize) {
        if requests == self.requests {
            return (0, 0);
        }
        let windows = self.hashes.windows(GRAM);
        let partner = |y: usize, x: usize| {
            if y >= windows.len() {
                return NONE;
            }
            let gram = (windows.hash(y), x as u32);
            let found = self.grams.partition_point(|&known| known < gram);
            let found = self.grams.get(found).filter(|(hash, _)| *hash == gram.0);
            found.map_or(NONE, |&(_, at)| at)
        };
        let extender = Extender {
            symbols: &self.sequence.symbols,
            partner,
        };
        let limits = (self.requests.len(), requests.len());
        let longest = limits.0.max(limits.1);
        let scoring = Scoring {
            penalty: 0,
            drop: longest,
            slack: longest,
            reach: longest / 2,
        };
        let from = (self.requests.start, requests.start);
        let extension = extender.extend(from, Direction::Forwards, limits, scoring);
        let (mut differing, mut resized) = (0, 0);
        let (mut x, mut y) = from;
        for segment in &extension.segments {
            differing += (segment.x - x).max(segment.y - y);
            (x, y) = (segment.x + segment.length, segment.y + segment.length);
            let [in_x, in_y] =
                [segment.x, segment.y].map(|at| &self.sequence.shapes[at..][..segment.length]);
            resized += in_x.iter().zip(in_y).filter(|(x, y)| x != y).count();
        }
        differing += (self.requests.end - x).max(requests.end - y);
        (differing, resized)
    }
}
