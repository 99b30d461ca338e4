//! How much of a file is read at most: its bytes, and the entries of each table.
//!
//! A profile of a large service has some ten thousand samples; the limits leave room for one that
//! is many times as large. Stands on nothing.
//!
//! Invariant: the tables of a profile within all of these limits, full to the last entry, take less
//! than 1 GiB, and none of them is made larger than what the file has entries for.

pub(crate) const BYTES: usize = 64 << 20;
pub(crate) const TYPES: usize = 16;
pub(crate) const SAMPLES: usize = 500_000;
/// Of all samples together.
pub(crate) const FRAMES: usize = 4_000_000;
pub(crate) const LOCATIONS: usize = 500_000;
/// Of all locations together.
pub(crate) const LINES: usize = 1_000_000;
pub(crate) const FUNCTIONS: usize = 500_000;
pub(crate) const MAPPINGS: usize = 50_000;
pub(crate) const TEXTS: usize = 1_000_000;
pub(crate) const COMMENTS: usize = 10_000;
