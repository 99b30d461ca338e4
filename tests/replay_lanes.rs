//! Helpers: iterations in which other threads take part, the same ones every time or new ones,
//! fewer than there are lanes or more, in pools that share out their work anew each time.
//!
//! The allocators are instances beside the test program's own, so that the helpers of a test are
//! only its own threads.
#![cfg(target_os = "linux")]

use std::{
    alloc::System,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Barrier,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread::{self, Scope},
};

use orionrt::{
    Planner, ReplayAlloc, ReplayError,
    replay::{MissCounts, RequestCounts, Session},
};
use orionrt_testing::{
    blocks::{Block, in_thread, layout},
    random::Random,
};

type Alloc = ReplayAlloc<System>;

/// The number of requests of a thread's part in an iteration.
const PART: u64 = 30;

/// A thread's part: blocks of random sizes, a few of them alive together. A seed always gives the
/// same.
fn part(alloc: &Alloc, seed: u64) {
    let (mut random, mut live) = (Random(seed), Vec::new());
    for tag in 0..PART {
        let make = if tag % 3 == 0 {
            Block::zeroed
        } else {
            Block::new
        };
        live.push(make(alloc, random.layout(20_000), tag));
        if live.len() > 4 {
            live.swap_remove(random.below(live.len())).free_dirty(alloc);
        }
    }
    live.into_iter().for_each(|block| block.free_dirty(alloc));
}

fn session(alloc: &Alloc, lanes: usize) -> Session<'_, System, ()> {
    alloc
        .session(Planner::new().nodes(1000))
        .keep_recordings(true)
        .threshold(0)
        .lanes(lanes)
}

fn last(session: &Session<'_, System, ()>) -> RequestCounts {
    session.report().keys[0].last
}

fn assert_all_hit(session: &Session<'_, System, ()>, hits: u64) {
    let key = &session.report().keys[0];
    assert_eq!((key.recorded, key.last.hits), (1, hits), "{key}");
    assert_eq!(key.counts.misses, MissCounts::default(), "{key}");
}

/// The most iterations until a plan has learnt how threads run side by side.
const TO_LEARN: usize = 200;

/// Runs iterations until all of `hits` requests are served, five times in a row.
fn assert_learns(session: &mut Session<'_, System, ()>, hits: u64, mut iteration: impl FnMut()) {
    let mut good = 0;
    for _ in 0..TO_LEARN {
        session.run((), &mut iteration).expect("not refused");
        let counts = last(session);
        let is_good = counts.hits == hits && counts.misses.total() == 0;
        good = if is_good { good + 1 } else { 0 };
        if good == 5 {
            return;
        }
    }
    panic!("{}", session.report());
}

/// A thread that does a part for each seed that it receives, until the sender is dropped.
struct Worker {
    seeds: Sender<u64>,
    done: Receiver<()>,
}

impl Worker {
    fn spawn<'s>(scope: &'s Scope<'s, '_>, alloc: &'s Alloc) -> Self {
        let ((seeds, told), (tell, done)) = (channel(), channel());
        scope.spawn(move || {
            for seed in told {
                part(alloc, seed);
                if tell.send(()).is_err() {
                    return;
                }
            }
        });
        Self { seeds, done }
    }

    fn start(&self, seed: u64) {
        self.seeds.send(seed).expect("it lives");
    }

    fn wait(&self) {
        self.done.recv().expect("no panic");
    }
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

// ---- helpers that nobody announced

fn unannounced(alloc: &Alloc) -> Session<'_, System, ()> {
    alloc
        .session(Planner::new().nodes(1000))
        .keep_recordings(true)
}

/// An operator's task: three blocks within each other.
fn task(alloc: &Alloc, tag: u64) {
    let blocks = [8192, 55_296, 32_768].map(|size| Block::new(alloc, layout(size, 8), tag));
    thread::yield_now();
    blocks
        .into_iter()
        .rev()
        .for_each(|block| block.free_dirty(alloc));
}

/// Does so many tasks, of which each thread takes the next one when it is free.
fn share_out(alloc: &Alloc, threads: usize, tasks: usize) {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= tasks {
                        return;
                    }
                    task(alloc, number as u64);
                }
            });
        }
    });
}

