//! The aliases of nodes, beside what their operators compute.
//!
//! ```text
//! case       a node with its types and constants
//! kernels    what operators that move elements compute, element by element
//! views      which results are parts of operands, by execution
//! in_place   which results may be written over operands, by execution
//! parts      which operands are parts of results, by execution
//! ```

// A file uses only files above it in this list.
mod case;
mod kernels;
mod views;
mod in_place;
mod parts;
