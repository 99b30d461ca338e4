//! The search for repeats: grams that occurred before propose lags, extensions accept them.
//!
//! Stands on [`grams`](super::grams), [`gapped_extension`](super::gapped_extension) and
//! [`repeat`](super::repeat). Invariant: an attempt at *y* that passes *n* requests lets no other
//! begin before *y + n / 4*, so attempts at one length of window take linear time together.

use alloc::vec::Vec;

use super::{
    gapped_extension::{Direction, Extender, Extension, Scoring},
    grams::{Hashes, NONE, Occurrences, previous},
    repeat::Repeat,
};

/// The lengths of windows, and among how many that follow one another one is looked at.
const WINDOWS: [(usize, usize); 6] = [
    (4, 1),
    (16, 2),
    (64, 8),
    (256, 32),
    (1024, 128),
    (4096, 512),
];

/// What a request costs that differs: one in nine may.
pub(super) const PENALTY: usize = 8;

/// What counts as a repeat.
#[derive(Clone, Copy, Debug)]
pub(super) struct Thresholds {
    /// How many iterations there must be.
    pub(super) count: usize,
    /// How many requests iterations must have together.
    pub(super) requests: usize,
    /// How many requests an iteration must have.
    pub(super) period: usize,
}

/// All repeats that were met. Many overlap.
pub(super) fn repeats(symbols: &[u32], hashes: &Hashes, thresholds: Thresholds) -> Vec<Repeat> {
    let partners = previous(hashes, 4);
    let partner = |y: usize, _| partners.get(y).copied().unwrap_or(NONE);
    let mut search = Search::new(Extender { symbols, partner }, thresholds);
    search.scan_all(hashes);
    search.found
}

struct Search<'s, P> {
    extender: Extender<'s, P>,
    thresholds: Thresholds,
    found: Vec<Repeat>,
    /// How many requests all attempts passed.
    passed: usize,
}

impl<'s, P: Fn(usize, usize) -> u32> Search<'s, P> {
    fn new(extender: Extender<'s, P>, thresholds: Thresholds) -> Self {
        Self {
            extender,
            thresholds,
            found: Vec::new(),
            passed: 0,
        }
    }

    fn scan_all(&mut self, hashes: &Hashes) {
        for (length, among) in WINDOWS {
            if length * 2 <= self.extender.symbols.len() {
                self.scan(hashes, length, among);
            }
        }
    }

    /// Looks for repeats by windows of one length.
    fn scan(&mut self, hashes: &Hashes, length: usize, among: usize) {
        self.found.sort_by_key(|repeat| repeat.bounds[0]);
        let earlier = self.found.len();
        let windows = hashes.windows(length);
        let mut occurrences = Occurrences::new(2 * windows.len() / (among + 1));
        // Repeats that cover the position, as far as known.
        let mut covering: Vec<usize> = Vec::new();
        let mut to_come = 0;
        let mut begin = 0;
        for y in windows.winnowed(among) {
            let before = occurrences.replace(&windows, y);
            let Some(x) = before.filter(|_| y >= begin) else {
                continue;
            };
            while to_come < earlier && self.found[to_come].bounds[0] <= y {
                covering.push(to_come);
                to_come += 1;
            }
            covering.retain(|&at| self.found[at].extent().end > y);
            if y - x < self.thresholds.period || self.is_explained(&covering, x, y) {
                continue;
            }
            let (passed, repeat) = self.attempt(x, y);
            begin = y + passed / 4;
            self.passed += passed;
            if let Some(repeat) = repeat {
                covering.push(self.found.len());
                self.found.push(repeat);
            }
        }
    }

    /// Whether a known repeat tells why *y* occurred at *x*: it has that lag, or had what repeats
    /// with a shorter one in its first iteration already.
    fn is_explained(&self, covering: &[usize], x: usize, y: usize) -> bool {
        covering.iter().any(|&at| {
            let repeat = &self.found[at];
            let is_first = y < repeat.bounds[0] + repeat.lag;
            !is_first && (y - x) * 2 < repeat.lag * 3
        })
    }