#[test]
fn an_engine_on_a_thread_of_its_own_is_replayed() {
    let alloc = Alloc::new(System);
    let mut session = unannounced(&alloc);
    for _ in 0..4 {
        let engine = || [3000, 50_000, 7000].map(|size| Block::new(&alloc, layout(size, 8), 1));
        let iteration = || in_thread(|| engine().map(|block| block.free_dirty(&alloc)));
        session.run((), iteration).expect("not strict");
    }
    let key = &session.report().keys[0];
    assert_eq!((key.recorded, key.counts.hits), (1, 3 * 3), "{key}");
    assert_eq!((key.planned_bytes, key.served_share()), (60_000, 1.0));
    assert_eq!(key.advice, []);
}

/// The memory is what one operator's tasks need at a time, not what all tasks need.
#[test]
fn tasks_that_are_stolen_are_served_whoever_does_them() {
    let alloc = Alloc::new(System);
    let mut session = unannounced(&alloc);
    let (threads, operators, tasks) = (3, 4, 24);
    let iteration = || {
        for operator in 0..operators {
            let output = Block::new(&alloc, layout(200_000 + operator, 8), 7);
            share_out(&alloc, threads, tasks);
            output.free_dirty(&alloc);
        }
    };
    let hits = operators * (1 + 3 * tasks);
    assert_learns(&mut session, hits as u64, iteration);
    let key = &session.report().keys[0];
    let most = 200_000 + operators + threads * (8192 + 55_296 + 32_768);
    // A block more for some pools, where threads were in each other's way.
    assert!(key.planned_bytes <= most as u64 * 2, "{key}");
    assert_eq!(key.last.heap_bytes, 0);
}

/// An engine with a pool of its own: the thread that calls it only waits. Its workers stay, and
/// take tasks from each other. With nothing configured, all of its bytes are planned, in a region
/// hardly larger than what one thread needs for the same work.
#[test]
fn a_pool_of_workers_is_replayed_without_being_asked_for() {
    const TASKS: usize = 12;
    const OUTPUTS: [usize; 3] = [2_000_000, 1_500_000, 1_000_000];
    /// What a worker of several does of one inference. `next` are the tasks of the operators.
    fn work(alloc: &Alloc, is_first: bool, barrier: &Barrier, next: &[AtomicUsize; 3]) {
        for (size, next) in OUTPUTS.into_iter().zip(next) {
            let output = is_first.then(|| Block::new(alloc, layout(size, 64), 1));
            barrier.wait();
            let take = || next.fetch_add(1, Ordering::Relaxed);
            let tasks = std::iter::repeat_with(take).take_while(|&number| number < TASKS);
            tasks.for_each(|number| task(alloc, number as u64));
            barrier.wait();
            output.into_iter().for_each(|block| block.free_dirty(alloc));
        }
    }
    let hits = OUTPUTS.len() * (1 + 3 * TASKS);
    let alloc = Alloc::new(System);
    let next = [const { AtomicUsize::new(0) }; 3];
    let rewind = || {
        next.iter()
            .for_each(|next| next.store(0, Ordering::Relaxed))
    };

    let (mut alone, barrier) = (unannounced(&alloc), Barrier::new(1));
    let iteration = || {
        rewind();
        work(&alloc, true, &barrier, &next);
    };
    assert_learns(&mut alone, hits as u64, iteration);
    let of_one = alone.report().keys[0].planned_bytes;
    drop(alone);

    let barrier = Barrier::new(2);
    thread::scope(|scope| {
        let workers = [true, false].map(|is_first| {
            let ((start, started), (end, ended)) = (channel::<()>(), channel());
            let (alloc, barrier, next) = (&alloc, &barrier, &next);
            scope.spawn(move || {
                for () in started {
                    work(alloc, is_first, barrier, next);
                    end.send(()).expect("it waits");
                }
            });
            (start, ended)
        });
        let iteration = || {
            rewind();
            let starts = workers.iter().map(|(start, _)| start);
            starts.for_each(|start| start.send(()).expect("it lives"));
            let ends = workers.iter().map(|(_, ended)| ended);
            ends.for_each(|ended| ended.recv().expect("it lives"));
        };
        let mut session = unannounced(&alloc);
        assert_learns(&mut session, hits as u64, iteration);
        let key = &session.report().keys[0];
        let (of_heap, share) = (key.last.heap_bytes, key.last.served_share());
        assert_eq!((of_heap, share), (0, 1.0), "{key}");
        assert!(key.planned_bytes <= of_one * 12 / 10, "{of_one}, {key}");
        assert_eq!(key.advice, []);
    });
}

