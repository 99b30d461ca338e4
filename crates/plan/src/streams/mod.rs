//! Operators on several streams: which comes before which, and which buffers may therefore share bytes.
//!
//! Stands on [`Table`] alone; `Graph` is above it. Operators are numbered in the order in which they
//! are submitted. Those of one *stream* run in that order; those of different streams run side by side, unless one *waits*
//! for others: an event is recorded after those, and waited for before this one. So *a* **happens before** *b* if a path of
//! these two kinds of edges leads from *a* to *b*. Invariant: every edge leads from a smaller number to a larger one, so there
//! is no cycle.
//!
//! ```text
//! stream 0   0 ───► 1 ─────────► 4         0 happens before 3, by way of 1.
//!                   └────┐                 1 and 2: neither happens before the other, although 1 is submitted first.
//! stream 1     2 ──────► 3 ───► 5          4 and 5: the same.
//! ```
//!
//! Two buffers may share bytes only if one **precedes** the other: every use of the one happens before the first use of the
//! other. With one stream this says what intervals of steps say, with more it is a partial order without intervals: above, what
//! only 0 and 1 use precedes what is first used by 3, 4 or 5, but conflicts with what 2 uses.
//!
//! `clocks` says in O(1) whether an operator happens before another one, `order` is what the graph states, `uses` is what
//! planners ask, and `verify` checks what they answer, by other means (`paint`).

mod clocks;
mod order;
mod uses;
mod paint;
mod verify;
#[cfg(test)]
mod program;

pub(crate) use {order::Order, uses::Uses};
