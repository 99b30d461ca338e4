//! Operators on contents of small tensors.
//!
//! Stands on `small` and `attributes`. The operators that exporters compute shapes and conditions
//! with are evaluated element by element; an unknown element leaves the others known. Invariant: a
//! result is exact only if all that it follows from is exact; bounds are passed on only by
//! operators whose results grow with their operands.

// A file uses only files above it in this list.
mod arithmetic;
mod layout;
mod reduce;
mod operators;

pub(crate) use operators::evaluate;
