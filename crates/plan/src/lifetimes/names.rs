//! The names of tensors, end to end in one string: a million of them cost two allocations.
//!
//! Stands on nothing. Invariant: `ends` does not decrease, and its last element is the length of
//! `text`.

use alloc::{string::String, vec::Vec};

/// A list of names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    text: String,
    ends: Vec<usize>,
}

impl Names {
    pub(super) fn push(&mut self, name: &str) {
        self.text.push_str(name);
        self.ends.push(self.text.len());
    }

    pub(super) fn get(&self, index: usize) -> &str {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.text[start..self.ends[index]]
    }

    /// The first position whose name is that of one before it, and the last of those before it. The
    /// list must have fewer than 2³² names.
    ///
    /// Names are compared only where their hashes are equal, so that sorting does not look at the
    /// text.
    pub(super) fn first_twice(&self) -> Option<[usize; 2]> {
        let hashes = (0..self.ends.len()).map(|i| (hash(self.get(i)), i as u32));
        let mut hashes: Vec<(u64, u32)> = hashes.collect();
        hashes.sort_unstable();
        let equal = hashes.chunk_by_mut(|a, b| a.0 == b.0);
        let twice = equal.filter(|group| group.len() > 1).flat_map(|group| {
            group.sort_unstable_by_key(|&(_, i)| (self.get(i as usize), i));
            let pairs = group
                .windows(2)
                .map(|pair| [pair[0].1 as usize, pair[1].1 as usize]);
            pairs.filter(|[a, b]| self.get(*a) == self.get(*b))
        });
        twice.min_by_key(|pair| pair[1])
    }
}

/// FNV-1a (Fowler, Noll and Vo).
fn hash(name: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    name.bytes().fold(0xcbf2_9ce4_8422_2325, step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_first_name_that_is_there_twice_is_found(
            names in prop::collection::vec("[ab]{0,2}", 0..9),
        ) {
            let mut list = Names::default();
            names.iter().for_each(|name| list.push(name));
            let before = |again: usize| {
                let name = &names[again];
                names[..again].iter().rposition(|other| other == name)
            };
            let mut all = 0..names.len();
            let expected = all.find_map(|again| Some([before(again)?, again]));
            prop_assert_eq!(list.first_twice(), expected);
        }
    }

    #[test]
    fn many_different_names_are_there_once() {
        let mut list = Names::default();
        (0..1000).for_each(|i| list.push(&std::format!("name{i}")));
        assert_eq!(list.first_twice(), None);
        list.push("name500");
        assert_eq!(list.first_twice(), Some([500, 1000]));
    }

    #[test]
    fn names_of_equal_hashes_are_compared() {
        let [a, b] = ["8yn0iYCKYHlIj4-BwPqk", "GReLUrM4wMqfg9yzV3KQ"];
        assert_eq!(hash(a), hash(b));
        let cases: [(&[&str], Option<[usize; 2]>); 4] = [
            (&[a, b], None),
            (&[a, b, a], Some([0, 2])),
            (&[b, a, a], Some([1, 2])),
            (&[b, a, b, a], Some([0, 2])),
        ];
        for (names, twice) in cases {
            let mut list = Names::default();
            names.iter().for_each(|name| list.push(name));
            assert_eq!(list.first_twice(), twice, "{names:?}");
        }
    }
}
