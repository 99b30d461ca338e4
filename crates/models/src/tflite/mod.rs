//! TensorFlow Lite: a flatbuffer with subgraphs, their tensors, and buffers of weights.

// A file uses only files above it in this list.
mod read;

pub(crate) use read::{dimensions, program};
