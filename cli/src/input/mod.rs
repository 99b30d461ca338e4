//! Reads files: lifetimes to plan, models to run, and plans.
//!
//! ```text
//! read        the bytes of a file
//! loaded      lifetimes, and the facts about the file that they come from
//! onnx        an ONNX file → a graph, or a model that tract can run
//! csv         a CSV file of lifetimes → lifetimes
//! model       an ONNX file → lifetimes
//! load        chooses the loader by the file's extension
//! plan_file   a plan
//! ```
//!
//! A new format is a loader beside `csv` and `model`, a variant of `Origin`, and a line in
//! `load`.

// A file uses only files above it in this list.
mod read;
mod loaded;
pub mod onnx;
mod csv;
mod model;
mod load;
mod plan_file;

pub(crate) use load::{is_onnx, load};
pub(crate) use loaded::{AliasingFacts, Input, ModelFacts, OrderFacts, Origin};
#[cfg(target_os = "linux")]
pub(crate) use model::load_runnable;
pub(crate) use plan_file::load_plan;
