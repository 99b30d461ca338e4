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
//! alternate    the text of a memory space assignment → allocations in the fast memory
//! alternate_load  such a file → lifetimes and facts
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
mod alternate;
mod alternate_load;
#[cfg(test)]
mod alternate_tests;
#[cfg(test)]
mod tests;

pub(super) use alternate_load::{load as load_alternate, looks_like_assignment};
pub(crate) use facts::{AlternateFacts, XlaFacts};
pub(super) use load::{ALIGNMENT, load, looks_like_xla};
