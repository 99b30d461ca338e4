//! Placement of buffers with windows: which offsets two buffers may have together.
//!
//! Whole buffers that conflict lie one above the other. Of buffers with windows, one may lie inside
//! what the other does not need: how far their offsets are apart decides. For each pair, the
//! [`distances`] that would make two pieces share bytes are forbidden. [`improve`] is the
//! portfolio: a complete search for a few buffers, a squeaky wheel, and guided ejection search.
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
