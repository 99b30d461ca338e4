//! A file → the parts of its model.
//!
//! ```text
//! limits   how much is built at most
//! values   tensors, types, values
//! graph    attributes, nodes, graphs, functions, models
//! ```

// A file uses only files above it in this list.
mod limits;
mod values;
mod graph;

pub(crate) use graph::decode;
