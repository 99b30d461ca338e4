//! Buffers: freed elsewhere, escaped, alive at a panic, resized, aligned, zeroed; and iterations
//! that do not nest.

use std::{
    alloc::{Layout, alloc, dealloc},
    cell::RefCell,
    collections::BTreeSet,
    hint::black_box,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::mpsc,
    thread,
};

use orionrt::{Planner, ReplayError, arena::HugePages};
use orionrt_testing::workloads::{assert_filled, filled, network};

use crate::iterations::{ALLOC, last, recorded, replay_of, run, session};

// ---- buffers that go elsewhere

#[test]
fn other_threads_free_planned_buffers_during_an_iteration() {
    let (give, take) = mpsc::channel::<Vec<u64>>();
    let (done, wait) = mpsc::channel();
    let freer = thread::spawn(move || {
        for numbers in take {
            assert_filled(&numbers, 3);
            drop(numbers);
            done.send(()).expect("somebody waits");
        }
    });
    let iteration = |elsewhere: bool| {
        let numbers = filled(2000, 3);
        if elsewhere {
            give.send(numbers).expect("somebody frees");
            wait.recv().expect("an answer");
        } else {
            drop(numbers);
        }
        // In the same bytes.
        assert_filled(&filled(2000, 4), 4);
    };
    let mut replay = replay_of(|| iteration(false));
    for round in 0..40 {
        let ((), counts) = replay.run(|| iteration(round > 0)).expect("not nested");
        // The channels' own requests are not planned.
        assert_eq!((counts.hits, counts.misses.occupied), (2, 0));
    }
    drop(give);
    freer.join().expect("no panic");
}

#[test]
fn escaped_buffers_are_valid_until_they_are_dropped_even_after_their_session() {
    let mut session = session();
    let mut escaped = Vec::with_capacity(10);
    for round in 0..10u64 {
        let sum = run(&mut session, || {
            let numbers = filled(5000, round);
            if (1..4).contains(&round) {
                escaped.push(numbers);
            }
            network(300, 3)
        });
        assert_eq!(sum, network(300, 3));
    }
    let counts = session.report().keys[0].counts;
    assert!(
        counts.misses.occupied > 0,
        "nothing planned escaped: {counts:?}"
    );
    drop(session);
    assert_eq!(escaped.len(), 3);
    let other = thread::spawn(move || {
        for (numbers, round) in escaped.iter().zip(1..) {
            assert_filled(numbers, round);
        }
    });
    other.join().expect("no panic");
    ALLOC.reclaim();
}

#[test]
fn an_escaped_buffer_occupies_its_bytes_and_no_others() {
    let iteration = |escaped: Option<&mut Vec<Vec<u64>>>| {
        let numbers = filled(1000, 9);
        match escaped {
            Some(escaped) => escaped.push(numbers),
            None => drop(numbers),
        }
        assert_filled(&filled(400, 5), 5);
        assert_filled(&filled(4000, 5), 5);
    };
    let mut replay = replay_of(|| iteration(None));
    let mut escaped = Vec::with_capacity(2);
    assert_eq!(
        replay
            .run(|| iteration(Some(&mut escaped)))
            .expect("not nested")
            .1
            .misses
            .occupied,
        2
    );
    let ((), counts) = replay
        .run(|| iteration(Some(&mut escaped)))
        .expect("not nested");
    assert_eq!((counts.hits, counts.misses.occupied), (0, 3));
    assert_eq!(counts.heap_bytes, (1000 + 400 + 4000) * 8);
    escaped.iter().for_each(|numbers| assert_filled(numbers, 9));
    escaped.clear();
    let ((), counts) = replay.run(|| iteration(None)).expect("not nested");
    assert_eq!((counts.hits, counts.misses.total()), (3, 0));
}

#[test]
fn thread_locals_may_keep_planned_buffers_until_their_thread_ends() {
    thread_local! {
        static KEPT: RefCell<Vec<Vec<u64>>> = const { RefCell::new(Vec::new()) };
    }
    for _ in 0..3 {
        let thread = thread::spawn(|| {
            let mut session = session();
            KEPT.with_borrow_mut(|kept| kept.reserve(5));
            for round in 0..5 {
                run(&mut session, || {
                    let numbers = filled(3000, round);
                    if round > 0 {
                        KEPT.with_borrow_mut(|kept| kept.push(numbers));
                    }
                });
            }
            let counts = session.report().keys[0].counts;
            assert!(
                counts.misses.occupied > 0,
                "nothing planned is kept: {counts:?}"
            );
            KEPT.with_borrow(|kept| kept.iter().zip(1..).for_each(|(n, i)| assert_filled(n, i)));
        });
        thread.join().expect("no panic");
    }
}

