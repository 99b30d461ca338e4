//! A file → the parts of its model, within limits.
//!
//! ```text
//! values   tensors, types, values
//! graph    attributes, nodes, graphs, functions, models
//! ```

// A file uses only files above it in this list.
mod values;
mod graph;
#[cfg(test)]
mod tests;

pub(crate) use graph::decode;
