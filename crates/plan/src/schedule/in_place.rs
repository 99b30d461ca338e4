//! Results in place: how many bytes a step saves because an operator writes over its operands.
//!
//! Stands on the in-place pairs `(result, root)` of an operator. A result can take the bytes of a
//! root if its operator is the last one to read the root's alias set. Which operator that is
//! depends on the order. What is alive *between* two steps does not: the root's bytes are gone
//! after its last reader, and as many bytes of the result are there, whether they are the same
//! bytes or a copy. So only the operator's own step saves anything.
//!
//! ```text
//!      in place              a copy
//! x    ├─────────┤           ├─────────────┤
//! y              ├──────┤              ├──────────┤
//!          x        y           x      x + y    y        bytes alive
//! ```
//!
//! Invariant: the more operators have run, the more is saved. Pairs are matched first-fit, in the
//! order of their declaration. If one more root is free to be taken, it can at most start an
//! augmenting path, along which results move from root to root, so the number of matched pairs
//! grows by 0 or 1.

use alloc::vec::Vec;

use crate::ids::TensorId;

/// A result that may take the bytes of a root.
#[derive(Clone, Copy, Debug)]
pub(super) struct InPlacePair {
    result: TensorId,
    /// The alias set of the root.
    pub(super) alias_set: u32,
    /// The size of either, in bytes.
    size: u64,
    /// Whether another pair of the operator has the same result or the same root.
    has_rivals: bool,
}

impl InPlacePair {
    /// The pairs `(result, root)` of one operator; `sizes` are the bytes of each root.
    pub(super) fn all(pairs: &[(TensorId, TensorId)], sizes: &[u64]) -> Vec<Self> {
        let each = pairs.iter().map(|&(result, root)| Self {
            result,
            alias_set: root.index() as u32,
            size: sizes[root.index()],
            has_rivals: {
                let rivals = pairs.iter().filter(|p| p.0 == result || p.1 == root);
                rivals.count() > 1
            },
        });
        each.collect()
    }

    /// The pair in a numbering in which the alias set has another number.
    pub(super) fn with_alias_set(self, alias_set: u32) -> Self {
        Self { alias_set, ..self }
    }

    fn is_rival_of(&self, other: &Self) -> bool {
        self.result == other.result || self.alias_set == other.alias_set
    }
}

/// The bytes that an operator's step saves, given its pairs and the alias sets of which it is the
/// last reader.
pub(super) fn saved_bytes(pairs: &[InPlacePair], is_last_reader: impl Fn(u32) -> bool) -> u64 {
    let mut matched: Vec<InPlacePair> = Vec::new();
    let mut bytes = 0;
    for pair in pairs.iter().filter(|pair| is_last_reader(pair.alias_set)) {
        if !pair.has_rivals {
            bytes += pair.size;
        } else if !matched.iter().any(|other| pair.is_rival_of(other)) {
            bytes += pair.size;
            matched.push(*pair);
        }
    }
    bytes
}
