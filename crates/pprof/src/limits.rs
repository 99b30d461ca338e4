//! How much is read. A profile of a large service has some ten thousand samples.
//!
//! Stands on nothing. Invariant: a profile within these limits takes bounded memory, whatever it
//! says of its own size.

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
