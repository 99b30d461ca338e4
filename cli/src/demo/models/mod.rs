//! The networks of the demo, with weights from a seed.
//!
//! ```text
//! layers       what several networks have: pictures, convolutions, norms, random weights
//! encoder      a transformer: stacked projections with views, attention, a wide hidden layer
//! classifier   residual convolutions, a mean, a reshape
//! u_net        skip connections that stay alive from the way down to the way up, concatenations
//! all          the three networks, in the demo's sizes
//! ```
//!
//! Invariant: one seed gives one network, bit for bit, on every machine. Every intermediate value
//! is a tensor of its own, so the planner also sees the attention scores.

#![forbid(unsafe_code)]

// A file uses only files above it in this list.
mod layers;
mod encoder;
mod classifier;
mod u_net;
mod all;

#[cfg(test)]
pub use all::{medium_networks, small_networks};
pub use all::{networks, sample_input};
