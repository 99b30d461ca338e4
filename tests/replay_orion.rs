//! `ReplayAlloc` on OrionRT's own heap, under a whole program.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use orionrt::{OrionAlloc, Planner, ReplayAlloc, heap::Decay, replay::Session};
use orionrt_testing::blocks::{Block, layout};

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
    // Without helpers: the threads of other tests, which run meanwhile, would be recorded as such.
    let (mut session, expected) = (session().lanes(0), iteration(7));
    for round in 0..10 {
        let before = ALLOC.inner().stats().allocations;
        assert_eq!(session.run("all", || iteration(7)), Ok(expected));
        let asked = ALLOC.inner().stats().allocations - before;
        // Recorded the first time; what other tests ask for counts as well.
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

/// Beside the test program's own allocator, so that nobody else uses it.
type Beside = ReplayAlloc<OrionAlloc>;

/// Blocks of 32 MiB in all, of which few are alive together.
fn large_blocks(alloc: &Beside) {
    let mut last = None;
    for i in 0..32 {
        let block = Block::new(alloc, layout(1 << 20, 64), i);
        let before = last.replace(block);
        let before = before.into_iter();
        before.for_each(|block| block.free_dirty(alloc));
    }
    last.into_iter().for_each(|block| block.free_dirty(alloc));
}

#[test]
fn what_a_recorded_iteration_and_its_plan_left_in_the_heap_is_purged() {
    static PURGES: AtomicU64 = AtomicU64::new(0);
    let new = || Beside::new(OrionAlloc::new().with_decay(Decay::Never));
    let resident = |alloc: &Beside| alloc.inner().stats().resident_bytes;
    // The heap keeps what it had, were it not for the purge.
    let alloc = new();
    let kept = alloc.session(Planner::new()).purge_with(|_| {
        PURGES.fetch_add(1, Ordering::Relaxed);
    });
    let mut kept = kept;
    for _ in 0..3 {
        kept.run(1, || large_blocks(&alloc)).expect("it runs");
    }
    assert!(resident(&alloc) >= 2 << 20, "{}", resident(&alloc));
    // Before the plan is made, and after.
    assert_eq!(PURGES.load(Ordering::Relaxed), 2);
    assert_eq!(kept.report().keys[0].last.hits, 32);
    drop(kept);
    let alloc = new();
    let mut session = alloc.session(Planner::new());
    for _ in 0..3 {
        session.run(1, || large_blocks(&alloc)).expect("it runs");
        assert!(resident(&alloc) < 1 << 20, "{}", resident(&alloc));
    }
}

/// What earlier iterations left counts beside an iteration that is recorded while there is a plan.
#[test]
fn the_heap_is_purged_before_a_larger_shape_is_recorded() {
    static PURGES: AtomicU64 = AtomicU64::new(0);
    let alloc = Beside::new(OrionAlloc::new().with_decay(Decay::Never));
    let count = |_: &OrionAlloc| {
        PURGES.fetch_add(1, Ordering::Relaxed);
    };
    let mut session = alloc.session(Planner::new()).purge_with(count);
    let mut purges_with = |bytes: usize| {
        let mut before = 0;
        let iteration = || {
            before = PURGES.load(Ordering::Relaxed);
            Block::new(&alloc, layout(bytes, 64), 1).free_dirty(&alloc);
        };
        session.run_at_most(1, iteration).expect("it runs");
        before
    };
    // Recorded (which purges before the plan is made, and after), replayed as far as it fits, and
    // recorded since the one before was larger: once more before that.
    assert_eq!([1 << 20, 2 << 20, 2 << 20].map(&mut purges_with), [0, 2, 3]);
}
