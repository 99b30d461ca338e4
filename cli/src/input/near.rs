//! The names that a mistyped one may have meant.
//!
//! Stands on nothing. Distances are Levenshtein's: how many characters must be inserted, removed or
//! replaced. Invariant: the work is bounded, however many and however long the names are.

#![forbid(unsafe_code)]

/// The most names that are compared, and the most characters of each.
const MOST_NAMES: usize = 10_000;
const MOST_CHARS: usize = 64;
/// The most names that a message lists.
const LISTED: usize = 5;

/// The known names that are nearest to a name, nearest first; the first known ones if none is near.
pub(crate) fn near<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Vec<&'n str> {
    let name = beginning(name);
    let known: Vec<&str> = known.take(MOST_NAMES).collect();
    let most = name.len() / 3 + 1;
    let distances = known
        .iter()
        .map(|&other| (distance(&name, &beginning(other)), other));
    let mut near: Vec<(usize, &str)> = distances.filter(|(far, _)| *far <= most).collect();
    near.sort_by_key(|(far, _)| *far);
    let mut names: Vec<&str> = near.into_iter().map(|(_, other)| other).collect();
    if names.is_empty() {
        names = known;
    }
    names.truncate(LISTED);
    names
}

fn beginning(name: &str) -> Vec<char> {
    name.chars().take(MOST_CHARS).collect()
}

/// How many characters of the one must be inserted, removed or replaced to have the other.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_characters_that_differ() {
        let of = |a: &str, b: &str| distance(&beginning(a), &beginning(b));
        assert_eq!(of("", "abc"), 3);
        assert_eq!(of("kitten", "sitting"), 3);
        assert_eq!(of("past.0", "past.0"), 0);
        assert_eq!(of("flaw", "lawn"), 2);
    }

    #[test]
    fn the_nearest_names_come_first_and_all_are_known_if_none_is_near() {
        let known = ["past.10", "past.0", "mask", "past.1"];
        assert_eq!(
            near("pst.0", known.into_iter()),
            ["past.0", "past.10", "past.1"]
        );
        assert_eq!(near("tokens_of_it", known.into_iter()), known);
        assert!(near("x", std::iter::empty()).is_empty());
    }
}
