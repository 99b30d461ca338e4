//! Online strategies: place each buffer when it is born, as an allocator would.
//!
//! - `linear-scan`: sort by birth, release what has died, allocate from a buddy arena (linear scan
//!   register allocation, Poletto and Sarkar 1999, over Knowlton's buddies);
//! - `first-fit` and `best-fit`: of a heap's free gaps, the lowest or the smallest that is large
//!   enough.
//!
//! They are fast and keep neighbours in time near in memory, but decide without knowing what comes;
//! the greedy strategies know. Fixed offsets are ignored at first; where there are any, all
//! buffers then settle around them, in order of their offsets.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use super::heap_simulation::{buddy_scan, simulate};
use super::remainder::{Conflicts, place_rest};
use super::section_space::SectionDecoder;
use super::strategy::{Strategy, Task};
use crate::lifetimes::Lifetime;

/// Linear scan over a buddy arena, the classic planner of OrionRT.
#[derive(Clone, Copy, Debug)]
pub(super) struct LinearScan;

impl Strategy for LinearScan {
    fn name(&self) -> &str {
        "linear-scan"
    }

    fn place(&self, task: &Task<'_>) -> Vec<u64> {
        let found = buddy_scan(task.buffers);
        settled_around_fixed(task, found.unwrap_or_else(|| side_by_side(task.buffers)))
    }
}

/// Moves the buffers out of the way of fixed ones, if there are any: all settle in order of
/// `offsets`.
fn settled_around_fixed(task: &Task<'_>, offsets: Vec<u64>) -> Vec<u64> {
    if task.buffers.iter().all(|b| b.fixed_offset.is_none()) {
        return offsets;
    }
    let mut decoder = SectionDecoder::of_lifetimes(task.buffers);
    let is_complete = decoder.settle(
        |i| Some(offsets[i]),
        &task.budget.of_first_plan(task.buffers.len()),
    );
    let mut offsets = decoder.into_offsets();
    if is_complete.is_none() {
        place_rest(task.buffers, &mut offsets, Conflicts::OfRows);
    }
    offsets
}

/// One buffer behind the other, without sharing: the last resort where sizes are so near to 2⁶³
/// that the arena cannot grow.
fn side_by_side(buffers: &[Lifetime]) -> Vec<u64> {
    let mut end = 0u64;
    let offsets = buffers.iter().map(|b| {
        let offset = end.next_multiple_of(b.alignment);
        end = offset + b.size;
        offset
    });
    offsets.collect()
}

/// A heap simulated over time: each buffer, when born, takes a free gap.
#[derive(Clone, Copy, Debug)]
pub(super) enum HeapFit {
    /// The lowest gap that is large enough.
    FirstFit,
    /// The smallest gap that is large enough, the lowest of equals.
    BestFit,
}

impl Strategy for HeapFit {
    fn name(&self) -> &str {
        match self {
            Self::FirstFit => "first-fit",
            Self::BestFit => "best-fit",
        }
    }

    fn place(&self, task: &Task<'_>) -> Vec<u64> {
        let mut gaps = FreeGaps::default();
        let mut offsets = simulate(
            task.buffers,
            &task.budget.of_first_plan(task.buffers.len()),
            &mut gaps,
            |gaps, offset, dead| gaps.free(offset, offset + dead.size),
            |gaps, born| gaps.take(*self, born.size, born.alignment),
        );
        place_rest(task.buffers, &mut offsets, Conflicts::OfRows);
        settled_around_fixed(task, offsets)
    }
}

/// The free gaps of a heap below `top`, start → end. They never touch; all bytes from `top` on are
/// free.
#[derive(Debug, Default)]
struct FreeGaps {
    below: BTreeMap<u64, u64>,
    /// The gaps by length, then start.
    by_length: BTreeSet<(u64, u64)>,
    top: u64,
}

impl FreeGaps {
    fn take(&mut self, fit: HeapFit, size: u64, alignment: u64) -> u64 {
        let fits = |start: u64, end: u64| {
            let offset = start.next_multiple_of(alignment);
            (offset + size <= end).then_some((start, end, offset))
        };
        let found = match fit {
            HeapFit::FirstFit => {
                let mut gaps = self.below.iter();
                gaps.find_map(|(&start, &end)| fits(start, end))
            }
            HeapFit::BestFit => {
                let mut gaps = self.by_length.range((size, 0)..);
                gaps.find_map(|&(length, start)| fits(start, start + length))
            }
        };
        let (start, end, offset) = found.unwrap_or_else(|| self.grow(size, alignment));
        self.remove(start);
        if start < offset {
            self.insert(start, offset);
        }
        if offset + size < end {
            self.insert(offset + size, end);
        }
        offset
    }

    fn insert(&mut self, start: u64, end: u64) {
        self.below.insert(start, end);
        self.by_length.insert((end - start, start));
    }

    fn remove(&mut self, start: u64) -> Option<u64> {
        let end = self.below.remove(&start)?;
        self.by_length.remove(&(end - start, start));
        Some(end)
    }

    /// Raises the top to make room, and returns the gap to use and the offset in it. A gap that
    /// touches the top is extended.
    fn grow(&mut self, size: u64, alignment: u64) -> (u64, u64, u64) {
        let last = self.below.last_key_value();
        let start = match last {
            Some((&start, &end)) if end == self.top => start,
            _ => self.top,
        };
        let offset = start.next_multiple_of(alignment);
        self.top = offset + size;
        (start, self.top, offset)
    }

    fn free(&mut self, mut start: u64, mut end: u64) {
        match self.below.range(..start).next_back() {
            Some((&before, &end_before)) if end_before == start => {
                self.remove(before);
                start = before;
            }
            _ => {}
        }
        if let Some(after) = self.remove(end) {
            end = after;
        }
        self.insert(start, end);
    }
}