// ---- panics

#[test]
fn a_panic_ends_its_iteration_and_the_next_one_works() {
    let mut session = session();
    let mut rescued = Vec::with_capacity(8);
    for round in 0..8u64 {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            run(&mut session, || {
                let (first, second) = (filled(1000, round), filled(500, round));
                rescued.push(first);
                if round % 3 != 2 {
                    assert_filled(&second, round);
                    resume_unwind(Box::new(round)); // a panic that prints nothing
                }
                assert_filled(&second, round);
            });
        }));
        match outcome {
            Ok(()) => assert_eq!(round % 3, 2),
            Err(panic) => assert_eq!(panic.downcast_ref(), Some(&round)),
        }
        assert_eq!(network(100, 2), network(100, 2));
    }
    for (round, numbers) in rescued.iter().enumerate() {
        assert_filled(numbers, round as u64);
    }
    drop(rescued);
    assert_eq!(run(&mut session, || network(100, 2)), network(100, 2));
}

#[test]
fn a_panic_may_allocate_for_its_message_within_an_iteration() {
    let mut session = session();
    for round in 0..4 {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            run(&mut session, || {
                let numbers = filled(300, 1);
                assert!(round == 2, "round {round} of {} numbers", numbers.len());
            });
        }));
        assert_eq!(outcome.is_ok(), round == 2);
    }
}

// ---- nesting

#[test]
fn a_nested_iteration_is_a_part_of_the_outer_one() {
    let (mut outer, mut inner) = (session(), session::<u8>());
    for _ in 0..3 {
        let nested = || inner.run(1, || network(50, 2)).expect("not strict");
        assert_eq!(run(&mut outer, nested), network(50, 2));
    }
    assert_eq!((recorded(&outer), last(&outer).misses.total()), (1, 0));
    let key = &inner.report().keys[0];
    assert_eq!((key.recorded, key.replayed), (0, 0));
    assert_eq!((key.plain.nested, key.plain.total()), (3, 3));
    assert_eq!(key.plain_cause, Some(ReplayError::Nested));
}

#[test]
fn iterations_of_strict_sessions_do_not_nest() {
    let (mut outer, mut inner) = (session(), session::<u8>().strict(true));
    for round in 0..4 {
        run(&mut outer, || {
            let numbers = filled(100, round);
            assert_eq!(
                inner.run(1, || unreachable!()),
                Err::<(), _>(ReplayError::Nested)
            );
            assert!(matches!(
                ALLOC.record(|| unreachable!()),
                Err::<((), _), _>(ReplayError::Nested)
            ));
            assert_filled(&numbers, round);
        });
        let in_record = ALLOC.record(|| {
            assert_eq!(
                inner.run(1, || unreachable!()),
                Err::<(), _>(ReplayError::Nested)
            );
        });
        in_record.expect("the outer one is fine");
    }
    for _ in 0..3 {
        inner
            .run(1, || network(50, 2))
            .expect("not nested any more");
        // Planned by now, so it is a replay that is refused.
        run(&mut outer, || {
            assert_eq!(inner.run(1, || ()), Err(ReplayError::Nested))
        });
    }
    assert_eq!(
        (
            inner.report().keys[0].recorded,
            inner.report().keys[0].replayed
        ),
        (1, 2)
    );
}

#[test]
fn a_replay_can_be_made_and_dropped_within_an_iteration() {
    let (_, recording) = ALLOC.record(|| network(80, 2)).expect("not nested");
    let plan = Planner::new()
        .plan(&recording.lifetimes(0).expect("small"))
        .expect("a plan");
    let mut outer = session();
    for _ in 0..4 {
        run(&mut outer, || {
            let mut replay = ALLOC.replay(&recording, &plan).expect("room");
            assert!(matches!(
                replay.run(|| unreachable!()),
                Err::<((), _), _>(ReplayError::Nested)
            ));
        });
    }
}

// ---- places

#[test]
fn large_buffers_begin_at_many_places_of_their_pages() {
    const PAGE: usize = 4096;
    let places = || {
        let buffers: Vec<Vec<u8>> = (0..16).map(|_| vec![1; black_box(16 * PAGE)]).collect();
        let places = buffers.iter().map(|buffer| buffer.as_ptr().addr() % PAGE);
        places.collect::<BTreeSet<_>>().len()
    };
    let mut session = session();
    run(&mut session, places);
    assert_eq!(run(&mut session, places), 16);
    assert_eq!(last(&session).misses.total(), 0);
}

