//! Networks in less memory than their peak: a schedule of [`orionrt::Planner::fit`], and what runs
//! it.
//!
//! ```text
//! mapped_file     the slow memory: a file that is mapped into memory
//! stored_weights  the weights in a file
//! packed          values in compressed form
//! copies          the copies of tensors in both memories
//! executor        runs a network by a fitted schedule
//! profile         what operators and copies cost on this machine
//! within          fits into a capacity, or into the least that is known
//! measure         runs within the capacity and without a limit, side by side
//! ```

// A file uses only files above it in this list.
mod mapped_file;
mod stored_weights;
mod packed;
mod copies;
mod executor;
mod profile;
mod within;
mod measure;
#[cfg(test)]
mod tests;

pub(crate) use measure::{Means, MeasuredFit, measure_fitted};
