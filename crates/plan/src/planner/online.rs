//! Strategies in time order: what an allocator would do that sees each buffer only when it is born.
//!
//! - `linear-scan`: sort by start, release the expired, allocate from a buddy arena (linear scan register
//!   allocation, Poletto and Sarkar 1999, over Knowlton's buddies);
//! - `first-fit` and `best-fit`: a heap's free gaps, the lowest that fits or the smallest that fits.
//!
//! Fixed buffers are as free as the others at first; then all fall into place around them.
//!
//! They are fast and keep neighbours in time near in space, but cannot know what comes; the greedy ones can.

use alloc::{
    collections::{BTreeMap, BinaryHeap},
    vec::Vec,
};
use core::{alloc::Layout, cmp::Reverse};

use super::{Strategy, Task, earlier::settled};
use crate::lifetimes::Lifetime;
use orionrt_buddy::Buddy;

/// Runs through time: calls `free` for what has died, then `allocate`, for each buffer in order of birth.
fn in_time_order<H>(
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

/// The classic planner of OrionRT: linear scan over a buddy arena.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinearScan;

/// Bitmaps for more blocks than this would cost more memory than they are worth; blocks get larger instead.
const MOST_BLOCKS: u64 = 1 << 30;

impl Strategy for LinearScan {
    fn name(&self) -> &str {
        "linear-scan"
    }

    fn place(&self, task: &Task<'_>) -> Vec<u64> {
        // Twice everything side by side nearly always suffices; fragmentation may ask for more.
        let total: u64 = task.buffers.iter().map(|b| b.size.max(b.alignment)).sum();
        let mut span = total.next_power_of_two();
        loop {
            if let Some(offsets) = span.checked_mul(2).and_then(|s| scan(task.buffers, s)) {
                return around_fixed(task, offsets);
            }
            match span.checked_mul(2) {
                Some(wider) if i64::try_from(wider).is_ok() => span = wider,
                _ => return around_fixed(task, side_by_side(task.buffers)),
            }
        }
    }
}

/// Linear scan in `span` bytes; `None` if they do not suffice.
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
    let offsets = in_time_order(
        buffers,
        &mut buddy,
        |buddy, offset, dead| {
            if let (true, Some(layout)) = (offset != NOWHERE, layout(dead)) {
                let freed = buddy.free(offset as usize, layout);
                debug_assert!(freed.is_ok());
            }
        },
        |buddy, born| {
            let offset = layout(born).and_then(|layout| buddy.allocate(layout));
            full |= offset.is_none();
            offset.map_or(NOWHERE, |offset| offset as u64)
        },
    );
    (!full).then_some(offsets)
}

/// Lets everything fall into place around fixed buffers, if there are any.
fn around_fixed(task: &Task<'_>, offsets: Vec<u64>) -> Vec<u64> {
    if task.buffers.iter().all(|b| b.fixed_offset.is_none()) {
        return offsets;
    }
    let wanted: Vec<Option<u64>> = offsets.into_iter().map(Some).collect();
    settled(task.buffers, &wanted)
}

/// The offset of an allocation that failed.
const NOWHERE: u64 = u64::MAX;

/// No sharing at all: what is left when sizes are too near to 2⁶³ for anything else.
fn side_by_side(buffers: &[Lifetime]) -> Vec<u64> {
    let mut end = 0u64;
    let offsets = buffers.iter().map(|b| {
        let offset = end.next_multiple_of(b.alignment);
        end = offset + b.size;
        offset
    });
    offsets.collect()
}

/// A heap simulated over time: each buffer, when born, takes a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Online {
    /// The lowest gap that is large enough.
    FirstFit,
    /// The smallest gap that is large enough, the lowest of equals.
    BestFit,
}

impl Strategy for Online {
    fn name(&self) -> &str {
        match self {
            Self::FirstFit => "first-fit",
            Self::BestFit => "best-fit",
        }
    }

    fn place(&self, task: &Task<'_>) -> Vec<u64> {
        let mut gaps = Gaps::default();
        let offsets = in_time_order(
            task.buffers,
            &mut gaps,
            |gaps, offset, dead| gaps.free(offset, offset + dead.size),
            |gaps, born| gaps.take(*self, born.size, born.alignment),
        );
        around_fixed(task, offsets)
    }
}

/// The free bytes below `top`, as start → end; everything from `top` on is free. Gaps never touch.
#[derive(Debug, Default)]
struct Gaps {
    below: BTreeMap<u64, u64>,
    top: u64,
}

impl Gaps {
    fn take(&mut self, fit: Online, size: u64, alignment: u64) -> u64 {
        let fits = self.below.iter().filter_map(|(&start, &end)| {
            let offset = start.next_multiple_of(alignment);
            (offset + size <= end).then_some((start, end, offset))
        });
        let found = match fit {
            Online::FirstFit => { fits }.next(),
            Online::BestFit => fits.min_by_key(|(start, end, _)| (end - start, *start)),
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

    /// Raises the top so that its gap fits; a gap that touches the top is used first.
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
        if let Some((&before, &touching)) = self.below.range(..start).next_back()
            && touching == start
        {
            start = before;
        }
        if let Some(after) = self.below.remove(&end) {
            end = after;
        }
        self.below.insert(start, end);
    }
}
