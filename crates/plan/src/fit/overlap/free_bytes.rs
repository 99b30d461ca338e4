//! When the bytes of a memory become free.
//!
//! Stands on nothing. Intervals of bytes have the time at which they were given up last, and by
//! which step. Invariant: intervals do not overlap, and bytes in none of them have been free from
//! the start.

use alloc::collections::BTreeMap;
use core::ops::Range;

/// A time, and the step that ends then.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Since {
    pub(super) seconds: f64,
    pub(super) step: usize,
}

/// The times at which the bytes of one memory become free.
#[derive(Debug, Default)]
pub(super) struct FreeBytes {
    /// By where each interval begins: where it ends, and since when it is free.
    intervals: BTreeMap<u64, (u64, Since)>,
}

impl FreeBytes {
    /// When all bytes of a range are free; `None` if they have been from the start.
    pub(super) fn free_since(&self, bytes: Range<u64>) -> Option<Since> {
        let below = self.intervals.range(..=bytes.start).next_back();
        let first = below.filter(|(_, (end, _))| *end > bytes.start);
        let first = first.map(|(_, &(_, since))| since);
        let inside = self.intervals.range(bytes).map(|(_, &(_, since))| since);
        let all = first.into_iter().chain(inside);
        all.reduce(|a, b| if b.seconds > a.seconds { b } else { a })
    }

    /// The bytes of a range, which is not empty, are given up.
    pub(super) fn give_up(&mut self, bytes: Range<u64>, since: Since) {
        let below = self.intervals.range_mut(..bytes.start).next_back();
        if let Some((_, (end, of))) = below.filter(|(_, (end, _))| *end > bytes.start) {
            let rest = (*end, *of);
            *end = bytes.start;
            if rest.0 > bytes.end {
                self.intervals.insert(bytes.end, rest);
            }
        }
        while let Some((&start, &(end, of))) = self.intervals.range(bytes.clone()).next() {
            self.intervals.remove(&start);
            if end > bytes.end {
                self.intervals.insert(bytes.end, (end, of));
            }
        }
        self.intervals.insert(bytes.start, (bytes.end, since));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn since(seconds: f64) -> Since {
        Since { seconds, step: 0 }
    }

    #[test]
    fn later_owners_take_parts_of_what_is_free() {
        let mut free = FreeBytes::default();
        assert_eq!(free.free_since(0..100), None);
        free.give_up(10..30, since(1.0));
        free.give_up(15..20, since(2.0));
        let found = |range| free.free_since(range).map(|since| since.seconds);
        assert_eq!(found(0..10), None);
        assert_eq!(found(0..11), Some(1.0));
        assert_eq!(found(12..16), Some(2.0));
        assert_eq!(found(19..20), Some(2.0));
        assert_eq!(found(20..40), Some(1.0));
        assert_eq!(found(30..40), None);
    }

    #[test]
    fn an_owner_of_everything_covers_all_before() {
        let mut free = FreeBytes::default();
        free.give_up(10..20, since(5.0));
        free.give_up(20..30, since(7.0));
        free.give_up(15..25, since(9.0));
        free.give_up(0..28, since(11.0));
        let found = |range| free.free_since(range).map(|since| since.seconds);
        assert_eq!(found(0..28), Some(11.0));
        assert_eq!(found(28..30), Some(7.0));
    }
}
