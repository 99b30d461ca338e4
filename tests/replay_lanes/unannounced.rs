//! Sessions that find their helpers by themselves.

use std::{
    alloc::System,
    sync::{
        Barrier,
        atomic::{AtomicUsize, Ordering},
        mpsc::channel,
    },
    thread,
};

use orionrt::{Planner, replay::Session};
use orionrt_testing::blocks::{Block, in_thread, layout};

use crate::threads::{Alloc, PART, last, part};

fn unannounced(alloc: &Alloc) -> Session<'_, System, ()> {
    alloc
        .session(Planner::new().nodes(1000))
        .keep_recordings(true)
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

/// The plan moves to another region when it learns, and the old one goes but for what is in use.
#[test]
fn a_plan_that_learns_while_a_block_is_in_use_has_no_second_region() {
    let alloc = Alloc::new(System);
    let mut session = unannounced(&alloc);
    let mut kept = None;
    let sizes = [100_000, 100_016];
    let part = |size| Block::new(&alloc, layout(size, 8), 1);
    for round in 0..8 {
        let beside = |both: &Barrier, size| {
            let block = part(size);
            both.wait();
            block.free_dirty(&alloc);
        };
        let iteration = || {
            let both = &Barrier::new(2);
            match round {
                // One after the other.
                0 => sizes
                    .iter()
                    .for_each(|size| in_thread(|| part(*size).free_dirty(&alloc))),
                _ => thread::scope(|scope| {
                    for size in sizes {
                        scope.spawn(move || beside(both, size));
                    }
                }),
            }
            let own = Block::new(&alloc, layout(9000, 8), 5);
            match round {
                1 => kept = Some(own),
                _ => own.free_dirty(&alloc),
            }
        };
        session.run((), iteration).expect("not strict");
    }
    let report = session.report();
    let key = &report.keys[0];
    assert_eq!((key.recorded, key.last.hits), (1, 3), "{key}");
    assert_eq!(key.planned_bytes, 200_016, "{key}");
    assert_eq!(report.region_bytes, 200_704, "{report}");
    drop(session);
    kept.into_iter().for_each(|block| block.free_dirty(&alloc));
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