#[test]
fn helpers_that_come_later_are_recorded_then() {
    let alloc = Alloc::new(System);
    let mut session = unannounced(&alloc);
    let part = || Block::new(&alloc, layout(5000, 8), 1).free_dirty(&alloc);
    for round in 0..9 {
        let iteration = || {
            part();
            if round > 2 {
                in_thread(part);
            }
        };
        session.run((), iteration).expect("not strict");
    }
    let key = &session.report().keys[0];
    assert_eq!((key.recorded, key.last.hits), (2, 2), "{key}");
}

#[test]
fn threads_with_iterations_of_their_own_are_no_helpers() {
    let alloc = Alloc::new(System);
    let mut session = unannounced(&alloc);
    let (told, tell) = channel::<()>();
    let (done, wait) = channel();
    thread::scope(|scope| {
        let alloc = &alloc;
        scope.spawn(move || {
            let mut own = unannounced(alloc);
            own.run((), || part(alloc, 1)).expect("not strict");
            for () in tell {
                part(alloc, 2);
                done.send(()).expect("it waits");
            }
        });
        for _ in 0..6 {
            let iteration = || {
                part(alloc, 3);
                told.send(()).expect("it lives");
                wait.recv().expect("it lives");
            };
            session.run((), iteration).expect("not strict");
        }
        drop(told);
    });
    let key = &session.report().keys[0];
    assert_eq!(key.last.other_threads.requests, PART);
    let recording = session.recording(&()).expect("planned");
    assert_eq!((recording.lanes(), key.counts.misses.total()), (1, 0));
}

#[cfg(feature = "files")]
#[test]
fn what_helpers_ask_for_is_saved_and_loaded() {
    let alloc = Alloc::new(System);
    let iteration = || {
        let output = Block::new(&alloc, layout(90_000, 8), 7);
        in_thread(|| [2000, 3000].map(|size| Block::new(&alloc, layout(size, 8), 1).free(&alloc)));
        (0..6).for_each(|tag| in_thread(|| task(&alloc, tag)));
        output.free_dirty(&alloc);
    };
    let mut file = Vec::new();
    let mut first = unannounced(&alloc);
    (0..2).for_each(|_| first.run((), iteration).expect("not strict"));
    first.save("tasks", &mut file).expect("a vector takes all");
    drop(first);
    let mut second = unannounced(&alloc);
    assert_eq!(second.load("tasks", &file[..]).expect("saved"), 1);
    for _ in 0..3 {
        second.run((), iteration).expect("not strict");
        let counts = last(&second);
        assert_eq!((counts.hits, counts.misses.total()), (1 + 2 + 3 * 6, 0));
    }
    assert_eq!(second.report().keys[0].recorded, 0);
    let mut again = Vec::new();
    second
        .save("tasks", &mut again)
        .expect("a vector takes all");
    assert_eq!(file, again);
}

/// As where a pool runs iterations, each on one of its threads, and their parts on the others.
#[test]
fn threads_that_take_turns_in_a_session_help_each_other() {
    let alloc = Alloc::new(System);
    let mut session = unannounced(&alloc);
    let part = || Block::new(&alloc, layout(5000, 8), 1).free_dirty(&alloc);
    // A thread that has run an iteration of the session, and then does parts of others.
    let (told, tell) = channel::<()>();
    let (done, wait) = channel();
    thread::scope(|scope| {
        let (lend, borrow) = channel();
        let part = &part;
        scope.spawn(move || {
            let mut session: Session<'_, System, ()> = borrow.recv().expect("it is lent");
            session.run((), part).expect("not strict");
            done.send(Some(session)).expect("it waits");
            for () in tell {
                part();
                done.send(None).expect("it waits");
            }
        });
        lend.send(session).expect("it lives");
        session = wait.recv().expect("it lives").expect("given back");
        session.forget(&());
        for _ in 0..3 {
            let iteration = || {
                part();
                told.send(()).expect("it lives");
                wait.recv().expect("it lives");
            };
            session.run((), iteration).expect("not strict");
        }
        let key = &session.report().keys[0];
        assert_eq!((key.last.hits, key.served_share()), (2, 1.0), "{key}");
        drop(told);
    });
}
