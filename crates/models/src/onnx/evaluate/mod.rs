//! Operators on contents of small tensors.
//!
//! Stands on `small` and `attributes`. What exporters compute shapes and conditions with is
//! evaluated element by element; an unknown element leaves the others known. Invariant: a result is
//! exact only if all that it follows from is; a bound stays one only where a greater operand makes
//! a greater result.

// A file uses only files above it in this list.
mod arithmetic;
mod layout;
mod reduce;
mod operators;

pub(crate) use operators::evaluate;
