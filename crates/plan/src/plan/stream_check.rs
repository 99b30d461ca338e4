//! The check that tensors used on several streams share bytes only if the streams allow it.
//!
//! Stands on the uses of each tensor and on the waits between streams, from which the order of uses
//! is proven anew. What the planner was told about conflicts is not consulted.

use alloc::vec::Vec;
use core::ops::Range;

use super::error::{PlanError, clash};
use crate::lifetimes::{Lifetime, Lifetimes, StreamConflicts};

/// Checks the tensors of one graph, which are the rows in `range` of `lifetimes`. Tensors that are
/// not `of_interest` are left out.
///
/// # Errors
/// Two tensors that share bytes although neither is used for the last time before the other is
/// used for the first time; see [`PlanError::StreamsOverlap`].
pub(super) fn check_streams(
    lifetimes: &Lifetimes,
    offsets: &[u64],
    streams: &StreamConflicts,
    range: Range<usize>,
    of_interest: impl Fn(&Lifetime) -> bool,
) -> Result<(), PlanError> {
    let bytes = range.clone().map(|i| {
        let row = &lifetimes.rows()[i];
        match row.occupies() && of_interest(row) {
            true => offsets[i]..offsets[i] + row.size,
            false => 0..0,
        }
    });
    let bytes: Vec<Range<u64>> = bytes.collect();
    streams.uses.verify(&bytes).map_err(|(first, second)| {
        let [first, second] = [first, second].map(|row| range.start + row);
        let (ids, names, bytes) = clash(lifetimes, offsets, first, second);
        PlanError::StreamsOverlap { ids, names, bytes }
    })
}
