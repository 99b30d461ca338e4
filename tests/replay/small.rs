//! Small requests pass by: they leave the recording and the plan empty, whatever else is asked for
//! is found without them, and blocks may cross the threshold in both directions.

use std::{
    alloc::{Layout, System, alloc, alloc_zeroed, dealloc, realloc},
    hint::black_box,
};

use orionrt::{Planner, replay::Session};

use crate::iterations::{ALLOC, last, recorded, run};

fn session_from(threshold: usize) -> Session<'static, System, ()> {
    ALLOC
        .session(Planner::new())
        .threshold(threshold)
        .keep_recordings(true)
        .lanes(0)
}

fn small_requests(count: usize) {
    (0..count).for_each(|i| drop(black_box(Box::new(i))));
}

#[test]
fn half_a_million_small_requests_leave_the_recording_and_the_plan_empty() {
    // Other tests run meanwhile.
    let session = ALLOC.session(Planner::new()).lanes(0);
    let mut session = session.keep_recordings(true);
    for _ in 0..3 {
        run(&mut session, || {
            let kept: Vec<Box<u64>> = (0..1000).map(Box::new).collect();
            small_requests(500_000 - kept.len());
        });
    }
    let recording = session.recording(&()).expect("planned");
    // The vector of 1,000 pointers, and what became of it.
    assert_eq!((recording.events().len(), recording.lost()), (2, 0));
    assert_eq!(recording.requests(0).len(), 1);
    let pointers = 1000 * size_of::<Box<u64>>() as u64;
    assert_eq!(session.plan(&()).map(|plan| plan.peak()), Some(pointers));
    let counts = last(&session);
    assert_eq!((counts.hits, counts.misses.total()), (1, 0));
    let small_bytes = 1000 * size_of::<u64>() + 499_000 * size_of::<usize>();
    let small = (500_000, small_bytes as u64);
    assert_eq!((counts.small, counts.bytes.small), small);
    assert_eq!((counts.heap_bytes, recorded(&session)), (0, 1));
}

#[test]
fn requests_are_found_whatever_small_ones_come_between() {
    let mut session = session_from(100);
    for round in 0..6 {
        run(&mut session, || {
            for size in [100, 5000, 101, 100, 300] {
                small_requests(round * size % 7);
                let first = black_box(vec![1u8; size]);
                small_requests(round);
                drop(black_box(vec![2u8; 99]));
                drop(first);
            }
        });
    }
    let counts = session.report().keys[0].counts;
    assert_eq!((counts.hits, counts.misses.total()), (5 * 5, 0));
    assert_eq!((recorded(&session), counts.heap_bytes), (1, 0));
    assert_eq!(counts.small, {
        let boxes = |round: usize| {
            let before: usize = [100, 5000, 101, 100, 300]
                .map(|s| round * s % 7)
                .iter()
                .sum();
            before + 5 * round + 5
        };
        (1..6).map(boxes).sum::<usize>() as u64
    });
}

#[test]
fn a_vector_that_outgrows_the_threshold_is_planned_from_there_on() {
    let mut session = session_from(256);
    let grow = |count: u32| {
        let mut numbers = Vec::new();
        (0..count).for_each(|i| numbers.push(black_box(i)));
        assert!(numbers.iter().copied().eq(0..count));
    };
    for _ in 0..4 {
        run(&mut session, || (0..5).for_each(|_| grow(1000)));
    }
    let counts = last(&session);
    assert_eq!(
        (counts.hits, counts.misses.total(), counts.heap_bytes),
        (5, 0, 0)
    );
    assert_eq!(session.plan(&()).map(|plan| plan.peak()), Some(4096));
    // Vectors that end before the threshold ask for nothing.
    run(&mut session, || grow(30));
    let counts = last(&session);
    assert_eq!(
        (counts.hits, counts.misses.total(), counts.heap_bytes),
        (0, 0, 0)
    );
}

