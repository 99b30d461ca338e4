//! What a pass had no time for: buffers that have no offset yet get one above all others, in
//! O(n log n).
//!
//! Stands on `heap_simulation`. A search ends when its time is over, and there must be a plan by
//! then. So the first pass, without which there is none, may end early, too, and this is its end:
//! far from the best plan, but a plan.
//!
//! ```text
//! offset │        ┌─d─┐┌─f─┐       d, e and f were not placed in time: a buddy arena on top of
//!        │ ┌─ e ─┐└───┘└───┘       the others has room for them
//!        │ └─────┘ ┄┄┄┄┄┄┄┄┄┄┄┄┄ the highest end of a, b and c
//!        │ ┌─a─┐┌── b ──┐┌─c─┐
//! ```
//!
//! Invariant: what has an offset keeps it, unless the others find no room above it. Fixed buffers
//! keep theirs in any case.

use alloc::vec::Vec;
use core::ops::Range;

use super::decoder::UNPLACED;
use super::gap::align_up;
use super::heap_simulation::buddy_scan;
use crate::intervals::union;
use crate::lifetimes::Lifetime;

/// Which buffers conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Conflicts {
    /// Only those whose rows overlap.
    OfRows,
    /// Maybe others, too.
    Unknown,
}

/// Gives an offset to each buffer that is [`UNPLACED`]. The others must not overlap where they
/// conflict.
pub(super) fn place_rest(buffers: &[Lifetime], offsets: &mut [u64], conflicts: Conflicts) {
    for (offset, buffer) in offsets.iter_mut().zip(buffers) {
        *offset = buffer.fixed_offset.unwrap_or(*offset);
    }
    let rest: Vec<usize> = (0..buffers.len())
        .filter(|&i| offsets[i] == UNPLACED)
        .collect();
    if rest.is_empty() {
        return;
    }
    let ends = buffers.iter().zip(&*offsets);
    let ends = ends.filter(|(_, offset)| **offset != UNPLACED);
    let ends = ends.map(|(buffer, offset)| offset.saturating_add(buffer.size));
    let top = ends.max().unwrap_or(0);
    let own: Vec<Lifetime> = rest.iter().map(|&i| buffers[i]).collect();
    let placed = match conflicts {
        Conflicts::OfRows => buddy_scan(&own).and_then(|found| on_top(&own, found, top)),
        Conflicts::Unknown => None,
    };
    let placed = placed.or_else(|| one_after_the_other(&own, &[], top));
    if let Some(placed) = placed {
        rest.into_iter()
            .zip(placed)
            .for_each(|(i, offset)| offsets[i] = offset);
        return;
    }
    // What was placed reaches too far up: all begin anew, around the fixed ones.
    let movable = (0..buffers.len()).filter(|&i| buffers[i].fixed_offset.is_none());
    let movable: Vec<usize> = movable.collect();
    let own: Vec<Lifetime> = movable.iter().map(|&i| buffers[i]).collect();
    let fixed = buffers.iter().filter_map(Lifetime::fixed_bytes);
    let fixed = union(fixed.collect());
    let placed = one_after_the_other(&own, &fixed, 0).unwrap_or_default();
    movable
        .into_iter()
        .zip(placed)
        .for_each(|(i, offset)| offsets[i] = offset);
}

/// Offsets raised to a multiple of all alignments from `top` on; `None` if one ends at 2⁶³ or
/// above.
fn on_top(buffers: &[Lifetime], offsets: Vec<u64>, top: u64) -> Option<Vec<u64>> {
    let alignments = buffers.iter().map(|buffer| buffer.alignment);
    let base = align_up(top, alignments.max().unwrap_or(1)).max(top);
    let raised = offsets.iter().zip(buffers).map(|(offset, buffer)| {
        let raised = base.checked_add(*offset)?;
        is_below_limit(raised.checked_add(buffer.size)?).then_some(raised)
    });
    raised.collect()
}

/// Offsets from `from` on, each behind the one before it and beside ascending `taken` bytes; `None`
/// if one ends at 2⁶³ or above.
fn one_after_the_other(buffers: &[Lifetime], taken: &[Range<u64>], from: u64) -> Option<Vec<u64>> {
    let (mut end, mut taken) = (from, taken.iter().peekable());
    let each = buffers.iter().map(|buffer| {
        let mut offset = end.checked_next_multiple_of(buffer.alignment)?;
        while let Some(bytes) = taken.peek() {
            if offset.checked_add(buffer.size)? <= bytes.start {
                break;
            }
            if bytes.end > offset {
                offset = bytes.end.checked_next_multiple_of(buffer.alignment)?;
            }
            taken.next();
        }
        end = offset.checked_add(buffer.size)?;
        is_below_limit(end).then_some(offset)
    });
    each.collect()
}

fn is_below_limit(end: u64) -> bool {
    i64::try_from(end).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn buffers() -> impl Strategy<Value = Vec<Lifetime>> {
        let buffer = (
            0i64..20,
            1i64..9,
            1u64..40,
            0u32..5,
            prop::option::weighted(0.2, 0u64..9),
        );
        let buffer = buffer.prop_map(|(lower, length, size, shift, fixed)| {
            let row = Lifetime::new(lower, lower + length, size).with_alignment(1 << shift);
            Lifetime {
                fixed_offset: fixed.map(|fixed| (fixed * 50) << shift),
                ..row
            }
        });
        prop::collection::vec(buffer, 0..30)
    }

    proptest! {
        #[test]
        fn buffers_without_an_offset_get_one_that_no_other_overlaps(
            buffers in buffers(),
            of_rows in any::<bool>(),
        ) {
            // Fixed buffers must not overlap each other: keep those that do not.
            let mut rows: Vec<Lifetime> = Vec::new();
            for row in buffers {
                let meets = |other: &&Lifetime| {
                    let bytes = row.fixed_bytes().zip(other.fixed_bytes());
                    bytes.is_some_and(|(a, b)| a.start < b.end && b.start < a.end)
                };
                if !rows.iter().any(|other| meets(&other)) {
                    rows.push(row);
                }
            }
            let mut offsets = alloc::vec![UNPLACED; rows.len()];
            let conflicts = if of_rows { Conflicts::OfRows } else { Conflicts::Unknown };
            place_rest(&rows, &mut offsets, conflicts);
            for (i, a) in rows.iter().enumerate() {
                prop_assert_eq!(offsets[i] % a.alignment, 0);
                prop_assert!(a.fixed_offset.is_none_or(|fixed| fixed == offsets[i]));
                for (j, b) in rows[..i].iter().enumerate() {
                    let apart = offsets[i] + a.size <= offsets[j]
                        || offsets[j] + b.size <= offsets[i];
                    prop_assert!(apart || (of_rows && !a.conflicts(b)));
                }
            }
        }
    }

    #[test]
    fn what_finds_no_room_above_a_fixed_buffer_goes_below_it() {
        let fixed = Lifetime::new(0, 1, 1 << 62).with_fixed_offset((1 << 62) - 8);
        let rows = [
            Lifetime::new(0, 1, 5),
            fixed,
            Lifetime::new(0, 1, 3),
            Lifetime::new(0, 1, 7),
        ];
        let mut offsets = [UNPLACED; 4];
        place_rest(&rows, &mut offsets, Conflicts::Unknown);
        assert_eq!(offsets, [0, (1 << 62) - 8, 5, 8]);
    }
}
