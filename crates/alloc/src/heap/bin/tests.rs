//! A bin beside a model of it: a stack whose oldest objects can leave.

use std::{collections::VecDeque, vec::Vec};

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::heap::bin_word::MOST_POPS;

/// A bin of its own, in cells that live as long as the test.
fn bin(capacity: usize) -> Bin {
    let cells: Vec<Cell<*mut u8>> = (0..=capacity).map(|_| Cell::new(ptr::null_mut())).collect();
    let mut bin = Bin::unused();
    // SAFETY: so many null pointers and one more, which nobody else has.
    unsafe { bin.open(cells.leak().as_ptr(), capacity) };
    bin
}

fn object(number: usize) -> *mut u8 {
    ptr::without_provenance_mut(16 * (number + 1))
}

#[test]
fn the_pop_that_is_armed_fails_and_all_are_counted() {
    let bin = bin(8);
    for pops in [MOST_POPS, 1, 2, 7] {
        let before = bin.counters.popped();
        bin.counters.arm(pops);
        for _ in 1..pops.min(20) {
            assert!(!bin.counters.is_due() && bin.push(object(1)));
            assert_eq!(bin.pop().map(NonNull::as_ptr), Some(object(1)));
        }
        assert_eq!(
            (bin.counters.popped(), bin.len()),
            (before + pops.min(20) - 1, 0)
        );
        assert_eq!(bin.counters.is_due(), pops < 20);
    }
    assert!(bin.push(object(1)));
    assert_eq!(bin.pop(), None);
    let popped = bin.counters.popped();
    bin.counters.pop_elsewhere(5);
    assert_eq!(
        (bin.counters.popped(), bin.len(), bin.counters.is_due()),
        (popped + 1, 1, false)
    );
    assert_eq!(bin.pop().map(NonNull::as_ptr), Some(object(1)));
}

/// A thread that only frees would flush two objects at a time for ever.
#[test]
fn the_limit_of_an_idle_bin_settles_at_an_eighth_from_below_and_from_above() {
    let bin = bin(256);
    assert_eq!(bin.limit(), FIRST_LIMIT);
    let settled = |bin: &Bin| {
        bin.settle_limit();
        bin.limit()
    };
    assert_eq!([(); 5].map(|()| settled(&bin)), [8, 16, 32, 32, 32]);
    for _ in 0..4 {
        bin.double_limit();
    }
    assert_eq!([(); 5].map(|()| settled(&bin)), [128, 64, 32, 32, 32]);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Push,
    Pop,
    Refill(usize),
    Drain(usize),
    Double,
    Settle,
    Reset,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => Just(Step::Push),
        6 => Just(Step::Pop),
        1 => (0usize..300).prop_map(Step::Refill),
        1 => (0usize..300).prop_map(Step::Drain),
        1 => Just(Step::Double),
        1 => Just(Step::Settle),
        1 => Just(Step::Reset),
    ]
}

proptest! {
    #[test]
    fn a_bin_is_a_stack_whose_oldest_objects_can_leave(
        capacity in LEAST_CAPACITY..=MOST_OBJECTS,
        steps in vec(step(), 0..400),
    ) {
        let (bin, mut model, mut popped) = (bin(capacity), VecDeque::new(), 0);
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Push => {
                    let has_room = model.len() < bin.limit();
                    prop_assert_eq!(bin.push(object(number)), has_room);
                    model.extend(has_room.then_some(object(number)));
                }
                Step::Pop => {
                    let expected: Option<*mut u8> = model.pop_back();
                    popped += u64::from(expected.is_some());
                    prop_assert_eq!(bin.pop().map(NonNull::as_ptr), expected);
                }
                Step::Refill(most) => {
                    let want = bin.refill_size();
                    let come = (0..want.min(most)).map(|more| object(number * 512 + more));
                    let come: Vec<_> = come.take(bin.limit() - model.len()).collect();
                    bin.refill(want, |cells| {
                        cells.iter().zip(&come).for_each(|(cell, &new)| cell.set(hidden(new)));
                        come.len()
                    });
                    model.extend(come.iter().rev());
                }
                Step::Drain(keep) => {
                    let leaving = model.len() - keep.min(model.len());
                    let expected: Vec<_> = model.drain(..leaving).collect();
                    bin.drain_oldest(keep, |objects| assert_eq!(objects, expected));
                }
                Step::Double => bin.double_limit(),
                Step::Settle => bin.settle_limit(),
                Step::Reset => bin.reset_limit(),
            }
            prop_assert_eq!((bin.len(), bin.counters.popped()), (model.len(), popped));
            prop_assert!(bin.len() <= bin.limit() && bin.limit() <= capacity);
        }
    }
}
