//! Results in place: the bytes that a step has less because an operator writes over what it reads.
//!
//! Stands on nothing but the pairs that an operator declares. A result can take the bytes of a head if its operator is the last
//! to read that head's family. Which one that is depends on the order, but not what is alive between two steps: the head's bytes
//! are gone after its last reader, and those of the result are there, as many, whether they are the same or a copy. So it is the
//! operator's own step alone that has less.
//!
//! ```text
//!      in place              a copy
//! x    ├─────────┤           ├─────────────┤
//! y              ├──────┤              ├──────────┤
//!          x        y           x      x + y    y
//! ```
//!
//! Invariant: the more has run, the more is saved. Of an operator's pairs the first that can takes its head, and another head that
//! dies here can only hand a result on from pair to pair, until one more is in place, or none.

use alloc::vec::Vec;

use crate::ids::TensorId;

/// A result that may take a head's bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Take {
    result: TensorId,
    /// The head's family.
    pub(super) family: u32,
    /// Bytes of either.
    size: u64,
    /// Whether its operator has another pair of the same result or the same head.
    has_rivals: bool,
}

impl Take {
    /// The pairs of one operator, results and heads, with the bytes of every head.
    pub(super) fn all(pairs: &[(TensorId, TensorId)], sizes: &[u64]) -> Vec<Self> {
        let each = pairs.iter().map(|&(result, head)| Self {
            result,
            family: head.index() as u32,
            size: sizes[head.index()],
            has_rivals: {
                let same = pairs.iter().filter(|p| p.0 == result || p.1 == head);
                same.count() > 1
            },
        });
        each.collect()
    }

    /// The same where the head's family has another number.
    pub(super) fn of_family(self, family: u32) -> Self {
        Self { family, ..self }
    }

    fn rivals(&self, other: &Self) -> bool {
        self.result == other.result || self.family == other.family
    }
}

/// The bytes that one operator's step has less, if `dies` tells which families are not alive after it.
pub(super) fn saved(takes: &[Take], dies: impl Fn(u32) -> bool) -> u64 {
    let mut taken: Vec<Take> = Vec::new();
    let mut bytes = 0;
    for take in takes.iter().filter(|take| dies(take.family)) {
        if !take.has_rivals {
            bytes += take.size;
        } else if !taken.iter().any(|other| take.rivals(other)) {
            bytes += take.size;
            taken.push(*take);
        }
    }
    bytes
}
