//! The state of a skyline search: which items are placed, and the minimum offset at which each of
//! the others can still go.
//!
//! Everything is kept up to date step by step, and every step can be undone. Invariants, for every
//! *open* (not yet placed) item:
//!
//! - the `floor` of its class is above all that is placed beside the class in time;
//! - its minimum offset is the lowest aligned offset that is neither below that floor nor below the
//!   offset to which the item was deferred.
//!
//! ```text
//! offset      ┌─ placed ─┐                      b was deferred at its floor: it can rest only on
//!    │        └──────────┘······  minimum       an item that is still to be placed: its minimum
//!    │  ┌─ placed ─┐    ·  b  ·   offset of b   offset is the lowest possible top of those
//!    │  └──────────┘····└·····┘·  floor of b
//!    └──────────────────────────── section
//! ```

// A file uses only files above it in this list.
mod open_classes;
mod data;
mod propagation;
mod moves;

pub(super) use data::{SearchState, TrailMark};