    /// Extends from two places in both directions: how far that went, and the repeat, if any.
    fn attempt(&self, x: usize, y: usize) -> (usize, Option<Repeat>) {
        let lag = y - x;
        // A first difference needs as many requests that agree before it.
        if lag > 4 * PENALTY && !self.extender.agrees(x, y, PENALTY) {
            return (0, None);
        }
        let scoring = Scoring {
            penalty: PENALTY,
            drop: 2 * lag.max(PENALTY),
            slack: lag / 4,
            reach: (lag / 4).max(usize::from(lag > 1)),
        };
        let left = self.extender.symbols.len() - y;
        let forwards = (self.extender).extend((x, y), Direction::Forwards, (left, left), scoring);
        let mut passed = forwards.passed;
        if passed < lag / 4 {
            return (passed, None);
        }
        // Earlier than that, attempts began elsewhere.
        let limit = (4 * passed).max(4 * lag).min(x);
        let backwards =
            (self.extender).extend((x, y), Direction::Backwards, (limit, limit), scoring);
        passed += backwards.passed;
        let repeat = joined(lag, backwards, forwards).filter(|repeat| self.counts(repeat));
        (passed, repeat)
    }

    fn counts(&self, repeat: &Repeat) -> bool {
        let requests = repeat.requests();
        repeat.count() >= self.thresholds.count
            && requests.end - requests.start >= self.thresholds.requests
            && (requests.end - requests.start) / repeat.count() >= self.thresholds.period
    }
}

fn joined(lag: usize, backwards: Extension, forwards: Extension) -> Option<Repeat> {
    let differences = backwards.differences + forwards.differences;
    let mut segments = backwards.segments;
    segments.reverse();
    segments.extend(forwards.segments);
    Repeat::new(lag, segments, differences)
}

#[cfg(test)]
mod tests {
    use super::*;

    const THRESHOLDS: Thresholds = Thresholds {
        count: 3,
        requests: 16,
        period: 1,
    };

    /// How many requests attempts pass for each one of the sequence.
    fn effort(symbols: &[u32]) -> usize {
        let hashes = Hashes::new(symbols);
        let partners = previous(&hashes, 4);
        let partner = |y: usize, _| partners.get(y).copied().unwrap_or(NONE);
        let mut search = Search::new(Extender { symbols, partner }, THRESHOLDS);
        search.scan_all(&hashes);
        search.passed / symbols.len()
    }

    fn fibonacci(length: usize) -> Vec<u32> {
        let (mut before, mut word) = (Vec::from([1]), Vec::from([1, 2]));
        while word.len() < length {
            let next = [&word[..], &before[..]].concat();
            (before, word) = (word, next);
        }
        word
    }

    #[test]
    fn effort_for_each_request_has_a_bound() {
        let length = 20_000;
        let squares = (1..).flat_map(|run| core::iter::repeat_n(run % 2, run as usize));
        let ruler = (1..=length as u32).map(u32::trailing_zeros);
        let thue_morse = (0..length as u32).map(|at| at.count_ones() % 2);
        let mixed = (0..length as u32).map(|at| at.wrapping_mul(0x9e37_79b9) >> 30);
        let sequences: [(&str, Vec<u32>); 6] = [
            ("equal", [7].repeat(length)),
            ("Fibonacci", fibonacci(length)),
            ("runs that grow", squares.take(length).collect()),
            ("ruler", ruler.collect()),
            ("Thue and Morse", thue_morse.collect()),
            ("mixed", mixed.collect()),
        ];
        for (name, symbols) in sequences {
            let effort = effort(&symbols);
            assert!(effort <= 5 * WINDOWS.len(), "{name}: {effort}");
        }
    }

    #[test]
    fn a_period_of_one_is_found_at_once() {
        let symbols = [7].repeat(1000);
        let all = repeats(&symbols, &Hashes::new(&symbols), THRESHOLDS);
        assert_eq!(all[0].count(), 1000);
        assert_eq!((all.len(), all[0].requests()), (1, 0..1000));
    }
}
