//! Files made to do harm: each ends in an error, or in a plan, within a second and 200 MiB.
//!
//! A case is written to a file and loaded from it, so that memory of the test itself does not
//! count. Cases run one at a time; time is that of the processor, so other work does not count.
//!
//! ```text
//! measured    loading a file, and what that takes
//! parts       parts of models, and messages byte by byte
//! sizes       sizes, attributes and shapes beyond all bounds
//! bodies      bodies within one another, and nodes in circles
//! functions   functions that call one another
//! dims        dimensions with names, and what depends on them
//! many        very many messages, nodes and letters
//! files       files that are cut off, changed, or no files
//! ```

// A file uses only files above it in this list.
mod measured;
mod parts;
mod sizes;
mod bodies;
mod functions;
mod dims;
mod many;
mod files;
