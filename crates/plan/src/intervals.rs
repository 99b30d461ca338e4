//! Half-open ranges: their union, and how many pairs of them are disjoint.
//!
//! Stands on nothing. Planning has such ranges in space (the bytes of a tensor) and in time (its
//! steps); what is here does not care which.
//!
//! ```text
//! ranges   ├── a ──┤     ├── c ──┤         union: two ranges
//!              ├── b ──┤                   disjoint pairs: (a, c) and (b, c)
//! ```

use alloc::vec::Vec;
use core::ops::Range;

/// The union of the ranges, as ranges in ascending order that neither overlap nor touch.
pub(crate) fn union<T: Ord + Copy>(mut ranges: Vec<Range<T>>) -> Vec<Range<T>> {
    ranges.sort_unstable_by_key(|range| range.start);
    let mut union: Vec<Range<T>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match union.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => union.push(range),
        }
    }
    union
}

/// Whether all elements of a range are in a union.
pub(crate) fn covers<T: Ord + Copy>(union: &[Range<T>], range: &Range<T>) -> bool {
    let next = union.partition_point(|part| part.end <= range.start);
    let is_inside = |part: &Range<T>| part.start <= range.start && range.end <= part.end;
    range.start >= range.end || union.get(next).is_some_and(is_inside)
}

/// The first element that two unions have in common.
pub(crate) fn first_common<T: Ord + Copy>(a: &[Range<T>], b: &[Range<T>]) -> Option<T> {
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    while let (Some(x), Some(y)) = (a.peek(), b.peek()) {
        let start = x.start.max(y.start);
        if start < x.end.min(y.end) {
            return Some(start);
        }
        if x.end <= y.end {
            a.next();
        } else {
            b.next();
        }
    }
    None
}

/// What two unions have in common, as a union.
pub(crate) fn intersection<T: Ord + Copy>(a: &[Range<T>], b: &[Range<T>]) -> Vec<Range<T>> {
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    let mut common = Vec::new();
    while let (Some(x), Some(y)) = (a.peek(), b.peek()) {
        let (start, end) = (x.start.max(y.start), x.end.min(y.end));
        if start < end {
            common.push(start..end);
        }
        if x.end <= y.end {
            a.next();
        } else {
            b.next();
        }
    }
    common
}

/// How many pairs of the ranges are disjoint. O(n log n). No range may be empty.
pub(crate) fn disjoint_pairs<T: Ord + Copy>(ranges: &[Range<T>]) -> u64 {
    let mut starts: Vec<T> = ranges.iter().map(|range| range.start).collect();
    let mut ends: Vec<T> = ranges.iter().map(|range| range.end).collect();
    starts.sort_unstable();
    ends.sort_unstable();
    let mut ended = 0;
    let before = starts.iter().map(|start| {
        ended += ends[ended..].iter().take_while(|end| *end <= start).count();
        ended as u64
    });
    before.sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ranges() -> impl Strategy<Value = Vec<Range<i64>>> {
        let range = (0..40i64, 1..9i64).prop_map(|(start, length)| start..start + length);
        prop::collection::vec(range, 0..12)
    }

    proptest! {
        #[test]
        fn a_union_has_the_elements_of_its_ranges(ranges in ranges()) {
            let union = union(ranges.clone());
            prop_assert!(union.windows(2).all(|pair| pair[0].end < pair[1].start));
            for element in 0..50 {
                let has = |ranges: &[Range<i64>]| ranges.iter().any(|r| r.contains(&element));
                prop_assert_eq!(has(&union), has(&ranges));
            }
        }

        #[test]
        fn a_union_covers_a_range_if_it_has_all_its_elements(
            ranges in ranges(), start in 0..40i64, length in 0..9i64,
        ) {
            let union = union(ranges);
            let range = start..start + length;
            let expected = range.clone().all(|x| union.iter().any(|r| r.contains(&x)));
            prop_assert_eq!(covers(&union, &range), expected);
        }

        #[test]
        fn the_first_common_element_is_the_least_in_both(a in ranges(), b in ranges()) {
            let has = |ranges: &[Range<i64>], x: &i64| ranges.iter().any(|r| r.contains(x));
            let expected = (0..50).find(|x| has(&a, x) && has(&b, x));
            prop_assert_eq!(first_common(&union(a), &union(b)), expected);
        }

        #[test]
        fn an_intersection_has_the_elements_of_both(a in ranges(), b in ranges()) {
            let has = |ranges: &[Range<i64>], x: i64| ranges.iter().any(|r| r.contains(&x));
            let common = intersection(&union(a.clone()), &union(b.clone()));
            prop_assert!(common.windows(2).all(|pair| pair[0].end <= pair[1].start));
            prop_assert!((0..50).all(|x| has(&common, x) == (has(&a, x) && has(&b, x))));
        }

        #[test]
        fn disjoint_pairs_are_those_of_which_one_ends_before_the_other_begins(ranges in ranges()) {
            let mut expected = 0;
            for (i, a) in ranges.iter().enumerate() {
                let apart = |b: &&Range<i64>| a.end <= b.start || b.end <= a.start;
                expected += ranges[..i].iter().filter(apart).count();
            }
            prop_assert_eq!(disjoint_pairs(&ranges), expected as u64);
        }
    }
}
