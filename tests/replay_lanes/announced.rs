//! Sessions that say how many helpers they have: `.lanes(n)`.

use std::{
    alloc::System,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    thread,
};

use orionrt::{
    Planner, ReplayError,
    replay::{MissCounts, Session},
};
use orionrt_testing::blocks::{Block, in_thread, layout};

use crate::threads::{Alloc, PART, Worker, last, part};

fn session(alloc: &Alloc, lanes: usize) -> Session<'_, System, ()> {
    alloc
        .session(Planner::new().nodes(1000))
        .keep_recordings(true)
        .threshold(0)
        .lanes(lanes)
}

fn assert_all_hit(session: &Session<'_, System, ()>, hits: u64) {
    let key = &session.report().keys[0];
    assert_eq!((key.recorded, key.last.hits), (1, hits), "{key}");
    assert_eq!(key.counts.misses, MissCounts::default(), "{key}");
}

#[test]
fn threads_that_stay_get_their_lanes_every_time() {
    let alloc = Alloc::new(System);
    thread::scope(|scope| {
        let workers: Vec<Worker> = (0..3).map(|_| Worker::spawn(scope, &alloc)).collect();
        let mut session = session(&alloc, 3);
        for round in 0..20 {
            // One after the other, in another order each time.
            let iteration = || {
                for i in 0..3 {
                    let seed = (i + round) % 3;
                    workers[seed].start(seed as u64);
                    workers[seed].wait();
                }
                part(&alloc, 99);
            };
            session.run((), iteration).expect("not refused");
            // Nobody is recorded or served between iterations.
            part(&alloc, round as u64);
            workers[0].start(round as u64);
            workers[0].wait();
        }
        assert_all_hit(&session, 4 * PART);
        let recording = session.recording(&()).expect("planned");
        assert_eq!(recording.lanes(), 4);
        assert!((0..4).all(|lane| recording.requests(lane).len() as u64 == PART));
        let key = &session.report().keys[0];
        let peak = session.plan(&()).map(|plan| plan.peak());
        assert_eq!(peak, Some(key.planned_bytes));
    });
}

#[test]
fn new_threads_get_the_lanes_of_those_before() {
    let alloc = Alloc::new(System);
    let mut session = session(&alloc, 3);
    for _ in 0..10 {
        let iteration = || {
            part(&alloc, 0);
            (1..4).for_each(|seed| in_thread(|| part(&alloc, seed)));
        };
        session.run((), iteration).expect("not refused");
    }
    assert_all_hit(&session, 4 * PART);
}

#[test]
fn small_requests_of_helpers_pass_by() {
    let alloc = Alloc::new(System);
    let mut session: Session<'_, _, ()> =
        alloc.session(Planner::new()).lanes(1).keep_recordings(true);
    let small = |count: usize| {
        for i in 1..=count {
            let mut block = Block::new(&alloc, layout(i * 15 % 1000 + 1, 8), i as u64);
            block.resize(&alloc, 1 + i * 77 % 1000, i as u64 + 1);
            block.free_dirty(&alloc);
        }
    };
    for round in 0..6 {
        let part = |round: usize| {
            for size in [2000, 5000] {
                small(20 * round);
                let block = Block::new(&alloc, layout(size, 8), 1);
                small(round);
                block.free_dirty(&alloc);
            }
        };
        let iteration = || {
            part(round);
            in_thread(|| part(7 - round));
        };
        session.run((), iteration).expect("not refused");
    }
    let recording = session.recording(&()).expect("planned");
    assert_eq!((recording.lanes(), recording.events().len()), (2, 8));
    assert_all_hit(&session, 4);
    assert_eq!(last(&session).heap_bytes, 0);
}

