//! XLA's memory space assignments as lifetimes in the fast memory of a device.
//!
//! ```text
//! tables   the text → allocations in the fast memory, and names of buffers
//! load     a file → lifetimes and facts
//! ```
//!
//! Stands on the errors, facts and lifetimes of [`xla`](super).

// A file uses only files above it in this list.
mod tables;
mod load;
#[cfg(test)]
mod tests;

pub(in crate::input) use load::{load, looks_like_assignment};
