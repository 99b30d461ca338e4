//! Identifiers of Rust and C, made of names that may be any text.
//!
//! An identifier is in upper case: ASCII letters and digits stay, letters of other scripts become
//! their code points, and any run of other characters becomes one underscore.
//!
//! ```text
//! conv1/Relu:0   CONV1_RELU_0
//! 7.weight       T_7_WEIGHT         a digit cannot come first
//! größe          GRU00F6U00DFE
//! (empty), +     T
//! x, X           X, X_2             the first of equal ones keeps the name
//! ```
//!
//! Invariant: identifiers are unique, none is reserved, and none is much longer than [`LONGEST`]
//! letters. No identifier has two underscores in a row, or one at its end. Since they are in upper
//! case, none is a keyword. A tensor whose identifier has no number keeps it when others are added
//! behind it.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::{String, ToString},
    vec::Vec,
};
use core::fmt::Write;

/// The most letters of an identifier before the number that tells equal ones apart.
const LONGEST: usize = 96;

/// An identifier for each name, in order, and none of those that are reserved.
pub(super) fn identifiers<S: AsRef<str>>(names: &[S], reserved: &[String]) -> Vec<String> {
    let natural: Vec<String> = names.iter().map(|name| identifier(name.as_ref())).collect();
    let mut taken: BTreeSet<String> = natural.iter().chain(reserved).cloned().collect();
    // The number of the next name with this identifier. That of a reserved one is taken already.
    let mut next: BTreeMap<String, u64> = reserved.iter().map(|one| (one.clone(), 2)).collect();
    let each = natural.into_iter().map(|natural| {
        let Some(number) = next.get_mut(&natural) else {
            next.insert(natural.clone(), 2);
            return natural;
        };
        loop {
            let numbered = alloc::format!("{natural}_{number}");
            *number += 1;
            if taken.insert(numbered.clone()) {
                return numbered;
            }
        }
    });
    each.collect()
}

/// The identifier of a name, whatever others there are.
pub(super) fn identifier(name: &str) -> String {
    let mut text = String::new();
    let mut is_apart = false;
    for c in name.chars() {
        if !c.is_alphanumeric() {
            is_apart = true;
            continue;
        }
        if is_apart && !text.is_empty() {
            text.push('_');
        }
        is_apart = false;
        // Writing to a string cannot fail.
        let _ = match c.is_ascii() {
            true => write!(text, "{}", c.to_ascii_uppercase()),
            false => write!(text, "U{:04X}", u32::from(c)),
        };
        if text.len() >= LONGEST {
            text.truncate(LONGEST);
            break;
        }
    }
    let text = text.trim_end_matches('_');
    match text.chars().next() {
        None => "T".to_string(),
        Some(first) if first.is_ascii_digit() => alloc::format!("T_{text}"),
        Some(_) => text.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(names: &[&str]) -> Vec<String> {
        identifiers(names, &["TENSORS".to_string()])
    }

    #[test]
    fn letters_and_digits_stay_and_the_rest_separates_them() {
        for (name, expected) in [
            ("conv1/Relu:0", "CONV1_RELU_0"),
            ("__a..b__", "A_B"),
            ("7.weight", "T_7_WEIGHT"),
            ("größe", "GRU00F6U00DFE"),
            ("\u{10400}", "U10400"),
            ("", "T"),
            ("\n+*/", "T"),
        ] {
            assert_eq!(identifier(name), expected, "{name:?}");
        }
        let long = "ab/".repeat(1000);
        assert!((LONGEST - 1..=LONGEST).contains(&identifier(&long).len()));
    }

    #[test]
    fn equal_ones_are_numbered_around_those_that_have_the_number_in_their_name() {
        assert_eq!(of(&["x", "x_2", "X", "x."]), ["X", "X_2", "X_3", "X_4"]);
        assert_eq!(of(&["tensors", "tensors_2"]), ["TENSORS_3", "TENSORS_2"]);
        assert_eq!(of(&["", "t", "T"]), ["T", "T_2", "T_3"]);
    }

    proptest! {
        #[test]
        fn identifiers_are_valid_unique_and_those_of_a_beginning_stay(
            names in prop::collection::vec("[aA1_./é]{0,3}|[a-c]_[2-4]|.{0,4}", 0..12),
            more in 0..12usize,
        ) {
            let reserved = ["A", "T_2"].map(String::from);
            let all = identifiers(&names, &reserved);
            let unique: BTreeSet<&String> = all.iter().collect();
            prop_assert_eq!(unique.len(), all.len());
            for one in &all {
                let mut letters = one.chars();
                prop_assert!(letters.next().is_some_and(|c| c.is_ascii_uppercase()), "{}", one);
                let is_valid = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
                prop_assert!(letters.all(is_valid) && !one.contains("__"), "{}", one);
                prop_assert!(!one.ends_with('_') && one != "A" && one != "T_2", "{}", one);
            }
            // Numbers go around the names behind; what is not numbered stays in any case.
            let part = identifiers(&names[..more.min(names.len())], &reserved);
            let natural = |(one, name): &(&String, &String)| **one == identifier(name);
            for (one, name) in all.iter().zip(&names).take(part.len()).filter(natural) {
                prop_assert!(part.contains(one), "{} of {}", one, name);
            }
        }
    }
}
