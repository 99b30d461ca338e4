//! Type, shape and small contents of every value, node by node in the order of the file.
//!
//! Stands on `rules`, `evaluate` and `dims`.
//!
//! ```text
//! scope     names that a node can read, from the body outwards
//! facts     what is known of every value, and what is still open
//! stated    what follows, and what the file states, as one
//! operator  a node without bodies
//! parts     bodies of a node, before and after they are typed
//! agreed    one type for what may be either of two
//! branches  If
//! counts    the iterations of a loop with counters
//! loops     Loop
//! scans     Scan, SequenceMap
//! control   a node with bodies
//! sources   inputs, weights, constants
//! nodes     what a node is by itself
//! graph     a graph or a body, node by node
//! ```
//!
//! Invariant: a value is typed once, after all that it follows from; a body is typed with the types
//! that its operands have. Values of a body that is left out are dropped.

// A file uses only files above it in this list.
mod scope;
mod facts;
mod stated;
mod operator;
mod parts;
mod agreed;
mod branches;
mod counts;
mod loops;
mod scans;
mod control;
mod sources;
mod nodes;
mod graph;

pub(crate) use facts::{Fact, Facts, Origin};
pub(crate) use graph::infer;
pub(crate) use nodes::count_nodes;
