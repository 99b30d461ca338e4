//! A plan against the model that it is for: whether every tensor of the model has a place of its
//! size, alive for as long as the order needs it.
//!
//! ```text
//! stated   what a plan's file states about its model → how to read the model again
//! places   the tensors of a plan beside those of its model
//! check    both of them, and the check of the offsets
//! own      the plan that a TensorFlow Lite model holds itself
//! recording  a plan beside the recording of a process
//! ```
//!
//! Invariant: the lifetimes that decide are made from the model anew; what the plan's file states
//! must agree with them.

// A file uses only files above it in this list.
mod stated;
mod places;
mod check;
mod own;
mod recording;
#[cfg(test)]
mod tests;

pub(crate) use check::{Verified, check_against_model};
pub(crate) use own::{check_own_plan, holds_own_plan};
pub(crate) use recording::{OfRecording, check_against_recording};
