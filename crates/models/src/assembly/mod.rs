//! A program as a model: its graph, with the bodies of control flow in place.
//!
//! Stands on `program` and [`GraphBuilder`](orionrt_plan::GraphBuilder).
//!
//! ```text
//!  If, named N                          Loop, named N
//!  ┌ operators of then_branch           N           reads initial values; writes states, stacked
//!  ├ N/then_branch/y  copies a value    ┌ N/receive   writes the number of the iteration, slices
//!  │                  from outside      │ operators of the body
//!  ├ operators of else_branch           │ N/keep      copies a state that others become
//!  └                                    └ N/next      writes states, appends to what is stacked
//!  N  reads condition and captures
//! ```
//!
//! A result of `If` is written once on every path: by the operator of the branch that makes it, or
//! by a copy. A state of a loop is one tensor, written before the first and after each iteration.
//! Invariant: a program without bodies has one operator for each node, in the order of the file.

// A file uses only files above it in this list.
mod sizes;
mod tensors;
mod weights;
mod operators;
mod left_out;
mod bodies;
mod assemble;
#[cfg(test)]
mod tests;

pub(crate) use assemble::assemble;
