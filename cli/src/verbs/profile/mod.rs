//! `orionrt profile`: what a heap profile says, as a table, JSON, a flame graph or folded stacks.
//!
//! ```text
//! accuracy  whose profile it is, and how exact it says that it is
//! show      the table and the JSON object
//! command   what is done in which order
//! ```

// A file uses only files above it in this list.
mod accuracy;
mod show;
mod command;

pub(crate) use command::profile;
