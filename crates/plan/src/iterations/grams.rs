//! Grams: windows of requests, and where each occurred before.
//!
//! Stands on symbols alone. Invariant: an occurrence that is found has the same hash at the same
//! length; that the requests agree is for the caller to see.

use alloc::{collections::VecDeque, vec, vec::Vec};

/// No occurrence before.
pub(super) const NONE: u32 = u32::MAX;

/// The hash is computed modulo this prime.
const PRIME: u64 = (1 << 61) - 1;
const BASE: u64 = 0x0b5a_d4ec_edbe_7b21;

/// Hashes of all prefixes of a sequence: the hash of any window takes constant time.
pub(super) struct Hashes {
    prefixes: Vec<u64>,
}

impl Hashes {
    pub(super) fn new(symbols: &[u32]) -> Self {
        let mut prefixes = Vec::with_capacity(symbols.len() + 1);
        let mut hash = 0;
        prefixes.push(hash);
        for &symbol in symbols {
            hash = add(multiply(hash, BASE), u64::from(symbol) + 1);
            prefixes.push(hash);
        }
        Self { prefixes }
    }

    /// The hashes of windows of one length.
    pub(super) fn windows(&self, length: usize) -> Windows<'_> {
        let (mut power, mut square, mut rest) = (1, BASE, length);
        while rest > 0 {
            if rest & 1 == 1 {
                power = multiply(power, square);
            }
            square = multiply(square, square);
            rest >>= 1;
        }
        Windows {
            prefixes: &self.prefixes,
            length,
            power,
        }
    }
}

/// The hashes of all windows of one length.
pub(super) struct Windows<'h> {
    prefixes: &'h [u64],
    length: usize,
    power: u64,
}

impl Windows<'_> {
    /// How many windows there are.
    pub(super) fn len(&self) -> usize {
        self.prefixes.len().saturating_sub(self.length)
    }

    /// The hash of the window that begins at `at`.
    pub(super) fn hash(&self, at: usize) -> u64 {
        let before = multiply(self.prefixes[at], self.power);
        add(self.prefixes[at + self.length], PRIME - before)
    }

    /// Positions of windows, in ascending order: of any `among` that follow one another, at least
    /// the one with the least hash. So two places that agree for long enough have the same ones.
    pub(super) fn winnowed(&self, among: usize) -> impl Iterator<Item = usize> {
        let mut least: VecDeque<(u64, usize)> = VecDeque::new();
        let mut last = None;
        (0..self.len()).filter_map(move |at| {
            let hash = self.hash(at).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            while least.back().is_some_and(|&(other, _)| other >= hash) {
                least.pop_back();
            }
            least.push_back((hash, at));
            if least[0].1 + among <= at {
                least.pop_front();
            }
            let chosen = Some(least[0].1).filter(|_| at + 1 >= among);
            let is_new = chosen != last;
            last = chosen;
            chosen.filter(|_| is_new)
        })
    }
}

/// Where windows of one length occurred last. Bounded: an occurrence may be forgotten where many
/// windows have similar hashes.
pub(super) struct Occurrences {
    slots: Vec<u32>,
    shift: u32,
}

impl Occurrences {
    /// Windows that share a slot group.
    const GROUP: usize = 4;

    /// A table for this many windows.
    pub(super) fn new(windows: usize) -> Self {
        let groups = (windows / 2).max(256).next_power_of_two();
        Self {
            slots: vec![NONE; groups * Self::GROUP],
            shift: 64 - groups.ilog2(),
        }
    }

    /// Where the window at `at` occurred last, if it did; it now occurs at `at`.
    pub(super) fn replace(&mut self, windows: &Windows<'_>, at: usize) -> Option<usize> {
        let hash = windows.hash(at);
        let group = (hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> self.shift) as usize;
        let group = &mut self.slots[group * Self::GROUP..][..Self::GROUP];
        let is_same = |&slot: &u32| slot != NONE && windows.hash(slot as usize) == hash;
        if let Some(known) = group.iter().position(is_same) {
            let before = group[known];
            group[known] = at as u32;
            return Some(before as usize);
        }
        // An empty one, or the one that occurred longest ago.
        let oldest = (0..Self::GROUP).min_by_key(|&slot| group[slot].wrapping_add(1));
        group[oldest.unwrap_or(0)] = at as u32;
        None
    }
}

/// For each position, where its window of `length` requests occurred last, or [`NONE`].
pub(super) fn previous(hashes: &Hashes, length: usize) -> Vec<u32> {
    let windows = hashes.windows(length);
    let mut occurrences = Occurrences::new(windows.len());
    let each = (0..windows.len()).map(|at| occurrences.replace(&windows, at));
    each.map(|before| before.map_or(NONE, |before| before as u32))
        .collect()
}

fn multiply(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    add(product as u64 & PRIME, (product >> 61) as u64)
}

/// The sum of two numbers that are at most `PRIME`, reduced to less than it.
fn add(a: u64, b: u64) -> u64 {
    let sum = a + b;
    if sum >= PRIME { sum - PRIME } else { sum }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn previous_occurrences_are_those_of_a_map(
            symbols in prop::collection::vec(0u32..3, 0..200), length in 1usize..6,
        ) {
            let mut last = BTreeMap::new();
            let expected: Vec<u32> = symbols.windows(length).enumerate()
                .map(|(at, window)| last.insert(window, at as u32).unwrap_or(NONE))
                .collect();
            prop_assert_eq!(previous(&Hashes::new(&symbols), length), expected);
        }

        #[test]
        fn winnowing_chooses_one_of_any_that_follow_one_another(
            symbols in prop::collection::vec(0u32..3, 0..200), among in 1usize..20,
        ) {
            let hashes = Hashes::new(&symbols);
            let windows = hashes.windows(4);
            let chosen: Vec<usize> = windows.winnowed(among).collect();
            prop_assert!(chosen.is_sorted_by(|a, b| a < b));
            for start in 0..(windows.len() + 1).saturating_sub(among) {
                prop_assert!(chosen.iter().any(|at| (start..start + among).contains(at)));
            }
        }
    }

    #[test]
    fn winnowing_chooses_the_same_windows_of_the_same_requests() {
        let mixed = |at: u32| at.wrapping_mul(0x9e37_79b9) >> 7;
        let symbols: Vec<u32> = (0..3).flat_map(|_| (0..500).map(mixed)).collect();
        let hashes = Hashes::new(&symbols);
        let chosen: Vec<usize> = hashes.windows(16).winnowed(8).collect();
        assert!(chosen.len() < symbols.len() / 3, "winnowing thins out");
        let of_second = chosen.iter().filter(|at| (500..950).contains(*at));
        for at in of_second {
            assert!(chosen.contains(&(at + 500)));
        }
    }
}