#[test]
fn threads_without_a_lane_use_the_inner_allocator() {
    let alloc = Alloc::new(System);
    thread::scope(|scope| {
        let workers: Vec<Worker> = (0..5).map(|_| Worker::spawn(scope, &alloc)).collect();
        let mut session = session(&alloc, 2);
        for _ in 0..10 {
            let iteration = || {
                workers.iter().for_each(|worker| worker.start(7));
                part(&alloc, 7);
                workers.iter().for_each(Worker::wait);
            };
            session.run((), iteration).expect("not refused");
            assert!(last(&session).hits <= 3 * PART);
        }
        // None while it is to be recorded again: no plan fits some of the threads alone.
        if let Some(recording) = session.recording(&()) {
            assert_eq!(recording.lanes(), 6);
        }
    });
}

#[test]
fn requests_without_a_lane_are_misses() {
    let alloc = Alloc::new(System);
    let mut session = session(&alloc, 1);
    for _ in 0..3 {
        let iteration = || (0..3).for_each(|_| in_thread(|| part(&alloc, 6)));
        session.run((), iteration).expect("not refused");
        let counts = last(&session);
        if session.report().keys[0].replayed > 0 {
            assert_eq!((counts.hits, counts.misses.unmatched), (PART, 2 * PART));
            assert!(counts.heap_bytes > 2 * PART, "{counts:?}");
        }
    }
}

/// Two threads, one that stays and one that is new each time; which asks first alternates.
#[test]
fn a_thread_that_stays_keeps_its_lane_whoever_asks_first() {
    let alloc = Alloc::new(System);
    thread::scope(|scope| {
        let worker = Worker::spawn(scope, &alloc);
        let mut session = session(&alloc, 2);
        for round in 0..10 {
            let stays = || {
                worker.start(1);
                worker.wait();
            };
            let is_new = || in_thread(|| part(&alloc, 2));
            let iteration = || match round % 2 {
                0 => (stays(), is_new()),
                _ => (is_new(), stays()),
            };
            session.run((), iteration).expect("not refused");
        }
        assert_all_hit(&session, 2 * PART);
    });
}

#[test]
fn blocks_that_helpers_outgrow_are_counted() {
    let alloc = Alloc::new(System);
    let mut session = session(&alloc, 1);
    for (size, outgrown) in [(2000, 0), (1500, 0), (9000, 1)] {
        let helper = || {
            let mut block = Block::new(&alloc, layout(1000, 8), 1);
            block.resize(&alloc, size, 2);
            block.free(&alloc);
        };
        session.run((), || in_thread(helper)).expect("not refused");
        assert_eq!(last(&session).misses.outgrown, outgrown);
    }
}

#[test]
fn fewer_threads_than_lanes_miss_nothing() {
    let alloc = Alloc::new(System);
    let mut session = session(&alloc, 8);
    for threads in [3, 2, 0, 1, 3] {
        let iteration = || (0..threads).for_each(|_| in_thread(|| part(&alloc, 5)));
        session.run((), iteration).expect("not refused");
        if session.report().keys[0].replayed > 0 {
            assert_eq!(
                (last(&session).hits, last(&session).misses.total()),
                (threads * PART, 0)
            );
        }
    }
}

#[test]
fn a_session_without_lanes_leaves_helpers_alone() {
    let alloc = Alloc::new(System);
    let mut session = session(&alloc, 0);
    for _ in 0..4 {
        session
            .run((), || in_thread(|| part(&alloc, 1)))
            .expect("not refused");
    }
    let key = &session.report().keys[0];
    assert_eq!((key.counts.requests(), key.total_bytes), (0, 0));
    let others = key.counts.other_threads;
    assert_eq!((others.threads, key.last.other_threads.threads), (1, 1));
    assert!(others.requests >= 3 * PART, "{others:?}");
}

#[test]
fn beside_a_session_with_helpers_another_one_runs_without() {
    let alloc = Alloc::new(System);
    let (mut outer, mut inner) = (session(&alloc, 2), session(&alloc, 1));
    for _ in 0..3 {
        let iteration = || in_thread(|| inner.run((), || part(&alloc, 1)));
        let ran = outer.run((), iteration).expect("not refused");
        assert_eq!(ran, Ok(()));
    }
    assert_eq!(inner.report().keys[0].plain.total(), 0);
    assert_all_hit(&inner, PART);
    // Once it has its helpers, they are recorded, too.
    let helped = || {
        part(&alloc, 1);
        in_thread(|| part(&alloc, 2));
    };
    (0..6).for_each(|_| inner.run((), helped).expect("not refused"));
    let key = &inner.report().keys[0];
    assert_eq!((key.recorded, key.last.hits), (2, 2 * PART), "{key}");
}

