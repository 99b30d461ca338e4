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
    collections::{BTreeMap, BinaryHeap},
    vec::Vec,
};
use core::{alloc::Layout, cmp::Reverse};

use orionrt_buddy::Buddy;

use super::budget::Budget;
use super::section_space::SectionDecoder;
use super::strategy::{Strategy, Task};
use crate::lifetimes::Lifetime;

/// Simulates a heap over time: for each buffer in order of birth, calls `free` for all that have
/// died by then, and `allocate` for the buffer.
fn simulate<H>(
    buffers: &[Lifetime],
    heap: &mut H,
    mut free: impl FnMut(&mut H, u64, &Lifetime),
    mut allocate: impl FnMut(&mut H, &Lifetime) -> u64,
) -> Vec<u64> {
    let mut births: Vec<usize> = (0..buffers.len()).collect();
    births.sort_by_key(|&i| (buffers[i].lower, i));
    let mut offsets = alloc::vec![0; buffers.len()];
    let mut alive = BinaryHeap::new();
    for i in births {
        while let Some(&Reverse((upper, dead))) = alive.peek() {
            if upper > buffers[i].lower {
                break;
            }
            free(heap, offsets[dead], &buffers[dead]);
            alive.pop();
        }
        offsets[i] = allocate(heap, &buffers[i]);
        alive.push(Reverse((buffers[i].upper, i)));
    }
    offsets
}

/// Linear scan over a buddy arena, the classic planner of OrionRT.
#[derive(Clone, Copy, Debug)]
pub(super) struct LinearScan;

/// The most blocks of the buddy arena, to bound the memory of its bitmaps; beyond, blocks get
/// larger.
const MOST_BLOCKS: u64 = 1 << 30;

impl Strategy for LinearScan {
    fn name(&self) -> &str {
        "linear-scan"
    }

    fn place(&self, task: &Task<'_>) -> Vec<u64> {
        // Twice the bytes of all buffers together nearly always suffice; with fragmentation it may
        // take more.
        let total: u64 = task.buffers.iter().map(|b| b.size.max(b.alignment)).sum();
        let mut span = total.next_power_of_two();
        loop {
            if let Some(offsets) = span.checked_mul(2).and_then(|s| scan(task.buffers, s)) {
                return settled_around_fixed(task, offsets);
            }
            match span.checked_mul(2) {
                Some(wider) if i64::try_from(wider).is_ok() => span = wider,
                _ => return settled_around_fixed(task, side_by_side(task.buffers)),
            }
        }
    }
}

/// The offsets of a linear scan over an arena of `span` bytes; `None` if it overflows.
fn scan(buffers: &[Lifetime], span: u64) -> Option<Vec<u64>> {
    let least = buffers.iter().map(|b| b.alignment).min()?;
    let block_bytes = usize::try_from((span / MOST_BLOCKS).next_power_of_two().max(least)).ok()?;
    let span = usize::try_from(span).ok()?;
    let words = alloc::vec![0u64; Buddy::<Vec<u64>>::words_for(span, block_bytes)];
    let mut buddy = Buddy::in_zeroed_words(words, block_bytes, 0..span).ok()?;
    let layout = |b: &Lifetime| {
        let size = usize::try_from(b.size).ok()?;
        Layout::from_size_align(size, usize::try_from(b.alignment).ok()?).ok()
    };
    let mut full = false;
    let offsets = simulate(
        buffers,
        &mut buddy,
        |buddy, offset, dead| {
            if let (true, Some(layout)) = (offset != NO_BLOCK, layout(dead)) {
                let freed = buddy.free(offset as usize, layout);
                debug_assert!(freed.is_ok());
            }
        },
        |buddy, born| {
            let offset = layout(born).and_then(|layout| buddy.allocate(layout));
            full |= offset.is_none();
            offset.map_or(NO_BLOCK, |offset| offset as u64)
        },
    );
    (!full).then_some(offsets)
}

/// Moves the buffers out of the way of fixed ones, if there are any: all settle in order of
/// `offsets`.
fn settled_around_fixed(task: &Task<'_>, offsets: Vec<u64>) -> Vec<u64> {
    if task.buffers.iter().all(|b| b.fixed_offset.is_none()) {
        return offsets;
    }
    let mut decoder = SectionDecoder::of_lifetimes(task.buffers);
    decoder.settle(|i| Some(offsets[i]), &Budget::unlimited());
    decoder.into_offsets()
}

/// The offset of an allocation that failed.
const NO_BLOCK: u64 = u64::MAX;

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
        let offsets = simulate(
            task.buffers,
            &mut gaps,
            |gaps, offset, dead| gaps.free(offset, offset + dead.size),
            |gaps, born| gaps.take(*self, born.size, born.alignment),
        );
        settled_around_fixed(task, offsets)
    }
}

/// The free gaps of a heap below `top`, start → end. They never touch; all bytes from `top` on are
/// free.
#[derive(Debug, Default)]
struct FreeGaps {
    below: BTreeMap<u64, u64>,
    top: u64,
}

impl FreeGaps {
    fn take(&mut self, fit: HeapFit, size: u64, alignment: u64) -> u64 {
        let fits = self.below.iter().filter_map(|(&start, &end)| {
            let offset = start.next_multiple_of(alignment);
            (offset + size <= end).then_some((start, end, offset))
        });
        let found = match fit {
            HeapFit::FirstFit => { fits }.next(),
            HeapFit::BestFit => fits.min_by_key(|(start, end, _)| (end - start, *start)),
        };
        let (start, end, offset) = found.unwrap_or_else(|| self.grow(size, alignment));
        self.below.remove(&start);
        if start < offset {
            self.below.insert(start, offset);
        }
        if offset + size < end {
            self.below.insert(offset + size, end);
        }
        offset
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
            Some((&before, &end_before)) if end_before == start => start = before,
            _ => {}
        }
        if let Some(after) = self.below.remove(&end) {
            end = after;
        }
        self.below.insert(start, end);
    }
}
