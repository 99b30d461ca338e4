//! Vector clocks: for every operator, how many operators of each stream happen before it.
//!
//! Stands on [`Csr`]. Invariant: the operators of a stream that happen before another operator are
//! the first ones of that stream, since each of them brings all earlier ones along. So their number
//! identifies them, and an operator's count for its own stream is its position there.
//!
//! ```text
//! stream 0   0 [0,0] ───► 1 [1,0]
//!                         └──────────┐
//! stream 1       2 [0,0] ──────────► 3 [2,1]    before 3: two operators of stream 0, one of 1
//! ```

use alloc::{vec, vec::Vec};

use crate::csr::Csr;

/// A row of `width` counters for every operator: 4 bytes × operators × streams.
#[derive(Clone, Debug)]
pub(super) struct VectorClocks {
    width: usize,
    counts: Vec<u32>,
}

impl VectorClocks {
    /// The clocks of operators on these streams, which are below `width`; row i of `waits` holds
    /// operators below i. O((operators + waits) × streams).
    pub(super) fn new(streams: &[u32], width: usize, waits: &Csr) -> Self {
        let mut counts = vec![0u32; streams.len() * width];
        let mut latest = vec![None; width];
        for (op, &stream) in streams.iter().enumerate() {
            let (earlier, from_here) = counts.split_at_mut(op * width);
            let clock = &mut from_here[..width];
            let previous = latest[stream as usize].replace(op);
            let waits = waits.row(op).iter().map(|&wait| wait as usize);
            for before in waits.chain(previous) {
                let theirs = &earlier[before * width..][..width];
                for (count, &other) in clock.iter_mut().zip(theirs) {
                    *count = (*count).max(other);
                }
                let own = streams[before] as usize;
                clock[own] = clock[own].max(theirs[own] + 1);
            }
        }
        Self { width, counts }
    }

    /// How many operators of `stream` happen before `op`.
    pub(super) fn count(&self, op: u32, stream: u32) -> u32 {
        self.counts[op as usize * self.width + stream as usize]
    }
}
