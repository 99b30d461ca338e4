//! Lower bounds from a conflict relation: buffers that all conflict with each other lie apart in
//! every placement, so the sum of their sizes bounds the peak from below.
//!
//! Stands on [`crate::bits`]. Such a set is a *clique* of the conflict graph. `antichain` finds the
//! heaviest one exactly and in polynomial time where buffers conflict because a partial order does
//! not order them; `clique` finds it in any graph of few vertices.

// A file uses only files above it in this list.
mod antichain;
mod clique;

pub(crate) use {
    antichain::heaviest_antichain,
    clique::{heaviest_clique, heavy_clique},
};
