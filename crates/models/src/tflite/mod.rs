//! TensorFlow Lite: a flatbuffer with subgraphs, their tensors, and buffers of weights.
//!
//! ```text
//! table     tables and vectors of a flatbuffer, every access checked
//! schema    the tables and fields that a plan needs
//! budget    a limit of work for each byte of the file
//! dims      sizes that are open: given, assumed or missing
//! shape     what is known of a value's shape
//! exact     shapes of results that follow exactly
//! builtin   names of operators, and what a plan needs to know about each
//! shapes    stated shapes, and what becomes of them where a size is open
//! reader    values and names, while a file is read
//! call      an operator, while it is read
//! work      what an operator computes
//! control   bodies of control flow
//! walk      operators in the order of the file
//! offline   the memory plan that a file itself has
//! micro     what TensorFlow Lite Micro places by a plan
//! read      all of it: a file → a program
//! front     the bytes before a copy of a file
//! write     a copy of a file with another memory plan
//! ```

// A file uses only files above it in this list.
mod table;
mod schema;
mod budget;
mod dims;
mod shape;
mod exact;
mod builtin;
mod shapes;
mod reader;
mod call;
mod work;
mod control;
mod walk;
mod offline;
mod micro;
mod read;
mod front;
mod write;

pub(crate) use read::{dimensions, program};
pub use write::with_offline_plan;
