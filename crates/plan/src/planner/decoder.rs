//! Turns an order of the buffers into offsets: each buffer in turn gets its lowest free offset.
//!
//! A [`FreeSpace`] says which bytes are free for a buffer: the one in `section_space.rs` decides by
//! lifetimes alone, the one in `interference/free_space.rs` by an interference relation.
//!
//! Invariant: after a complete decode no two conflicting buffers share a byte, provided that the
//! fixed ones do not, and every buffer with a fixed offset is there.

use alloc::vec::Vec;
use core::ops::Range;

use super::budget::{Budget, CheckInterval};
use crate::lifetimes::Lifetime;

/// The offset of a buffer that has none yet.
pub(super) const UNPLACED: u64 = u64::MAX;

/// The bytes that the buffers placed so far leave free for another one.
pub(super) trait FreeSpace {
    /// How often a decoder checks its budget.
    const CHECK_INTERVAL: CheckInterval;

    /// Forgets all buffers that were placed.
    fn clear(&mut self);

    /// The lowest free offset of a buffer, given by position. `offsets` are those of all `buffers`,
    /// [`UNPLACED`] where there is none yet. What it looks at is added to `work`.
    fn lowest_free(
        &mut self,
        index: usize,
        buffers: &[Lifetime],
        offsets: &[u64],
        work: &mut u64,
    ) -> u64;

    /// Notes that a buffer takes these bytes.
    fn take(&mut self, index: usize, bytes: Range<u64>);
}

/// Places buffers in given orders; keeps its memory from one order to the next.
#[derive(Debug)]
pub(super) struct Decoder<'t, S> {
    buffers: &'t [Lifetime],
    space: S,
    offsets: Vec<u64>,
}

impl<'t, S: FreeSpace> Decoder<'t, S> {
    pub(super) fn new(buffers: &'t [Lifetime], space: S) -> Self {
        Self {
            buffers,
            space,
            offsets: alloc::vec![UNPLACED; buffers.len()],
        }
    }

    pub(super) fn space(&self) -> &S {
        &self.space
    }

    /// The offsets that the last complete decode gave, or those that one gave until its budget was
    /// spent, with [`UNPLACED`] for the rest.
    pub(super) fn offsets(&self) -> &[u64] {
        &self.offsets
    }

    pub(super) fn into_offsets(self) -> Vec<u64> {
        self.offsets
    }

    /// Gives each buffer, in this order, its lowest free offset. Returns the peak, or `None` if the
    /// budget was spent before the end.
    pub(super) fn decode(&mut self, order: &[usize], budget: &Budget) -> Option<u64> {
        self.decode_around(&[], order, budget)
    }

    /// Places the buffers in this order around some that are placed already: pairs of position and
    /// offset, which must not overlap each other or a fixed buffer.
    pub(super) fn decode_around(
        &mut self,
        placed: &[(usize, u64)],
        order: &[usize],
        budget: &Budget,
    ) -> Option<u64> {
        self.space.clear();
        self.offsets.fill(UNPLACED);
        let mut peak = 0;
        let fixed = self.buffers.iter().enumerate();
        let fixed = fixed.filter_map(|(i, buffer)| Some((i, buffer.fixed_offset?)));
        for (i, offset) in fixed.chain(placed.iter().copied()) {
            if self.offsets[i] == UNPLACED {
                peak = peak.max(self.place(i, offset));
            }
        }
        let mut work = 0;
        for some in order.chunks(S::CHECK_INTERVAL.nodes() as usize) {
            if budget.is_over() {
                return None;
            }
            budget.spend(some.len() as u64);
            for &i in some {
                if self.offsets[i] == UNPLACED {
                    let offset = self.lowest_free(i, &mut work);
                    peak = peak.max(self.place(i, offset));
                }
                if work >= CheckInterval::STEPS.nodes() {
                    if budget.is_interrupted() {
                        return None;
                    }
                    work = 0;
                }
            }
        }
        Some(peak)
    }

    /// Places the buffers in order of the offsets wanted for them, those without one last: each
    /// falls as low as those below let it. If the wanted offsets make a plan, no buffer ends higher
    /// than there.
    pub(super) fn settle(
        &mut self,
        wanted: impl Fn(usize) -> Option<u64>,
        budget: &Budget,
    ) -> Option<u64> {
        let mut order: Vec<usize> = (0..self.buffers.len()).collect();
        order.sort_by_key(|&i| {
            let wanted = wanted(i);
            (wanted.is_none(), wanted, i)
        });
        self.decode(&order, budget)
    }

    fn lowest_free(&mut self, index: usize, work: &mut u64) -> u64 {
        self.space
            .lowest_free(index, self.buffers, &self.offsets, work)
    }

    /// Places one buffer; returns its end.
    fn place(&mut self, index: usize, offset: u64) -> u64 {
        let end = offset.saturating_add(self.buffers[index].size);
        self.space.take(index, offset..end);
        self.offsets[index] = offset;
        end
    }
}
