//! XLA's buffer assignments as lifetimes: what a compiled program needs while it runs, and where
//! XLA has placed it.
//!
//! ```text
//! facts        what XLA has assigned
//! error        what can be wrong in a file
//! assignment   the text → allocations, values and live ranges
//! shared       values that XLA has put into the same bytes, as one buffer
//! lifetimes    values and the buffers that they share → lifetimes
//! load         a file → lifetimes and facts
//! memory_space a memory space assignment → lifetimes in the fast memory, and facts
//! ```
//!
//! Invariant: memory and time grow with the size of the file alone, but for sorting.

// A file uses only files above it in this list.
mod facts;
mod error;
mod assignment;
mod shared;
mod lifetimes;
mod load;
mod memory_space;
#[cfg(test)]
mod tests;

pub(crate) use facts::{AlternateFacts, XlaFacts};
pub(super) use load::{ALIGNMENT, load, looks_like_xla};
pub(super) use memory_space::{load as load_alternate, looks_like_assignment};
