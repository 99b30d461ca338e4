//! The streams that the tensors of a file are on.
//!
//! Stands on nothing. Invariant: there are two streams or more, and no more than [`MOST`] names.

#![forbid(unsafe_code)]

use std::collections::HashMap;

/// The most streams that are told apart, more than a program uses at a time.
const MOST: usize = 32;

/// The names of streams, and the stream of each tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Streams {
    pub(crate) names: Vec<String>,
    /// The place in `names` of each tensor's stream.
    pub(crate) of: Vec<u32>,
    /// How many there are, also of those that have one name together.
    pub(crate) count: usize,
}

impl Streams {
    /// Streams with these names; `None` if there are fewer than two. `of` has the place of each
    /// tensor's stream.
    pub(super) fn new(mut names: Vec<String>, of: Vec<u32>) -> Option<Self> {
        let count = names.len();
        if count < 2 {
            return None;
        }
        let last = MOST - 1;
        if count > MOST {
            names.truncate(last);
            names.push(format!("{} other streams", count - last));
        }
        Some(Self {
            names,
            of: of.into_iter().map(|of| of.min(last as u32)).collect(),
            count,
        })
    }

    /// The streams that a column of a table names, in the order in which they come.
    pub(super) fn of_column(column: &[String]) -> Option<Self> {
        let mut places: HashMap<&str, u32> = HashMap::new();
        let mut names = Vec::new();
        let each = column.iter().map(|text| {
            *places.entry(text).or_insert_with(|| {
                names.push(match &**text {
                    "" => "no stream".into(),
                    text => format!("stream {text}"),
                });
                (names.len() - 1) as u32
            })
        });
        let of: Vec<u32> = each.collect();
        Self::new(names, of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_column(column: &[&str]) -> Option<Streams> {
        let column: Vec<String> = column.iter().map(|text| (*text).to_string()).collect();
        Streams::of_column(&column)
    }

    #[test]
    fn streams_are_in_the_order_in_which_they_come() {
        let streams = of_column(&["b", "a", "b", ""]).expect("three streams");
        assert_eq!(streams.names, ["stream b", "stream a", "no stream"]);
        assert_eq!((streams.of, streams.count), (vec![0, 1, 0, 2], 3));
        assert_eq!(of_column(&["a", "a"]), None);
        assert_eq!(of_column(&[]), None);
    }

    #[test]
    fn beyond_the_most_streams_have_one_name_together() {
        for count in [MOST, MOST + 1, 40] {
            let names = (0..count).map(|n| n.to_string()).collect();
            let of = (0..count as u32).collect();
            let streams = Streams::new(names, of).expect("many streams");
            assert_eq!((streams.names.len(), streams.count), (MOST, count));
            let last = streams.of.iter().filter(|of| **of == 31).count();
            assert_eq!(last, count - 31);
            let name = if count == MOST {
                "31".to_string()
            } else {
                format!("{last} other streams")
            };
            assert_eq!(streams.names[31], name);
        }
    }
}