// ---- resizes

#[test]
fn growing_vectors_grow_in_place_up_to_what_was_recorded() {
    let grow = |count: u64| {
        let mut numbers = Vec::new();
        let mut others = Vec::new();
        for i in 0..count {
            numbers.push(i);
            others.push(!i);
        }
        numbers.truncate(count as usize / 2);
        numbers.shrink_to_fit();
        assert!(numbers.iter().copied().eq(0..count / 2));
        assert!(others.iter().zip(0..).all(|(&other, i)| other == !i));
    };
    let mut session = session();
    for count in [1000, 1000, 1, 10, 1000] {
        run(&mut session, || grow(count));
    }
    let key = &session.report().keys[0];
    assert_eq!((key.recorded, key.counts.misses.outgrown), (1, 0));
    assert!(last(&session).hits >= 2 && last(&session).heap_bytes == 0);
    run(&mut session, || grow(5000));
    assert_eq!(last(&session).misses.outgrown, 2);
    assert!(last(&session).heap_bytes >= 2 * 2048 * 8);
    for _ in 0..2 {
        run(&mut session, || grow(5000));
    }
    assert_eq!((recorded(&session), last(&session).misses.total()), (2, 0));
}

#[test]
fn vectors_from_before_an_iteration_may_grow_in_it() {
    let (mut session, mut numbers) = (session(), Vec::new());
    for round in 0..6 {
        run(&mut session, || {
            numbers.extend((0..500).map(|i| round * 500 + i));
            assert_filled(&filled(700, 2), 2);
        });
    }
    assert!(numbers.iter().copied().eq(0..3000));
}

// ---- layouts

#[test]
fn blocks_have_the_alignment_asked_for_or_planned() {
    let iteration = || {
        for shift in 0..=22 {
            let layout = Layout::from_size_align(3 << (shift % 7), 1 << shift).expect("small");
            // SAFETY: the size is not zero; the block is released with its layout.
            unsafe {
                let start = alloc(layout);
                assert_eq!(start.addr() % layout.align(), 0);
                start.write_bytes(1, layout.size());
                dealloc(black_box(start), layout);
            }
        }
    };
    for alignment in [1, 64, 4096, 2 << 20] {
        let mut session = ALLOC
            .session(Planner::new().alignment(alignment))
            .keep_recordings(true)
            .threshold(0);
        (0..3).for_each(|_| run(&mut session, iteration));
        // The alignment of 4 MiB is never planned.
        let counts = last(&session);
        assert_eq!(
            (counts.hits, counts.misses.total(), counts.outliving),
            (22, 0, 1)
        );
        let plan = session.plan(&()).expect("planned");
        assert!(plan.offsets().iter().all(|offset| offset % alignment == 0));
    }
    let mut session = ALLOC
        .session(Planner::new().alignment(4 << 20))
        .threshold(0)
        .strict(true);
    run(&mut session, || network(10, 1));
    assert_eq!(
        session.run((), || ()),
        Err(ReplayError::OtherPlan { row: 0 })
    );
}

#[test]
fn zeroed_allocations_are_zero_on_bytes_that_were_dirty() {
    let mut session = session();
    for _ in 0..4 {
        run(&mut session, || {
            for size in [1, 7, 8, 100, 4095, 4096, 100_000] {
                drop(black_box(vec![0xffu8; size]));
                let zeroed = black_box(vec![0u8; size]);
                assert!(zeroed.iter().all(|&byte| byte == 0));
            }
        });
    }
    assert_eq!(
        (last(&session).hits, last(&session).misses.total()),
        (14, 0)
    );
    assert_eq!(session.report().keys[0].planned_bytes, 100_000);
}

#[test]
fn huge_and_locked_pages_serve_every_request() {
    for policy in [HugePages::Off, HugePages::OnRequest, HugePages::Always] {
        for (is_pinned, alignment) in [(false, 1), (true, 64), (false, 2 << 20)] {
            let planner = Planner::new().alignment(alignment);
            let mut session = ALLOC
                .session(planner)
                .threshold(0)
                .huge_pages(policy)
                .pinned(is_pinned);
            for _ in 0..3 {
                assert_eq!(run(&mut session, || network(500, 2)), network(500, 2));
            }
            assert_eq!((last(&session).hits, last(&session).misses.total()), (7, 0));
        }
    }
}
