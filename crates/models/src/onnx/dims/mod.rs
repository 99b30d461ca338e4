//! Names and sizes of symbolic dimensions.
//!
//! Stands on `syntax` and the user's options. Owns the rule for which dimensions may be assumed to
//! be a batch of 1. Invariant: every dimension of an input of known rank has a number, or is in
//! [`Dims::missing`].

// A file uses only files above it in this list.
mod batch;
mod expression;
mod inputs;

pub(crate) use inputs::{Dims, is_name};
