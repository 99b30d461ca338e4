//! Constructs: ranges of operators that run under control flow, as a graph declares them.
//!
//! Stands on [`OpId`]. Plain values; `build` checks them.

use alloc::vec::Vec;
use core::{fmt, ops::Range};

use crate::ids::OpId;

/// A range of operators that control flow governs. Ranges are half-open: `start..end`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Construct {
    /// Branches of which exactly one runs each time: the bodies of an `If`.
    Exclusive {
        /// The operators of each branch. Each branch begins where the one before it ends.
        branches: Vec<Range<OpId>>,
    },
    /// Operators that run any number of times, one iteration after another: the body of a loop.
    Repeated {
        /// The operators of one iteration.
        body: Range<OpId>,
    },
}

impl Construct {
    /// All operators of the construct, from the first one of its first part to the end of its last.
    ///
    /// ```
    /// use orionrt_plan::{OpId, graph::Construct};
    /// let [a, b, c] = [2, 4, 7].map(OpId::new);
    /// assert_eq!(Construct::Repeated { body: a..c }.ops(), a..c);
    /// ```
    #[must_use]
    pub fn ops(&self) -> Range<OpId> {
        match self {
            Self::Repeated { body } => body.clone(),
            Self::Exclusive { branches } => {
                let start = branches.first().map(|branch| branch.start);
                let end = branches.last().map(|branch| branch.end);
                start.unwrap_or(OpId::new(0))..end.unwrap_or(OpId::new(0))
            }
        }
    }

    /// The construct with each bound replaced.
    pub(super) fn moved(&self, bound: impl Fn(usize) -> usize) -> Self {
        let bound = |op: OpId| OpId::from_index(bound(op.index()));
        let moved = |part: &Range<OpId>| bound(part.start)..bound(part.end);
        match self {
            Self::Repeated { body } => Self::Repeated { body: moved(body) },
            Self::Exclusive { branches } => Self::Exclusive {
                branches: branches.iter().map(moved).collect(),
            },
        }
    }

    /// The branches, or the one body.
    pub(super) fn parts(&self) -> &[Range<OpId>] {
        match self {
            Self::Exclusive { branches } => branches,
            Self::Repeated { body } => core::slice::from_ref(body),
        }
    }
}

impl fmt::Display for Construct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ops = self.ops();
        let (start, end) = (ops.start.index(), ops.end.index());
        match self {
            Self::Exclusive { .. } => write!(f, "the branches in steps {start}..{end}"),
            Self::Repeated { .. } => write!(f, "the repeated steps {start}..{end}"),
        }
    }
}

/// What can be wrong with a construct.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConstructMistake {
    /// A part is not a range of operators of the graph.
    OutOfRange {
        /// The branch or the body.
        part: Range<OpId>,
        /// How many operators the graph has.
        ops: usize,
    },
    /// A branch does not begin where the one before it ends.
    BranchesApart {
        /// The branch, counted from 0.
        branch: usize,
        /// The step at which it begins.
        begins: usize,
        /// The step at which it must begin.
        expected: usize,
    },
    /// Two constructs share operators, and neither lies within one branch or body of the other.
    Overlaps {
        /// The other construct.
        other: Construct,
    },
    /// There are more constructs around the construct than are supported.
    TooDeep {
        /// How many constructs may lie within each other.
        most: usize,
    },
    /// The graph has operators on several streams, which is not supported beside control flow.
    Streams,
}

impl fmt::Display for ConstructMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfRange { part, ops } => write!(
                f,
                "{}..{} is not a range of the {ops} operators",
                part.start.index(),
                part.end.index()
            ),
            Self::BranchesApart {
                branch,
                begins,
                expected,
            } => write!(
                f,
                "branch {branch} begins at step {begins}; it must begin at step {expected}, \
                 where the one before it ends"
            ),
            Self::Overlaps { other } => write!(
                f,
                "they overlap {other}; one must lie within one branch or body of the other"
            ),
            Self::TooDeep { most } => {
                write!(f, "more than {most} constructs lie within each other")
            }
            Self::Streams => write!(
                f,
                "the operators run on several streams; with control flow, all must run on one"
            ),
        }
    }
}

impl core::error::Error for ConstructMistake {}
