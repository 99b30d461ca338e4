//! What the report of a session says: every byte that was asked for while iterations ran, by whom,
//! what became of it, and what would help.
//!
//! The allocators are instances beside the test program's own, so that only what a test asks for is
//! counted.

use std::{alloc::System, sync::Barrier, thread};

use orionrt::{
    Planner, ReplayAlloc,
    replay::{Advice, KeyReport, OtherThreads, Session},
};
use orionrt_testing::blocks::{Block, in_thread, layout};

type Alloc = ReplayAlloc<System>;

const KIB: u64 = 1024;

fn session(alloc: &Alloc) -> Session<'_, System, ()> {
    alloc.session(Planner::new().nodes(100))
}

/// A session that leaves other threads alone.
fn lone_session(alloc: &Alloc) -> Session<'_, System, ()> {
    session(alloc).lanes(0)
}

/// A block of so many KiB.
fn block(alloc: &Alloc, kib: u64) -> Block {
    Block::new(alloc, layout((kib * KIB) as usize, 8), kib)
}

/// Allocates and releases so many KiB.
fn use_block(alloc: &Alloc, kib: u64) {
    block(alloc, kib).free(alloc);
}

fn run<R>(session: &mut Session<'_, System, ()>, iteration: impl FnOnce() -> R) -> R {
    session.run((), iteration).expect("not strict")
}

fn key(session: &Session<'_, System, ()>) -> KeyReport {
    session.report().keys.remove(0)
}

fn advice(session: &Session<'_, System, ()>) -> Vec<String> {
    let advice = key(session).advice;
    advice.iter().map(Advice::to_string).collect()
}

// ---- other threads

#[test]
fn the_bytes_of_other_threads_are_counted_and_lanes_advised() {
    let alloc = Alloc::new(System);
    let mut session = lone_session(&alloc);
    let iteration = || {
        use_block(&alloc, 2);
        in_thread(|| (0..49).for_each(|_| use_block(&alloc, 2)));
    };
    let expected = "98 % of the bytes were allocated by 1 other thread: use `.lanes(1)`";
    for round in 0..4 {
        run(&mut session, iteration);
        assert_eq!(advice(&session), [expected], "round {round}");
        // Between iterations nothing is counted.
        in_thread(|| use_block(&alloc, 100));
    }
    let key = key(&session);
    let OtherThreads {
        threads,
        requests,
        bytes,
        ..
    } = key.counts.other_threads;
    assert_eq!((threads, requests, bytes), (1, 3 * 49, 3 * 98 * KIB));
    assert_eq!(key.last.other_threads.bytes, 98 * KIB);
    assert_eq!((key.counts.hits, key.counts.bytes.hits), (3, 6 * KIB));
    assert_eq!(key.counts.all_bytes(), 300 * KIB);
    assert!((key.served_share() - 0.02).abs() < 1e-9);
    assert_eq!(key.hit_rate(), 1.0);
    let text = key.to_string();
    assert!(!text.contains("100.00 %"), "{text}");
    let expected = [
        "2.00 % of all bytes served",
        "147 requests, 301056 bytes of 1 other",
    ];
    assert!(expected.iter().all(|part| text.contains(part)), "{text}");
}

#[test]
fn as_many_lanes_as_advised_serve_all() {
    let alloc = Alloc::new(System);
    let iteration = || {
        use_block(&alloc, 2);
        thread::scope(|scope| {
            let threads: Vec<_> = (5..8)
                .map(|kib| {
                    scope.spawn({
                        let alloc = &alloc;
                        move || use_block(alloc, kib)
                    })
                })
                .collect();
            threads
                .into_iter()
                .for_each(|thread| thread.join().expect("no panic"));
        });
    };
    let mut lanes = 0;
    for _ in 0..3 {
        let mut session = session(&alloc).lanes(lanes);
        (0..3).for_each(|_| run(&mut session, iteration));
        let key = key(&session);
        match key.advice[..] {
            [] => {
                assert_eq!((lanes, key.served_share()), (3, 1.0), "{key}");
                return;
            }
            [Advice::Lanes { lanes: advised, .. }] => {
                assert_eq!(advised, 3, "{key}");
                // One too few, first.
                lanes = if lanes == 0 { 2 } else { 3 };
            }
            _ => panic!("{key}"),
        }
    }
    panic!("there is always advice");
}

#[test]
fn sessions_on_several_threads_watch_at_once() {
    let alloc = Alloc::new(System);
    let barrier = Barrier::new(3);
    let work = || {
        let mut session = lone_session(&alloc);
        run(&mut session, || use_block(&alloc, 3));
        barrier.wait();
        run(&mut session, || {
            barrier.wait();
            use_block(&alloc, 3);
            barrier.wait();
        });
        // What the other session's thread does in its own iteration is not of this one.
        let others = key(&session).last.other_threads;
        assert_eq!(
            (others.threads, others.requests, others.bytes),
            (1, 1, 40 * KIB)
        );
    };
    thread::scope(|scope| {
        (0..2).for_each(|_| drop(scope.spawn(work)));
        barrier.wait();
        barrier.wait();
        use_block(&alloc, 40);
        barrier.wait();
    });
}

