//! Small models, each with what is special about it and the peak of its plan, at an alignment of 64
//! bytes.
//!
//! ```text
//! parts     nodes, bodies and functions, in short
//! order     the order of the file, and plans that are proven optimal
//! shapes    sizes that follow from operands, or that the file alone knows
//! types     elements of all sizes
//! bodies    branches, loops and functions
//! dims      dimensions that are missing, given or assumed
//! work      what operators compute
//! joined    operands that lie within concatenations, executed with true values
//! ```

// A file uses only files above it in this list.
mod parts;
mod order;
mod shapes;
mod types;
mod bodies;
mod dims;
mod work;
mod joined;
