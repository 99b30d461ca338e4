//! The counters around replay and beneath it, against an iteration whose requests are known.

use std::alloc::System;

use orionrt::{Planner, ReplayAlloc, ReplayError};
use orionrt_engines::{Counted, Counts};

#[global_allocator]
static ALLOC: Counted<ReplayAlloc<Counted<System>>> =
    Counted::new(ReplayAlloc::new(Counted::new(System)));

const BYTES: usize = 1 << 20;

fn counts() -> Counts {
    Counts {
        asked: ALLOC.asked(),
        heap: ALLOC.inner().inner().asked(),
        released: ALLOC.released(),
    }
}

/// Two buffers that are released, one that is returned, and another if asked for.
fn iteration(has_more: bool) -> (Vec<u8>, Counts) {
    let before = counts();
    let first = vec![1u8; BYTES];
    let mut second = first.clone();
    if has_more {
        second[0] = vec![2u8; 2 * BYTES][BYTES];
    }
    let result = second[..BYTES / 4].to_vec();
    drop((first, second));
    (result, counts() - before)
}

#[test]
fn rates_are_those_of_an_iteration_whose_requests_are_known() -> Result<(), ReplayError> {
    let mut session = ALLOC.inner().session(Planner::new());
    for _ in 0..3 {
        session.run(0, || iteration(false))?;
    }
    let (_, all_planned) = session.run(0, || iteration(false))?;
    assert_eq!(all_planned.asked.blocks, 3);
    assert_eq!(all_planned.hit_rates(), (1.0, 1.0));
    let (_, one_unplanned) = session.run(0, || iteration(true))?;
    assert_eq!(
        one_unplanned.asked.bytes,
        4 * BYTES as u64 + BYTES as u64 / 4
    );
    assert_eq!(one_unplanned.hit_rates(), (2.0 / 3.0, 0.5));
    Ok(())
}
