//! Byte intervals, in order, that neither overlap nor touch: a list, or what `many_intervals` makes
//! of it when it becomes long.
//!
//! Stands on `gap` and on `many_intervals`. A [`GapCursor`] climbs through one of them, from one
//! offset that is asked for to the next higher one.

use alloc::{boxed::Box, vec::Vec};
use core::ops::Range;

use super::gap::align_up;
use super::many_intervals::{ManyCursor, ManyIntervals, skip_to};

/// A set with this many intervals is searched by its gaps.
const MANY: usize = 256;

/// Byte intervals in order that neither overlap nor touch.
#[derive(Clone, Debug)]
pub(super) enum Intervals {
    Few(Vec<Range<u64>>),
    Many(Box<ManyIntervals>),
}

impl Intervals {
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Few(taken) if taken.is_empty())
    }

    /// Frees all bytes; keeps the memory of a small set.
    pub(super) fn clear(&mut self) {
        match self {
            Self::Few(taken) => taken.clear(),
            Self::Many(_) => *self = Self::default(),
        }
    }

    /// Adds an interval, merged with those that it overlaps or touches.
    pub(super) fn insert(&mut self, new: Range<u64>) {
        match self {
            Self::Few(taken) => {
                insert(taken, new);
                if taken.len() >= MANY {
                    *self = Self::Many(Box::new(ManyIntervals::new(taken)));
                }
            }
            Self::Many(taken) => taken.insert(new),
        }
    }

    /// Whether no byte of these is taken.
    pub(super) fn is_free(&self, bytes: &Range<u64>) -> bool {
        match self {
            Self::Few(taken) => {
                let next = taken.partition_point(|taken| taken.end <= bytes.start);
                taken.get(next).is_none_or(|taken| taken.start >= bytes.end)
            }
            Self::Many(taken) => taken.is_free(bytes),
        }
    }
}

impl Default for Intervals {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

/// Adds an interval to a list, merged with those that it overlaps or touches.
fn insert(taken: &mut Vec<Range<u64>>, mut new: Range<u64>) {
    let first = taken.partition_point(|taken| taken.end < new.start);
    let end = first + taken[first..].partition_point(|taken| taken.start <= new.end);
    if first == end {
        if taken.len() == taken.capacity() {
            // There are very many of these sets, and most stay short.
            taken.reserve_exact(4 + taken.len() / 2);
        }
        taken.insert(first, new);
        return;
    }
    new.start = new.start.min(taken[first].start);
    new.end = new.end.max(taken[end - 1].end);
    taken[first] = new;
    taken.drain(first + 1..end);
}

/// A cursor that climbs through intervals.
#[derive(Clone, Copy)]
pub(super) enum GapCursor<'s> {
    /// The intervals before `next` end at or below every offset still to be asked for.
    Few {
        taken: &'s [Range<u64>],
        next: usize,
    },
    Many(ManyCursor<'s>),
}

impl<'s> GapCursor<'s> {
    pub(super) const EMPTY: Self = Self::Few {
        taken: &[],
        next: 0,
    };

    pub(super) fn new(set: &'s Intervals) -> Self {
        match set {
            Intervals::Few(taken) => Self::Few { taken, next: 0 },
            Intervals::Many(taken) => Self::Many(ManyCursor::new(taken)),
        }
    }

    /// The lowest multiple of `alignment` from `from` on with `size` free bytes. This is
    /// `gap::first_gap` with a memory: one pass over the intervals serves all calls of a query.
    /// What it looks at is added to `work`.
    pub(super) fn lowest_free(
        &mut self,
        from: u64,
        size: u64,
        alignment: u64,
        work: &mut u64,
    ) -> u64 {
        let (taken, next) = match self {
            Self::Few { taken, next } => (*taken, next),
            Self::Many(taken) => return taken.lowest_free(from, size, alignment, work),
        };
        let mut offset = align_up(from, alignment);
        *next = skip_to(offset, taken, *next);
        let begin = *next;
        while let Some(taken) = taken.get(*next) {
            if taken.start >= offset.saturating_add(size) {
                break;
            }
            offset = align_up(taken.end, alignment);
            *next += 1;
        }
        *work += (*next - begin) as u64 + 1;
        offset
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_merge_where_they_touch() {
        let mut taken = Vec::new();
        for range in [10..20, 30..40, 20..30, 50..60, 0..5] {
            insert(&mut taken, range);
        }
        assert_eq!(taken, [0..5, 10..40, 50..60]);
        let set = Intervals::Few(taken);
        let lowest_free = |from, size, alignment| {
            let mut cursor = GapCursor::new(&set);
            cursor.lowest_free(from, size, alignment, &mut 0)
        };
        assert_eq!(lowest_free(0, 5, 1), 5);
        assert_eq!(lowest_free(0, 6, 1), 40);
        assert_eq!(lowest_free(0, 4, 16), 64);
        assert_eq!(lowest_free(45, 5, 1), 45);
    }
}
