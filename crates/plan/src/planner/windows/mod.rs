//! Placement of buffers with windows: which offsets two buffers may have together.
//!
//! Of two whole buffers that conflict, one lies above the other. A buffer with windows may also lie
//! inside the bytes that the other one does not need; whether it may is decided by the distance of
//! their offsets. For each pair, the [`distances`] at which two pieces would share bytes are
//! forbidden. [`improve`] is the portfolio: a search for a few buffers that tries all plans, unless
//! its limits end it, a squeaky wheel, and guided ejection search.
//!
//! ```text
//! buffer a, 12 bytes: needs 0..4 and 8..12        buffer b, 4 bytes
//! offset of b minus that of a     -4        0    4    8         12
//!                                  │▒▒▒▒▒▒▒▒▒▒▒▒▒│    │▒▒▒▒▒▒▒▒▒│       ▒ forbidden, ends excluded
//! ```
//!
//! Invariant: a finished placement has no pair at a forbidden distance.

// A file uses only files above it in this list.
mod distances;
mod free_space;
mod disjunctions;
mod portfolio;
#[cfg(test)]
mod tests;

pub(super) use portfolio::improve;
