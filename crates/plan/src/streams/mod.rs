//! Operators on several streams: which of them happen before which, and which buffers may therefore
//! share bytes.
//!
//! Stands on [`crate::csr`]. Operators are numbered in the order in which they are submitted. Those
//! of one *stream* run in that order. Those of different streams run side by side, unless one
//! *waits* for others: an event is recorded after those and awaited before this one. So *a*
//! **happens before** *b* if a path of these two kinds of edges leads from *a* to *b*. Invariant:
//! every edge leads from a smaller number to a larger one, so there is no cycle.
//!
//! ```text
//! stream 0   0 ───► 1 ─────────► 4     0 happens before 3, by way of 1.
//!                   └────┐             1 and 2 are not ordered, although 1 is submitted first.
//! stream 1     2 ──────► 3 ───► 5      4 and 5 are not ordered either.
//! ```
//!
//! Two buffers may share bytes only if one **precedes** the other: every use of the one happens
//! before the first use of the other. With one stream this is what intervals of steps say; with
//! several it is a partial order that no intervals describe. In the picture, a buffer that only 0
//! and 1 use precedes every buffer that is first used by 3, 4 or 5, but conflicts with those of 2.
//!
//! `happens_before` holds the edges and answers in O(1) by means of `vector_clocks`, `use_sets` is
//! what planners ask, and `verify` checks their plans by other means (`interval_map`).

// A file uses only files above it in this list.
mod vector_clocks;
mod happens_before;
mod use_sets;
mod interval_map;
mod verify;
#[cfg(test)]
mod program;

pub(crate) use {happens_before::HappensBefore, use_sets::UseSets};
