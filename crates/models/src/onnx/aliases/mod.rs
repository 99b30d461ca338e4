//! Which results of a node need no bytes of their own.
//!
//! Stands on `syntax` and on types whose dimensions are numbers.
//!
//! ```text
//! rules   what each operator does with its operands
//! find    the aliases of a node
//! ```
//!
//! Invariant: a result is an [`AliasKind::View`](crate::program::AliasKind::View) only if it is,
//! byte for byte, the part of the operand that begins there, and an
//! [`AliasKind::InPlace`](crate::program::AliasKind::InPlace) only if each of its elements needs no
//! element of that operand except the one that it replaces. An operand is an
//! [`AliasKind::Part`](crate::program::AliasKind::Part) of a result only if it is, byte for byte,
//! what the result has from there on. If that is not certain, it is none of them: a copy.

// A file uses only files above it in this list.
mod rules;
mod find;
#[cfg(test)]
mod tests;

pub(crate) use find::{NodeTypes, aliases};
