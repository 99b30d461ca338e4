//! What a session did: requests and bytes by outcome, iterations by key, and advice.
//!
//! Plain numbers and their text. Invariant: every request of an iteration is counted exactly once,
//! and so are its bytes: as a hit, a miss, one that is not planned, or another thread's.

// A file uses only files above it in this list.
mod percent;
mod counts;
mod plain;
mod advice;
mod keys;

pub(super) use counts::Outcome;
pub use {
    advice::Advice,
    counts::{ByteCounts, MissCounts, OtherThreads, RequestCounts},
    keys::{KeyReport, Report},
    plain::PlainCounts,
};