#[test]
fn one_strict_session_with_lanes_runs_at_a_time() {
    let alloc = Alloc::new(System);
    let mut outer = session(&alloc, 2);
    let strict = |lanes| session(&alloc, lanes).strict(true);
    // Recorded first, replayed then.
    for _ in 0..4 {
        let iteration = || {
            in_thread(|| part(&alloc, 1));
            let refused = in_thread(|| strict(1).run((), || unreachable!()));
            assert_eq!(refused, Err::<(), _>(ReplayError::LanesInUse));
            in_thread(|| {
                let mut without = session(&alloc, 0);
                (0..3).for_each(|_| without.run((), || part(&alloc, 3)).expect("not refused"));
                assert_all_hit(&without, PART);
            });
        };
        outer.run((), iteration).expect("not refused");
    }
    let mut other = strict(1);
    (0..3).for_each(|_| {
        other
            .run((), || in_thread(|| part(&alloc, 4)))
            .expect("not refused")
    });
    // Planned by now, so it is a replay that is refused.
    let iteration = || in_thread(|| other.run((), || unreachable!()));
    assert_eq!(
        outer.run((), iteration),
        Ok(Err::<(), _>(ReplayError::LanesInUse))
    );
    assert_eq!(other.run((), || 5), Ok(5));
}

#[test]
fn a_panic_ends_the_loan_to_helpers() {
    let alloc = Alloc::new(System);
    thread::scope(|scope| {
        let worker = Worker::spawn(scope, &alloc);
        let mut session = session(&alloc, 1);
        for round in 0..8 {
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                let iteration = || {
                    // It may still be at work when the iteration ends.
                    worker.start(1);
                    part(&alloc, 2);
                    if round % 2 == 0 {
                        resume_unwind(Box::new(round));
                    }
                };
                session.run((), iteration).expect("not refused");
            }));
            assert_eq!(outcome.is_err(), round % 2 == 0);
            // Not `LanesInUse`.
            let mut other = self::session(&alloc, 1);
            other.run((), || part(&alloc, 3)).expect("not refused");
            worker.wait();
        }
        let report = session.report();
        assert!(
            report.keys[0].recorded >= 1 && report.keys[0].counts.hits > 0,
            "{report}"
        );
    });
}

#[test]
fn blocks_may_be_resized_and_freed_by_other_lanes() {
    let alloc = Alloc::new(System);
    let mut session = session(&alloc, 1);
    for round in 0..10 {
        let iteration = || {
            let mut own = Block::new(&alloc, layout(3000, 8), 1);
            let (mut theirs, own) = in_thread(|| {
                let theirs = Block::zeroed(&alloc, layout(500, 64), 2);
                own.resize(&alloc, 4000, 3);
                (theirs, own)
            });
            theirs.resize(&alloc, 900, 4);
            in_thread(|| own.free_dirty(&alloc));
            theirs.free_dirty(&alloc);
        };
        session.run((), iteration).expect("not refused");
        if round > 0 {
            assert_eq!((last(&session).hits, last(&session).misses.total()), (2, 0));
        }
    }
}

#[test]
fn what_helpers_keep_outlives_the_session() {
    let alloc = Alloc::new(System);
    let mut session = session(&alloc, 1);
    let make = || in_thread(|| Block::new(&alloc, layout(70_000, 8), 1));
    session
        .run((), || make().free(&alloc))
        .expect("not refused");
    let kept = session.run((), make).expect("not refused");
    assert_eq!(last(&session).hits, 1);
    session
        .run((), || make().free(&alloc))
        .expect("not refused");
    assert_eq!(last(&session).misses.occupied, 1);
    drop(session);
    assert_eq!(alloc.reclaim(), 0);
    in_thread(|| kept.free_dirty(&alloc));
    assert_eq!(alloc.reclaim(), 70_000);
}
