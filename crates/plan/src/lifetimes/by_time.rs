//! Sorting of steps with rows by their steps.
//!
//! Stands on nothing. Many runs of a model have millions of births, at steps that are close to each
//! other, so they are sorted digit by digit, from the last digit of the step to the first.
//!
//! Invariant: what has the same step keeps its order.

use alloc::{vec, vec::Vec};
use core::mem;

/// A step, and the row that is born or dies there.
pub(crate) type Event = (i64, usize);

/// The bits of a digit.
const DIGIT: usize = 11;
/// With fewer events, comparing them is less work than counting digits.
const FEW: usize = 1 << 12;

/// The events in order of their steps. O(n) for n events at about as many steps.
pub(super) fn by_time(mut events: Vec<Event>) -> Vec<Event> {
    if events.len() < FEW || events.is_sorted_by_key(|(step, _)| *step) {
        events.sort_by_key(|(step, _)| *step);
        return events;
    }
    let steps = || events.iter().map(|(step, _)| *step);
    let (first, last) = (steps().min().unwrap_or(0), steps().max().unwrap_or(0));
    let bits = (u64::BITS - last.abs_diff(first).leading_zeros()) as usize;
    let mut sorted = vec![(0, 0); events.len()];
    for shift in (0..bits).step_by(DIGIT) {
        let digit = |step: i64| (step.abs_diff(first) >> shift) as usize % (1 << DIGIT);
        let mut places = [0usize; 1 << DIGIT];
        events.iter().for_each(|event| places[digit(event.0)] += 1);
        let mut before = 0;
        for place in &mut places {
            before += mem::replace(place, before);
        }
        for event in &events {
            let place = &mut places[digit(event.0)];
            sorted[*place] = *event;
            *place += 1;
        }
        mem::swap(&mut events, &mut sorted);
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn events_come_in_the_order_of_a_stable_sort(
            seed: u64,
            range in prop::sample::select(vec![1u64, 2, 4000, 1 << 40, u64::MAX]),
            first in prop::sample::select(vec![i64::MIN, -7, 0]),
            count in 0usize..3 * FEW,
        ) {
            let mut state = seed;
            let mut next = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                state.rotate_left(32)
            };
            let step = |at: u64| first.saturating_add_unsigned(at % range);
            let events: Vec<Event> = (0..count).map(|row| (step(next()), row)).collect();
            let mut expected = events.clone();
            expected.sort_by_key(|(step, _)| *step);
            prop_assert_eq!(by_time(events), expected);
        }
    }
}