#[test]
fn a_block_that_shrinks_below_the_threshold_frees_its_place() {
    let mut session = session_from(256);
    for round in 0..4 {
        run(&mut session, || {
            let mut kept = Vec::with_capacity(64);
            for i in 0..10u8 {
                let mut bytes = black_box(vec![i; 4000]);
                bytes.truncate(20);
                bytes.shrink_to_fit();
                kept.push(bytes);
            }
            assert!(kept.iter().zip(0..).all(|(bytes, i)| bytes[..] == [i; 20]));
            // And back.
            let grown = kept.iter_mut().zip(0..);
            grown.for_each(|(bytes, i)| bytes.resize(300, i));
            assert!(kept.iter().zip(0..).all(|(bytes, i)| bytes[..] == [i; 300]));
        });
        assert!(
            round == 0 || last(&session).misses.total() == 0,
            "{:?}",
            last(&session)
        );
    }
    // Ten blocks of 4,000 bytes in one place, and ten of 300 beside the vector of vectors.
    let plan = session.plan(&()).expect("planned");
    let vectors = 64 * size_of::<Vec<u8>>() as u64;
    assert_eq!(plan.peak(), vectors + 4000);
    assert_eq!((last(&session).hits, last(&session).heap_bytes), (21, 0));
}

#[test]
fn small_zeroed_blocks_are_zero_and_stay_what_they_were_when_they_grow() {
    let mut session = session_from(512);
    for _ in 0..4 {
        run(&mut session, || {
            drop(black_box(vec![0xffu8; 2000]));
            let layout = Layout::from_size_align(300, 64).expect("small");
            // SAFETY: no size is zero, and the block is resized and freed with its layouts.
            unsafe {
                let start = alloc_zeroed(layout);
                let zeroed = std::slice::from_raw_parts(start, 300);
                assert!(zeroed.iter().all(|&byte| byte == 0));
                start.write_bytes(7, 300);
                let start = realloc(start, layout, 2000);
                assert_eq!(start.addr() % 64, 0);
                let grown = std::slice::from_raw_parts(start, 300);
                assert!(grown.iter().all(|&byte| byte == 7));
                let start = realloc(
                    start,
                    Layout::from_size_align(2000, 64).expect("small"),
                    100,
                );
                assert_eq!(start.addr() % 64, 0);
                let shrunk = std::slice::from_raw_parts(start, 100);
                assert!(shrunk.iter().all(|&byte| byte == 7));
                dealloc(start, Layout::from_size_align(100, 64).expect("small"));
            }
        });
    }
    let counts = last(&session);
    assert_eq!(
        (counts.hits, counts.misses.total(), counts.small),
        (2, 0, 1)
    );
}

#[test]
fn small_blocks_may_grow_or_end_in_another_iteration_than_they_began() {
    let mut session = session_from(256);
    let layout = |size| Layout::from_size_align(size, 8).expect("small");
    let mut left: Vec<(*mut u8, usize)> = Vec::with_capacity(64);
    for round in 0..8 {
        run(&mut session, || {
            // SAFETY: no size is zero, and blocks are resized and freed with their layouts.
            unsafe {
                for (start, size) in &mut left {
                    let new = [100, 600][round % 2];
                    let least = new.min(*size);
                    *start = realloc(*start, layout(*size), new);
                    let bytes = std::slice::from_raw_parts(*start, least);
                    assert!(bytes.iter().all(|&byte| byte == 9));
                    start.write_bytes(9, new);
                    *size = new;
                }
                for size in [50, 500] {
                    let start = alloc(layout(size));
                    start.write_bytes(9, size);
                    left.push((start, size));
                }
            }
        });
    }
    for (start, size) in left {
        // SAFETY: as above.
        unsafe {
            let bytes = std::slice::from_raw_parts(start, size);
            assert!(bytes.iter().all(|&byte| byte == 9));
            dealloc(start, layout(size));
        }
    }
}
