//! Strings: names, types and shapes, each once and known by its number.
//!
//! Stands on `column`. Invariant: number 0 is the empty string.

#![forbid(unsafe_code)]

use std::collections::HashMap;

use serde::Serialize;

use super::column::{Column, Columns, TooLarge};

/// All strings of a document.
#[derive(Debug)]
pub(super) struct Strings {
    numbers: HashMap<String, u32>,
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
        let mut strings = Self {
            numbers: HashMap::new(),
            bytes: Vec::new(),
            ends: Vec::new(),
        };
        strings.number("");
        strings
    }

    /// The number of a string.
    pub(super) fn number(&mut self, string: &str) -> u32 {
        if let Some(&number) = self.numbers.get(string) {
            return number;
        }
        let number = self.ends.len() as u32;
        self.bytes.extend(string.as_bytes());
        self.ends.push(self.bytes.len() as u64);
        self.numbers.insert(string.into(), number);
        number
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
    use super::*;

    #[test]
    fn a_string_has_one_number() {
        let mut strings = Strings::new();
        assert_eq!(
            ["", "a", "é", "a", ""].map(|name| strings.number(name)),
            [0, 1, 2, 1, 0]
        );
        assert_eq!(
            (&strings.bytes[..], &strings.ends[..]),
            ("aé".as_bytes(), &[0, 1, 3][..])
        );
    }
}
