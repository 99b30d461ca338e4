//! What conflicts beside tensors whose lifetimes meet.
//!
//! Intervals say it all where operators simply follow each other. Where they run on several streams, two tensors conflict unless every use of
//! one happens before the first use of the other. Invariant: two tensors whose lifetimes meet conflict in any case, so
//! everything that is said of intervals alone (loads, bounds) stays true, and only a placement must look at the relation.

#![forbid(unsafe_code)]

use alloc::sync::Arc;

use super::{Lifetime, Lifetimes};
use crate::{streams::Uses, tensor::TensorId};

/// Who must not share bytes, of tensors that have bytes of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Relation {
    /// Those whose lifetimes meet.
    #[default]
    Intervals,
    /// Those of which neither has been used for the last time when the other one is used for the first time.
    Streams(Arc<Streams>),
}

/// Uses, and what follows from them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Streams {
    pub(crate) uses: Uses,
    /// Bytes that must be apart, as far as that is known.
    bound: u64,
}

impl Relation {
    pub(super) fn streams(uses: Uses, rows: &[Lifetime]) -> Self {
        let _ = rows;
        Self::Streams(Arc::new(Streams { uses, bound: 0 }))
    }

    /// Whether two different tensors that have bytes of their own must not share any.
    pub(super) fn conflict(&self, rows: &[Lifetime], [a, b]: [TensorId; 2]) -> bool {
        let [a, b] = [a.index(), b.index()];
        match self {
            Self::Intervals => rows[a].conflicts(&rows[b]),
            Self::Streams(streams) => streams.uses.conflicts(a, b),
        }
    }

    /// Bytes that no plan can be below, beside what the intervals say.
    pub(super) fn bound(&self, _lifetimes: &Lifetimes) -> u64 {
        match self {
            Self::Intervals => 0,
            Self::Streams(streams) => streams.bound,
        }
    }
}
