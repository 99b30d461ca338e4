//! What XLA has assigned.
//!
//! Stands on nothing. Invariant: every allocation counts in one of the fields of bytes.

#![forbid(unsafe_code)]

use serde::Serialize;

/// What XLA has assigned. Sizes are bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct XlaFacts {
    /// The allocations for temporary values, which are planned.
    pub(crate) allocations: usize,
    /// The memory space of these; XLA calls it a colour.
    pub(crate) color: u64,
    pub(crate) temporary_bytes: u64,
    /// The values in them.
    pub(crate) values: usize,
    /// The values that lie within others, as XLA has them.
    pub(crate) within: usize,
    /// The values without a live range, which are taken to be alive from the first step to the
    /// last.
    pub(crate) without_range: usize,
    /// Whether XLA's own offsets are a plan of the same lifetimes.
    pub(crate) is_valid: bool,
    /// XLA's own offsets, with one allocation after the other, if they are.
    #[serde(skip)]
    pub(crate) offsets: Vec<u64>,
    /// The other allocations, which are not planned.
    pub(crate) parameter_bytes: u64,
    pub(crate) output_bytes: u64,
    pub(crate) constant_bytes: u64,
    pub(crate) thread_local_bytes: u64,
    /// Temporary values in other memory spaces, and whatever else there is.
    pub(crate) other_bytes: u64,
}

/// What XLA has placed in the fast memory of a device, its alternate memory. Sizes are bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct AlternateFacts {
    pub(crate) allocations: usize,
    /// The allocations that lie within others, as XLA has them.
    pub(crate) within: usize,
    /// The end of the highest allocation.
    pub(crate) bytes: u64,
    /// What all of XLA's offsets are multiples of, up to 4 KiB.
    pub(crate) alignment: u64,
    /// Whether XLA's own offsets are a plan of the same lifetimes.
    pub(crate) is_valid: bool,
    /// XLA's own offsets, if they are.
    #[serde(skip)]
    pub(crate) offsets: Vec<u64>,
}
