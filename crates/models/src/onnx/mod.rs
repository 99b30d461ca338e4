//! ONNX: a protobuf message with a graph, its weights, and functions.
//!
//! ```text
//! wire        fields of a protobuf message, without copies
//! limits      how much is built from a file at most
//! syntax      the parts of a model, borrowed from the file
//! decode      a file → its parts, within limits
//! skim        a file on disk → its bytes without the weights
//! functions   calls of functions of the model → their bodies
//! types       types of values, sizes that are known, bounded or unknown
//! attributes  attributes of a node by their names
//! symbols     what unknown sizes depend on
//! small       contents of small tensors
//! evaluate    operators on contents of small tensors
//! elementwise the most frequent operators: results like their operands
//! like        operators whose results have the shape of another's
//! rules       operators on types: the crate for shape inference
//! ranks       operators whose sizes are contents that are not known
//! own         operators on types that the crate lacks
//! work        what operators compute
//! dims        names and sizes of symbolic dimensions
//! aliases     which results share bytes with operands
//! infer       type and shape of every value, node by node
//! read        all of it: a file → a program
//! ```

// A file uses only files above it in this list.
mod wire;
mod weight_files;
mod limits;
pub(crate) mod syntax;
mod decode;
mod skim;
mod functions;
mod types;
mod attributes;
mod symbols;
mod small;
mod evaluate;
mod elementwise;
mod like;
mod rules;
mod ranks;
mod own;
mod work;
mod dims;
mod aliases;
mod infer;
mod read;
#[cfg(test)]
mod tests;

pub(crate) use read::{dimensions, program};
pub(crate) use skim::skim;
