//! Heaps simulated over time: each buffer is allocated when it is born, and freed when it has died.
//!
//! Stands on the buddy allocator of offsets. Invariant: buffers whose rows overlap are allocated at
//! the same time, so a heap that never grants a byte twice gives them bytes apart.

use alloc::{collections::BinaryHeap, vec::Vec};
use core::{alloc::Layout, cmp::Reverse};

use orionrt_buddy::Buddy;

use super::budget::{Budget, CheckInterval};
use super::decoder::UNPLACED;
use crate::lifetimes::Lifetime;

/// Simulates a heap over time: for each buffer in order of birth, calls `free` for all that have
/// died by then, and `allocate` for the buffer. Those that are born after the time of `budget` is
/// over stay [`UNPLACED`].
pub(super) fn simulate<H>(
    buffers: &[Lifetime],
    budget: &Budget,
    heap: &mut H,
    mut free: impl FnMut(&mut H, u64, &Lifetime),
    mut allocate: impl FnMut(&mut H, &Lifetime) -> u64,
) -> Vec<u64> {
    let mut births: Vec<usize> = (0..buffers.len()).collect();
    births.sort_by_key(|&i| (buffers[i].lower, i));
    let mut offsets = alloc::vec![UNPLACED; buffers.len()];
    let mut alive = BinaryHeap::new();
    for (birth, i) in (0..).zip(births) {
        if CheckInterval::BIRTHS.is_due(birth) && birth > 0 && budget.is_interrupted() {
            break;
        }
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

/// The offsets that a buddy arena gives the buffers, over the smallest span in which all find room;
/// `None` if that is beyond 2⁶³ bytes. O(n log n).
pub(super) fn buddy_scan(buffers: &[Lifetime]) -> Option<Vec<u64>> {
    // Twice the bytes of all buffers together nearly always suffice; with fragmentation it may
    // take more.
    let sizes = buffers.iter().map(|b| b.size.max(b.alignment));
    let total = sizes.fold(0, u64::saturating_add);
    let mut span = total.checked_next_power_of_two()?;
    loop {
        span = span.checked_mul(2)?;
        if let Some(offsets) = scan(buffers, span) {
            return Some(offsets);
        }
        i64::try_from(span).ok()?;
    }
}

/// The most blocks of the buddy arena, to bound the memory of its bitmaps; beyond, blocks get
/// larger. With 32 bits it is what a [`Buddy`] can manage.
const MOST_BLOCKS: u64 = 1 << if usize::BITS < 64 { 24 } else { 30 };

/// The offset of an allocation that failed.
const NO_BLOCK: u64 = u64::MAX;

/// The offsets of a linear scan over an arena of `span` bytes; `None` if it overflows.
fn scan(buffers: &[Lifetime], span: u64) -> Option<Vec<u64>> {
    let least = buffers.iter().map(|b| b.alignment).min()?;
    let block_bytes = (span / MOST_BLOCKS).next_power_of_two().max(least);
    // To the allocator a block is a byte: with 32 bits, the span in bytes may be no `usize`.
    let blocks = usize::try_from(span / block_bytes).ok()?;
    let words = alloc::vec![0u64; Buddy::<Vec<u64>>::words_for(blocks, 1)];
    let mut buddy = Buddy::in_zeroed_words(words, 1, 0..blocks).ok()?;
    let layout = |b: &Lifetime| {
        let size = usize::try_from(b.size.div_ceil(block_bytes)).ok()?;
        let alignment = (b.alignment / block_bytes).max(1);
        Layout::from_size_align(size, usize::try_from(alignment).ok()?).ok()
    };
    let mut full = false;
    let offsets = simulate(
        buffers,
        &Budget::unlimited(),
        &mut buddy,
        |buddy, offset, dead| {
            if let (true, Some(layout)) = (offset != NO_BLOCK, layout(dead)) {
                let freed = buddy.free((offset / block_bytes) as usize, layout);
                debug_assert!(freed.is_ok());
            }
        },
        |buddy, born| {
            let offset = layout(born).and_then(|layout| buddy.allocate(layout));
            full |= offset.is_none();
            offset.map_or(NO_BLOCK, |offset| offset as u64 * block_bytes)
        },
    );
    (!full).then_some(offsets)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Also where the span has more bytes than the machine has addresses, or more than there are
    /// blocks. Each buffer is alive at the birth of the next one.
    #[test]
    fn buffers_one_after_the_other_take_turns_in_two_places_whatever_their_size() {
        for (size, alignment) in [(48, 1), (12 << 20, 1), (12 << 20, 64), (3 << 40, 4096)] {
            let buffers: Vec<_> = (0..9)
                .map(|i| Lifetime::new(i, i + 2, size).with_alignment(alignment))
                .collect();
            let offsets = buddy_scan(&buffers).expect("far below 2⁶³ bytes");
            let end = offsets.iter().map(|offset| offset + size).max();
            assert!(end <= Some(3 * size), "{size}: {offsets:?}");
            for (i, pair) in offsets.windows(2).enumerate() {
                assert!(
                    pair[0].abs_diff(pair[1]) >= size,
                    "{size}: {i}, {offsets:?}"
                );
                assert!(pair[0] % alignment == 0);
            }
        }
    }
}
