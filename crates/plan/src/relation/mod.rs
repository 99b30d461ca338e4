//! The heaviest set of buffers that must all be apart: what no placement can be below.
//!
//! Stands on nothing. Conflicts are a graph, and buffers that all conflict with each other a *clique*; the bytes of the heaviest one are a bound.
//! `antichain` finds it where conflicts are what a partial order leaves unordered, exactly and in polynomial time; `clique` for few
//! vertices and any graph.

mod antichain;
mod clique;

pub(crate) use {antichain::heaviest_antichain, clique::heaviest_clique};
