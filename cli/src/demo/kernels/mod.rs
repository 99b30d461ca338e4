//! What the nodes of a network compute, over slices of `f32`.
//!
//! ```text
//! matrix       matrix products, alone and as attention; the mean of rows
//! rowwise      kernels that can work in place: element by element, or row by row
//! images       the shape of an image; pooling and upsampling
//! convolution  a 3×3 convolution, which lays no windows out
//! kernel       all of them as one type, with their weights
//! lengths      how many elements each reads and writes
//! ```
//!
//! Invariant: a kernel writes every element of its output and nothing else, and the result depends
//! only on the values it reads, never on their addresses. So a network computes the same bits
//! whether its tensors live on the heap or in planned slots, and whether they share bytes or not.
//!
//! All matrices are row-major; `[rows, columns]` says how a slice is read.

#![forbid(unsafe_code)]

// A file uses only files above it in this list.
pub mod matrix;
pub mod rowwise;
pub mod images;
mod convolution;
mod kernel;
mod lengths;

pub use kernel::{Kernel, MAX_READS};
