//! Lifetimes: when each tensor is alive and how many bytes it needs. This is all that a planner
//! gets to see.
//!
//! [`Lifetimes`] is made from a [`Graph`](crate::Graph) or from plain rows
//! (`id, lower, upper, size, alignment`), which is how CSV files and recorded traces come in. Rows
//! are checked when they are added, so every `Lifetimes` satisfies:
//!
//! - `lower <= upper` (half-open; equal bounds mean "never alive"), and ids are unique;
//! - every alignment is a power of two, and the sum of all sizes, each rounded up to its alignment,
//!   is below 2⁶³, so offsets do not overflow unless fixed offsets make them;
//! - a tensor may have gaps: steps of `lower..upper` at which its bytes are not needed. Its offset
//!   is the same before and after;
//! - a tensor may have windows: steps at which only some of its bytes are needed;
//! - a tensor that lies [within](Within) another one lies inside its bytes, is alive only when the
//!   other one is, and is aligned if the other one is;
//! - two tensors that are alive at a common step conflict: they share no byte that both need there.
//!   Where operators run at the same time, more pairs do (`conflict_relation`).
//!
//! ```text
//! bytes   load(t) = bytes alive at step t; its maximum is a lower bound of any plan's peak
//!   │        ┌─────┐
//!   │  ┌─────┘     └──┐
//!   └──┴──────────────┴── step
//! ```

// A file uses only files above it in this list.
mod piece;
mod window_mistake;
mod error;
mod lifetime;
mod names;
mod live_ranges;
mod pieces;
mod concurrency;
mod run_distances;
mod conflict_relation;
mod collection;
mod checked_rows;
mod within;
mod windows;
mod gaps;
mod piece_rows;
mod by_time;
mod timeline;
mod gap_bound;
mod load;
mod bound_profile;
mod flow_liveness;
mod in_inputs;
mod aliases;
mod parts;
mod of_graph;
mod uncopied;
mod concatenated;
mod subset;

pub use {
    aliases::Aliasing,
    collection::Lifetimes,
    error::{GapMistake, LifetimeMistake, LifetimesError, ViewMistake},
    lifetime::{Lifetime, Within},
    piece::Piece,
    uncopied::Uncopied,
    window_mistake::WindowMistake,
};
pub(crate) use {
    aliases::order_free_aliases,
    concatenated::ShiftedModel,
    concurrency::{ConcurrencyRelation, ModelTiming, runs_overlap},
    conflict_relation::{ConflictRelation, ModelConflicts, StreamConflicts},
    piece_rows::{PieceRows, alignment_within},
    timeline::Timeline,
    uncopied::lies_within_result,
};
