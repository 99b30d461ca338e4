//! A bin beside a model of it: a stack whose oldest objects can leave.

use std::{boxed::Box, collections::VecDeque, vec::Vec};

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::heap::bin_word::MOST_POPS;

/// Empty bins that live as long as the program. Their bytes are zero before, as those of a cache.
fn bins() -> &'static Bins {
    let bins: Box<MaybeUninit<Bins>> = Box::new(MaybeUninit::zeroed());
    // SAFETY: integers, cells of these, and null pointers.
    let bins = Box::leak(unsafe { bins.assume_init() });
    bins.open();
    bins
}

/// An empty bin of the class for so many bytes.
fn bin(bytes: usize) -> Bin<'static> {
    bins().bin(Class::of_size(bytes).expect("a class"))
}

fn object(number: usize) -> *mut u8 {
    ptr::without_provenance_mut(16 * (number + 1))
}

#[test]
fn the_pop_that_is_armed_fails_and_all_are_counted() {
    let bin = bin(4096);
    for pops in [MOST_POPS, 1, 2, 7] {
        let before = bin.popped();
        bin.arm(pops);
        for _ in 1..pops.min(20) {
            assert!(!bin.is_due() && bin.push(object(1)));
            assert_eq!(bin.pop().map(NonNull::as_ptr), Some(object(1)));
        }
        assert_eq!((bin.popped(), bin.len()), (before + pops.min(20) - 1, 0));
        assert_eq!(bin.is_due(), pops < 20);
    }
    assert!(bin.push(object(1)));
    assert_eq!(bin.pop(), None);
    let popped = bin.popped();
    bin.pop_elsewhere(5);
    assert_eq!(
        (bin.popped(), bin.len(), bin.is_due()),
        (popped + 1, 1, false)
    );
    assert_eq!(bin.pop().map(NonNull::as_ptr), Some(object(1)));
}

/// A thread that only frees would flush two objects at a time for ever.
#[test]
fn the_limit_of_an_idle_bin_settles_at_an_eighth_from_below_and_from_above() {
    let bin = bin(16);
    assert_eq!(bin.capacity(), 256);
    assert_eq!(bin.limit(), FIRST_LIMIT);
    let settled = || {
        bin.settle_limit();
        bin.limit()
    };
    assert_eq!([(); 5].map(|()| settled()), [8, 16, 32, 32, 32]);
    for _ in 0..4 {
        bin.double_limit();
    }
    assert_eq!([(); 5].map(|()| settled()), [128, 64, 32, 32, 32]);
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
        class in (0..CLASSES).prop_map(Class::numbered),
        steps in vec(step(), 0..400),
    ) {
        let (bin, mut model, mut popped) = (bins().bin(class), VecDeque::new(), 0);
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
            prop_assert_eq!((bin.len(), bin.popped()), (model.len(), popped));
            prop_assert!(bin.len() <= bin.limit() && bin.limit() <= bin.capacity());
        }
    }
}

/// Full bins of neighbouring classes keep their objects apart.
#[test]
fn no_bin_writes_to_the_cells_of_another() {
    let bins = bins();
    for class in Class::all() {
        let bin = bins.bin(class);
        while bin.limit() < bin.capacity() {
            bin.double_limit();
        }
        while bin.push(object(class.index())) {}
        assert_eq!(bin.len(), bin.capacity());
    }
    for class in Class::all() {
        let bin = bins.bin(class);
        let mut count = 0;
        while let Some(popped) = bin.pop() {
            assert_eq!(popped.as_ptr(), object(class.index()));
            count += 1;
        }
        assert_eq!(count, bin.capacity());
    }
}
