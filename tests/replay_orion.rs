//! `ReplayAlloc` on OrionRT's own heap, under a whole program.
#![cfg(target_os = "linux")]

use std::{collections::BTreeMap, thread};

use orionrt::{OrionAlloc, Planner, ReplayAlloc, replay::Session};

#[global_allocator]
static ALLOC: ReplayAlloc<OrionAlloc> = ReplayAlloc::new(OrionAlloc::new());

/// Small blocks, large ones, vectors that grow, a tree.
fn iteration(seed: usize) -> usize {
    let names: BTreeMap<String, usize> = (0..200).map(|i| (format!("{i}-{seed}"), i)).collect();
    let mut squares = Vec::new();
    squares.extend(names.values().map(|i| i * i));
    let large = vec![1u8; 3 << 20];
    let joined: String = names.into_keys().collect();
    squares.iter().sum::<usize>()
        + large.iter().map(|&byte| usize::from(byte)).sum::<usize>()
        + joined.len()
}

fn session() -> Session<'static, OrionAlloc, &'static str> {
    ALLOC.session(Planner::new().nodes(1000)).threshold(0)
}

#[test]
fn replayed_iterations_ask_the_heap_for_nothing() {
    let (mut session, expected) = (session(), iteration(7));
    for round in 0..10 {
        let before = ALLOC.inner().stats().allocations;
        assert_eq!(session.run("all", || iteration(7)), Ok(expected));
        let asked = ALLOC.inner().stats().allocations - before;
        // Recorded the first time; other tests run meanwhile.
        assert!(round > 0 || asked >= 200, "{asked}");
    }
    let key = &session.report().keys[0];
    assert_eq!(
        (
            key.recorded,
            key.counts.misses.total(),
            key.counts.heap_bytes
        ),
        (1, 0, 0)
    );
    assert!(key.counts.hits > 9 * 200 && key.planned_bytes >= key.lower_bound);
}

#[test]
fn a_buffer_that_leaves_its_iteration_may_be_freed_on_any_thread() {
    let mut session = session();
    let mut left = Vec::with_capacity(10);
    for round in 0..10 {
        session
            .run("texts", || {
                let text = "planned".repeat(1000);
                if round > 0 {
                    left.push(text);
                }
                iteration(round);
            })
            .expect("not refused");
    }
    drop(session);
    let freer = thread::spawn(move || left.iter().all(|text| text == &"planned".repeat(1000)));
    assert!(freer.join().expect("no panic"));
}

#[test]
fn threads_may_end_with_a_leaked_session() {
    thread::scope(|scope| {
        for seed in 0..4 {
            scope.spawn(move || {
                let mut session = session();
                for _ in 0..5 {
                    let sum = session.run("all", || iteration(seed));
                    assert_eq!(sum, Ok(iteration(seed)));
                }
                std::mem::forget(session);
            });
        }
    });
}
