//! An ONNX file as a [`Graph`](orionrt::Graph): its operators in execution order and their tensors.
//!
//! Stands on `tract-onnx` for the format, the shapes and the order, and works on tract's
//! *inference* model, whose nodes are those of the file one for one. (The typed model splits and
//! fuses operators, fills in every constant and deduplicates weights; decluttering and optimising
//! move further still from the tensors that the file describes.)
//!
//! ```text
//! error       why a file is not a model that can be planned
//! reading     runs tract's reader on a thread of its own, where its panics end
//! dims        the sizes of symbolic dimensions
//! bounded     keeps shape inference from computing weights
//! proto       makes the decoded file small and safe for tract
//! operators   what each node of the file does
//! aliases     which results need no bytes of their own
//! assembly    the analysed model → the graph
//! load        all of it: a file → the graph
//! runnable    the other way: a file → a model that tract can run
//! ```
//!
//! What is in the graph:
//!
//! - **Constants are not planned**: initialisers, what is computed from constants alone, and what
//!   shape inference fully knows (the result of `Shape`, say), which therefore keeps no tensor
//!   alive.
//! - **Graph inputs and outputs are planned**; nodes that no graph output needs are left out.
//! - **Every outlet is a tensor**. Views of other tensors (`Reshape`, a contiguous `Slice`) and
//!   results that may be written over an operand (`Relu`, `Add`) are declared as such;
//!   [`Graph::lifetimes_with`](orionrt::Graph::lifetimes_with) makes use of that or not.
//! - **Bodies of `If` and `Scan`** are left out: the node counts as one operator, with what it
//!   reads from outside and what it writes. `Loop`, which tract lacks, is treated as any unknown
//!   operator: it takes part if the file states the shape of the one tensor it writes.
//! - **Symbolic dimensions** have the sizes the user gives. Of the others, a symbol in the leading
//!   dimension of an input, or with "batch" in its name, is 1 (and is reported in
//!   [`OnnxModel::assumed`]); any other must be given. A dimension with neither number nor symbol
//!   is called `INPUT.AXIS`.
//!
//! Invariant: a panic inside tract becomes an [`OnnxError`], and so do the files known from fuzzing
//! that make tract use up memory or time. tract has unsafe code of its own, so this is no proof for
//! every file. It takes `panic = "unwind"`.

#![forbid(unsafe_code)]

// A file uses only files above it in this list.
mod error;
mod reading;
mod dims;
mod bounded;
mod proto;
mod operators;
mod aliases;
mod assembly;
mod load;
#[cfg(target_os = "linux")]
mod runnable;
#[cfg(test)]
mod tests;

pub use error::OnnxError;
pub use load::{OnnxModel, OnnxOptions, load, load_bytes};
#[cfg(target_os = "linux")]
pub(crate) use runnable::{Runnable, load_runnable};
