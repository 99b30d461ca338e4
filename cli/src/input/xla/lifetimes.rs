//! Values and the buffers that they share, as lifetimes.
//!
//! Stands on [`shared`](super::shared). Invariant: each value is a row, in the order of the file; a
//! value that shares bytes lies within the largest of those that it shares them with.

#![forbid(unsafe_code)]

use orionrt::{
    Lifetimes, TensorId,
    lifetimes::{Lifetime, LifetimesError},
};

use super::shared::{Buffer, Placed};

/// The lifetimes of values with these names.
pub(super) fn lifetimes<'n>(
    names: impl Iterator<Item = &'n str>,
    placed: &[Placed],
    buffers: &[Buffer],
) -> Result<Lifetimes, LifetimesError> {
    let row = |placed: &Placed| {
        let (first, last) = placed.range;
        Lifetime::new(first, last + 1, placed.size)
    };
    let mut rows: Vec<Lifetime> = placed.iter().map(row).collect();
    let mut gaps = Vec::new();
    for buffer in buffers {
        let [root, within @ ..] = &buffer.values[..] else {
            continue;
        };
        let id = TensorId::from_index(*root);
        if let [first, .., last] | [first @ last] = &buffer.alive[..] {
            rows[*root] = Lifetime::new(first.start, last.end, buffer.size);
        }
        for &value in within {
            rows[value] = rows[value].with_root(id, 0);
        }
        let between = buffer.alive.windows(2);
        let between: Vec<_> = between.map(|pair| pair[0].end..pair[1].start).collect();
        if !between.is_empty() {
            gaps.push((id, between));
        }
    }
    let lifetimes = Lifetimes::from_named(names.zip(rows))?;
    lifetimes.with_all_gaps(gaps)
}