#[test]
fn what_other_threads_resize_is_counted() {
    let alloc = Alloc::new(System);
    let mut session = lone_session(&alloc);
    for _ in 0..2 {
        run(&mut session, || {
            in_thread(|| {
                let mut block = block(&alloc, 1);
                block.resize(&alloc, 50 << 10, 2);
                block.resize(&alloc, 10 << 10, 3);
                block.resize(&alloc, 20 << 10, 4);
                block.free(&alloc);
            });
        });
    }
    let others = key(&session).last.other_threads;
    assert_eq!((others.requests, others.bytes), (3, 60 * KIB));
}

// ---- bytes by outcome

#[test]
fn the_bytes_of_every_outcome_are_counted() {
    let alloc = Alloc::new(System);
    let mut session = session(&alloc);
    let mut kept = Vec::new();
    for round in 0..2 {
        let is_replayed = round == 1;
        run(&mut session, || {
            // Outlives the iteration.
            kept.push(block(&alloc, 2));
            // In place, up to what was recorded, and then outgrown.
            let mut grows = block(&alloc, 3);
            grows.resize(&alloc, 8 << 10, 1);
            if is_replayed {
                grows.resize(&alloc, 9 << 10, 1);
                // Of the heap by now.
                grows.resize(&alloc, 19 << 10, 1);
                use_block(&alloc, 5);
            }
            // Released too late for the next one, which is on the same bytes.
            let first = block(&alloc, 64);
            let late = if is_replayed {
                Some(first)
            } else {
                first.free(&alloc);
                None
            };
            use_block(&alloc, 65);
            late.into_iter().for_each(|late| late.free(&alloc));
            grows.free(&alloc);
        });
    }
    let counts = key(&session).last;
    let bytes = counts.bytes;
    assert_eq!((counts.hits, bytes.hits), (2, (3 + 5 + 64) * KIB));
    assert_eq!((counts.outliving, bytes.outliving), (1, 2 * KIB));
    assert_eq!(
        (counts.misses.unmatched, bytes.misses.unmatched),
        (1, 5 * KIB)
    );
    assert_eq!(
        (counts.misses.occupied, bytes.misses.occupied),
        (1, 65 * KIB)
    );
    assert_eq!(
        (counts.misses.outgrown, bytes.misses.outgrown),
        (1, 9 * KIB)
    );
    assert_eq!(bytes.grown, 10 * KIB);
    assert_eq!(counts.all_bytes(), (72 + 2 + 5 + 65 + 9 + 10) * KIB);
    assert_eq!(counts.heap_bytes, (2 + 5 + 65 + 9) * KIB);
    kept.into_iter().for_each(|block| block.free(&alloc));
}

// ---- advice

#[test]
fn a_key_whose_sizes_differ_from_run_to_run_is_named() {
    let alloc = Alloc::new(System);
    let mut session = alloc.session::<&str>(Planner::new().nodes(100));
    for round in 0..12 {
        session
            .run("steady", || use_block(&alloc, 7))
            .expect("not strict");
        let iteration = || {
            // Most requests are always there: it is the bytes that differ.
            (0..40).for_each(|_| Block::new(&alloc, layout(2000, 8), 1).free(&alloc));
            use_block(&alloc, 1000 + 10 * round);
        };
        session.run("batch", iteration).expect("not strict");
    }
    let report = session.report();
    let [steady, batch] = &report.keys[..] else {
        panic!("two keys");
    };
    assert!(
        !steady.is_unsteady() && steady.advice.is_empty(),
        "{steady}"
    );
    assert!(batch.is_unsteady() && batch.hit_rate() > 0.95, "{batch}");
    assert_eq!(batch.recorded, 4);
    let text = batch.to_string();
    let expected = "this key's sizes differ from run to run: 4 recordings";
    assert!(
        text.starts_with("\"batch\": 4 recorded") && text.contains(expected),
        "{text}"
    );
}

#[test]
fn a_key_that_had_another_shape_once_is_not_unsteady() {
    let alloc = Alloc::new(System);
    let mut session = session(&alloc);
    for round in 0..20 {
        run(&mut session, || {
            use_block(&alloc, if round < 2 { 2 } else { 70 })
        });
    }
    assert_eq!((key(&session).recorded, advice(&session)), (2, vec![]));
}

#[test]
fn a_first_iteration_that_fills_caches_is_advised_to_warm_up() {
    let alloc = Alloc::new(System);
    let mut session = session(&alloc);
    let mut cache = None;
    for _ in 0..3 {
        run(&mut session, || {
            cache.get_or_insert_with(|| block(&alloc, 500));
            use_block(&alloc, 100);
        });
    }
    let expected = "the first iteration kept 512000 bytes that later ones do not ask for: \
                    warm up before the first `run`";
    assert_eq!(advice(&session), [expected]);
    // Now it is warm.
    let mut warm = self::session(&alloc);
    (0..3).for_each(|_| run(&mut warm, || use_block(&alloc, 100)));
    assert_eq!(advice(&warm), [""; 0]);
    cache.into_iter().for_each(|block| block.free(&alloc));
}

#[test]
fn results_that_every_iteration_returns_are_no_caches() {
    let alloc = Alloc::new(System);
    let mut session = session(&alloc);
    for _ in 0..4 {
        run(&mut session, || block(&alloc, 500)).free(&alloc);
    }
    assert_eq!(advice(&session), [""; 0]);
    assert_eq!(key(&session).served_share(), 0.0);
}
