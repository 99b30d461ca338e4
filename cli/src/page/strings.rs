//! Strings: names, types and shapes, each once and known by its number.
//!
//! Stands on `column`. The text of a string is held once, in the bytes of the document; it is found
//! by its hash. Invariant: number 0 is the empty string.

#![forbid(unsafe_code)]

use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::BuildHasher,
};

use serde::Serialize;

use super::column::{Column, Columns, TooLarge};

/// All strings of a document.
#[derive(Debug)]
pub(super) struct Strings<S = RandomState> {
    hasher: S,
    /// The last string of each hash.
    last: HashMap<u64, u32>,
    /// The string before each one that has the same hash.
    before: Vec<Option<u32>>,
    bytes: Vec<u8>,
    ends: Vec<u64>,
}

/// The strings in the header of a document.
#[derive(Debug, Serialize)]
pub(super) struct StringsJson {
    bytes: Column,
    ends: Column,
}

impl Strings {
    pub(super) fn new() -> Self {
        Self::with_hasher(RandomState::new())
    }
}

impl<S: BuildHasher> Strings<S> {
    fn with_hasher(hasher: S) -> Self {
        let mut strings = Self {
            hasher,
            last: HashMap::new(),
            before: Vec::new(),
            bytes: Vec::new(),
            ends: Vec::new(),
        };
        strings.number("");
        strings
    }

    /// The number of a string.
    pub(super) fn number(&mut self, string: &str) -> u32 {
        let hash = self.hasher.hash_one(string);
        let last = self.last.get(&hash).copied();
        let mut same = last;
        while let Some(number) = same {
            if self.text(number) == string.as_bytes() {
                return number;
            }
            same = self.before[number as usize];
        }
        let number = self.ends.len() as u32;
        self.bytes.extend(string.as_bytes());
        self.ends.push(self.bytes.len() as u64);
        self.before.push(last);
        self.last.insert(hash, number);
        number
    }

    fn text(&self, number: u32) -> &[u8] {
        let index = number as usize;
        let begin = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[begin as usize..self.ends[index] as usize]
    }

    /// Adds the strings to the columns.
    pub(super) fn finish(&self, columns: &mut Columns) -> Result<StringsJson, TooLarge> {
        Ok(StringsJson {
            bytes: columns.add_bytes(&self.bytes),
            ends: columns.add(self.ends.iter().copied())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasherDefault, Hasher};

    use super::*;

    /// Every string has the same hash.
    #[derive(Default)]
    struct Constant;

    impl Hasher for Constant {
        fn write(&mut self, _: &[u8]) {}

        fn finish(&self) -> u64 {
            0
        }
    }

    #[test]
    fn a_string_has_one_number() {
        check(Strings::new());
    }

    #[test]
    fn strings_of_one_hash_are_told_apart() {
        check(Strings::with_hasher(
            BuildHasherDefault::<Constant>::default(),
        ));
    }

    fn check<S: BuildHasher>(mut strings: Strings<S>) {
        assert_eq!(
            ["", "a", "é", "a", "", "é"].map(|name| strings.number(name)),
            [0, 1, 2, 1, 0, 2]
        );
        assert_eq!(
            (&strings.bytes[..], &strings.ends[..]),
            ("aé".as_bytes(), &[0, 1, 3][..])
        );
    }
}
