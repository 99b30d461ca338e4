//! Model files as graphs that can be planned: an ONNX or TensorFlow Lite file in; its operators in
//! execution order, the size of every tensor and the facts about aliasing out.
//!
//! It is for runtimes and compilers that plan memory for a model before it runs. Weights are not
//! read, and files beside the model are never opened: a model of gigabytes is read in milliseconds.
//!
//! ```text
//!  ONNX file ──► onnx   ─┐
//!                        ├─► program ─► assembly ─► Model { graph, … } ─► Lifetimes ─► Planner
//!  TFLite file ► tflite ─┘   (nodes, values, bodies)
//! ```
//!
//! | module | has |
//! | --- | --- |
//! | `element` | types of elements and their sizes in bits |
//! | `tensor_type` | the element type and the shape of a tensor |
//! | `work` | what an operator computes, for estimates of its time |
//! | `runs` | parts of a tensor that are one run of bytes |
//! | `joined` | operands of a concatenation that are parts of its result |
//! | `options` | what the user decides: dimensions, values of inputs, alignment |
//! | `error` | why a file cannot be planned |
//! | `model` | the answer: a [`Graph`](orionrt_plan::Graph) and the facts about its file |
//! | `program` | nodes, values and bodies, in the form that both formats share |
//! | `names` | names that are given once |
//! | `assembly` | a program as a model |
//! | `onnx`, `tflite` | the formats |
//! | `recognise` | what a file is, from its first bytes |
//! | `load` | a file of either format as a model |
//!
//! Invariant: what an answer leaves out (tensors of unknown size, strings, bodies that cannot be
//! typed) is listed in [`Model::left_out`], so that no claim about the plan says more than it may.

#![forbid(unsafe_code)]

// A file uses only files above it in this list.
mod element;
mod tensor_type;
mod work;
mod runs;
mod joined;
mod options;
mod error;
mod model;
mod program;
mod names;
mod assembly;
mod onnx;
mod tflite;
mod recognise;
mod load;

pub use element::ElementType;
pub use error::ModelError;
pub use load::{dimensions, dimensions_of, load, parse};
pub use model::{Body, Dimension, Format, LeftOut, LeftOutReason, Model, SizeBound};
pub use options::{InputValue, Options, Unknown};
pub use tensor_type::TensorType;
pub use tflite::with_offline_plan;
pub use work::OperatorWork;
