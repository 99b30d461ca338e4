//! ONNX models for the tests and examples of OrionRT's command line.
//!
//! ```text
//! proto         the messages of an ONNX file
//! parts         nodes, tensors, shapes and attributes of an ONNX file; a file from its graph
//! writer        builds a network node by node, with weights from a seed
//! tiny          two convolutions, with a symbolic batch dimension
//! mobilenet     MobileNetV2
//! transformer   BERT's encoder
//! unet          U-Net
//! ```
//!
//! Invariant: one layout and seed give one file, byte for byte, on every machine.

#![forbid(unsafe_code)]

// A file uses only files above it in this list.
pub mod proto;
pub mod parts;
pub mod writer;
pub mod tiny;
pub mod mobilenet;
pub mod transformer;
pub mod unet;
