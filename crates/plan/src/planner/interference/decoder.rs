//! Turns orders into offsets: each buffer gets the lowest offset that is free among those placed before that conflict with it.
//!
//! ```text
//! bytes taken by neighbours     ██░░████░██        the lowest gap for a buffer of two
//!                                 ^^
//! ```
//!
//! Invariant: at any time, placed buffers that conflict share no byte, and fixed ones are where they must be.

use alloc::vec::Vec;

use super::adjacency::Neighbours;
use crate::lifetimes::Lifetime;
use crate::planner::{Budget, space::align_up};

/// Buffers placed between two looks at the clock: some milliseconds where each has thousands of neighbours.
const LOOK_AT_THE_CLOCK_EVERY: usize = 128;

/// The offset of what has none.
pub(super) const NOWHERE: u64 = u64::MAX;

pub(super) struct Decoder<'t> {
    pub(super) buffers: &'t [Lifetime],
    pub(super) near: Neighbours<'t>,
    offsets: Vec<u64>,
    /// The bytes of neighbours, for one buffer at a time.
    taken: Vec<(u64, u64)>,
}

impl<'t> Decoder<'t> {
    pub(super) fn new(buffers: &'t [Lifetime], near: Neighbours<'t>) -> Self {
        Self {
            buffers,
            near,
            offsets: alloc::vec![NOWHERE; buffers.len()],
            taken: Vec::new(),
        }
    }

    /// The offsets of the last order decoded.
    pub(super) fn offsets(&self) -> &[u64] {
        &self.offsets
    }

    /// Places all buffers in this order; returns the peak, or `None` if the budget was spent before.
    pub(super) fn decode(&mut self, order: &[usize], budget: &Budget) -> Option<u64> {
        let mut peak = 0;
        for (buffer, offset) in self.buffers.iter().zip(&mut self.offsets) {
            *offset = buffer.fixed_offset.unwrap_or(NOWHERE);
            peak = peak.max(buffer.fixed_bytes().map_or(0, |bytes| bytes.end));
        }
        for some in order.chunks(LOOK_AT_THE_CLOCK_EVERY) {
            if budget.is_over() {
                return None;
            }
            budget.spend(some.len() as u64);
            for &i in some {
                if self.offsets[i] == NOWHERE {
                    self.offsets[i] = self.lowest_free(i);
                    peak = peak.max(self.offsets[i].saturating_add(self.buffers[i].size));
                }
            }
        }
        Some(peak)
    }

    /// Lets the buffers sink, the lowest first: none of them ends higher afterwards.
    pub(super) fn settle(&mut self, offsets: &[u64], budget: &Budget) -> Option<u64> {
        let mut order: Vec<usize> = (0..offsets.len()).collect();
        order.sort_unstable_by_key(|&i| (offsets[i], i));
        self.decode(&order, budget)
    }

    fn lowest_free(&mut self, index: usize) -> u64 {
        let Self {
            buffers,
            near,
            offsets,
            taken,
        } = self;
        taken.clear();
        near.for_each(index, |other| {
            if offsets[other] != NOWHERE {
                taken.push((
                    offsets[other],
                    offsets[other].saturating_add(buffers[other].size),
                ));
            }
        });
        taken.sort_unstable();
        let Lifetime {
            size, alignment, ..
        } = buffers[index];
        first_gap(taken, 0, size, alignment)
    }
}

/// The lowest multiple of `alignment` from `from` on with `size` bytes behind it that none of these takes, which are in order of
/// their starts.
pub(super) fn first_gap(taken: &[(u64, u64)], from: u64, size: u64, alignment: u64) -> u64 {
    let mut offset = align_up(from, alignment);
    for &(start, end) in taken {
        if start >= offset.saturating_add(size) {
            break;
        }
        offset = offset.max(align_up(end, alignment));
    }
    offset
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_as_large_as_asked_and_aligned() {
        let taken = [(0, 3), (1, 2), (8, 9), (16, 20)];
        assert_eq!(first_gap(&taken, 0, 5, 1), 3);
        assert_eq!(first_gap(&taken, 0, 5, 2), 10);
        assert_eq!(first_gap(&taken, 0, 4, 4), 4);
        assert_eq!(first_gap(&taken, 0, 8, 1), 20);
        assert_eq!(first_gap(&[], 0, 8, 4), 0);
        assert_eq!(first_gap(&taken, 5, 2, 4), 12);
    }
}
