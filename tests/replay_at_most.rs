//! Keys that stand for shapes up to a largest one: one recording, one plan and one region serve
//! every smaller iteration, and a larger one makes the plan grow.
//!
//! The engine is a small transformer of the heap: of each layer the sizes are constant, or grow
//! with the length or with its square, as those of weights, activations and attention scores do.
//! The allocators are instances beside the test program's own.
#![cfg(target_os = "linux")]

use std::{
    alloc::System,
    sync::Barrier,
    sync::mpsc::{Receiver, Sender, channel},
    thread::{self, Scope},
};

use orionrt::{
    Planner, ReplayAlloc,
    replay::{Advice, KeyReport, Session},
};
use orionrt_testing::{
    blocks::{Block, in_thread, layout},
    process_memory::process_anonymous,
    random::Random,
};

type Alloc = ReplayAlloc<System>;

const LONGEST: usize = 64;
const LAYERS: usize = 4;

fn session(alloc: &Alloc) -> Session<'_, System, &'static str> {
    alloc.session(Planner::new().nodes(1000))
}

fn run(session: &mut Session<'_, System, &'static str>, iteration: impl FnOnce()) {
    session.run_at_most("model", iteration).expect("not strict");
}

fn key(session: &Session<'_, System, &'static str>) -> KeyReport {
    session.report().keys.remove(0)
}

/// A block of so many numbers.
fn tensor(alloc: &Alloc, numbers: usize, tag: u64) -> Block {
    Block::new(alloc, layout(4 * numbers, 64), tag)
}

/// A model of this length: what it computes is that no block loses its contents.
fn infer(alloc: &Alloc, length: usize) {
    let mut hidden = tensor(alloc, 96 * length, 0);
    for layer in 0..LAYERS as u64 {
        let packed = tensor(alloc, 3000, layer + 1);
        let [q, k, v] = [1, 2, 3].map(|tag| tensor(alloc, 96 * length, 10 * layer + tag));
        packed.free(alloc);
        let scores = tensor(alloc, 2 * length * length, layer + 5);
        q.free(alloc);
        k.free(alloc);
        let mut mask = tensor(alloc, length, layer);
        mask.resize(alloc, 8 * length, 9);
        let context = tensor(alloc, 96 * length, layer + 6);
        [scores, mask, v]
            .into_iter()
            .for_each(|block| block.free(alloc));
        let inner = tensor(alloc, 384 * length, layer + 7);
        context.free(alloc);
        let next = tensor(alloc, 96 * length, layer + 8);
        inner.free(alloc);
        std::mem::replace(&mut hidden, next).free(alloc);
    }
    hidden.free(alloc);
}

/// All lengths from the longest on, in random order.
fn lengths(seed: u64) -> Vec<usize> {
    let mut lengths: Vec<usize> = (1..=LONGEST).collect();
    Random(seed).shuffle(&mut lengths);
    lengths
}

fn assert_served(key: &KeyReport, share: f64) {
    assert_eq!(key.recorded, 1, "{key}");
    assert!(key.counts.byte_hit_rate() >= share, "{key}");
    assert!(key.advice.is_empty(), "{key}");
}

#[test]
fn one_plan_serves_every_length() {
    let alloc = Alloc::new(System);
    let mut session = session(&alloc);
    run(&mut session, || infer(&alloc, LONGEST));
    let region = session.report().region_bytes;
    for length in lengths(1) {
        run(&mut session, || infer(&alloc, length));
        let last = key(&session).last;
        assert!(last.byte_hit_rate() >= 0.9, "{length}: {last:?}");
    }
    let key = key(&session);
    assert_served(&key, 0.99);
    assert_eq!(key.replayed, LONGEST as u64);
    assert!(!key.is_unsteady());
    assert_eq!(session.report().region_bytes, region);
    let asked = key.at_most.expect("it was run as such");
    let text = key.to_string();
    let expected = format!("planned for {asked} bytes an iteration at most");
    assert!(text.contains(&expected), "{text}");
    // The longest iteration itself is served to the last byte.
    run(&mut session, || infer(&alloc, LONGEST));
    let last = self::key(&session).last;
    assert_eq!((last.misses.total(), last.bytes.hits), (0, asked));
}

#[test]
fn a_key_of_one_shape_is_not_served_smaller_ones() {
    let alloc = Alloc::new(System);
    let mut session = session(&alloc);
    for length in [LONGEST, LONGEST / 2] {
        session
            .run("model", || infer(&alloc, length))
            .expect("not strict");
    }
    let exact = key(&session);
    assert!(exact.last.byte_hit_rate() < 0.5 && exact.at_most.is_none());
    // It depends on how it is used, each time.
    run(&mut session, || infer(&alloc, LONGEST));
    run(&mut session, || infer(&alloc, LONGEST / 2));
    let key = key(&session);
    assert!(
        key.at_most.is_some() && key.last.byte_hit_rate() > 0.99,
        "{key}"
    );
}

#[test]
fn a_length_that_grows_each_time_is_recorded_ever_less_often() {
    let alloc = Alloc::new(System);
    let mut session = session(&alloc);
    let steps = 4 * LONGEST;
    for length in 1..=steps {
        run(&mut session, || infer(&alloc, 8 + length / 4));
    }
    let key = key(&session);
    assert!(key.recorded <= u64::from(steps.ilog2()) + 2, "{key}");
    let larger =
        |advice: &Advice| matches!(advice, Advice::Larger { iterations, .. } if *iterations > 9);
    assert!(key.advice.iter().any(larger), "{key}");
    assert!(
        key.to_string().contains("run the largest shape first"),
        "{key}"
    );
    assert!(!key.is_unsteady(), "{key}");
}

#[test]
fn the_plan_stays_when_the_iteration_that_is_recorded_is_small() {
    let alloc = Alloc::new(System);
    let mut session = session(&alloc);
    run(&mut session, || infer(&alloc, 40));
    let planned = key(&session);
    // A longer one is served as far as it fits, and the next one is recorded, which is short.
    run(&mut session, || infer(&alloc, 50));
    let hits = key(&session).last.bytes.hits;
    assert!(hits > 0 && Some(hits) < planned.at_most, "{planned}");
    run(&mut session, || infer(&alloc, 5));
    let key_now = key(&session);
    assert_eq!((key_now.recorded, key_now.replayed), (2, 1));
    assert_eq!(key_now.at_most, planned.at_most);
    assert_eq!(key_now.planned_bytes, planned.planned_bytes);
    for length in [40, 39, 20] {
        run(&mut session, || infer(&alloc, length));
        assert!(key(&session).last.byte_hit_rate() >= 0.99, "{length}");
    }
    // Two have been replayed since: the next longer one is followed by a recording, which grows.
    for length in [50, 50, 50, 45, 40, 5] {
        run(&mut session, || infer(&alloc, length));
    }
    let grown = key(&session);
    assert_eq!(grown.recorded, 3, "{grown}");
    assert!(grown.at_most > planned.at_most && grown.planned_bytes > planned.planned_bytes);
    assert!(grown.last.byte_hit_rate() >= 0.9, "{grown}");
}

/// Beside the region, the iteration would take twice the memory of its shape.
#[test]
fn only_pages_in_use_of_a_region_are_resident_while_a_larger_iteration_is_recorded() {
    // One after the other: what is resident is the process's.
    for is_in_use in [false, true] {
        assert_makes_room_to_record(is_in_use);
    }
}

/// Has an iteration recorded again, perhaps while a block of the region is in use, and compares
/// what is resident at its start with what is when others are replayed.
fn assert_makes_room_to_record(is_in_use: bool) {
    const MOST: usize = 64 << 20;
    let alloc = Alloc::new(System);
    let mut session = session(&alloc);
    let mut kept = Vec::new();
    let mut resident_at_start = |session: &mut Session<'_, System, &'static str>, bytes, keeps| {
        let mut resident = 0;
        run(session, || {
            resident = process_anonymous();
            let small = tensor(&alloc, 1000, 2);
            tensor(&alloc, bytes / 4, 1).free(&alloc);
            match keeps {
                true => kept.push(small),
                false => small.free(&alloc),
            }
        });
        resident
    };
    resident_at_start(&mut session, MOST, false);
    let replayed = resident_at_start(&mut session, 2 * MOST, is_in_use);
    let recorded = resident_at_start(&mut session, MOST, false);
    assert_eq!(key(&session).recorded, 2);
    // What other tests take meanwhile is much less.
    assert!(recorded + MOST / 2 < replayed, "{recorded} and {replayed}");
    // The recorded one was no larger, so the plan has stayed.
    let replayed = resident_at_start(&mut session, MOST, false);
    assert!(replayed > recorded + MOST / 2, "{recorded} and {replayed}");
    assert_eq!(key(&session).last.hits, 2);
    kept.drain(..).for_each(|block| block.free(&alloc));
}

#[test]
fn an_event_log_that_is_too_short_for_a_larger_iteration_gets_longer() {
    let alloc = Alloc::new(System);
    let mut session = session(&alloc).events(64);
    let iteration = |blocks: usize| {
        let blocks: Vec<Block> = (0..blocks)
            .map(|i| tensor(&alloc, 500 + i, i as u64))
            .collect();
        blocks.into_iter().for_each(|block| block.free(&alloc));
    };
    run(&mut session, || iteration(30));
    for _ in 0..8 {
        run(&mut session, || iteration(300));
    }
    let key = key(&session);
    assert_eq!((key.last.hits, key.last.misses.total()), (300, 0), "{key}");
    assert_eq!(key.recorded, 3, "{key}");
}

/// What an engine does in its first iteration only is planned once.
#[test]
fn a_first_iteration_that_was_unlike_the_others_is_replaced() {
    let alloc = Alloc::new(System);
    let mut session = session(&alloc);
    let prepare = |is_first: bool| {
        for i in 0..40 {
            let numbers = if is_first { 700 + i } else { 3000 - 5 * i };
            tensor(&alloc, numbers, i as u64).free(&alloc);
        }
    };
    for (i, length) in [40, 40, 40, 40, 20].into_iter().enumerate() {
        run(&mut session, || {
            prepare(i == 0);
            infer(&alloc, length);
        });
    }
    let key = key(&session);
    assert_eq!(key.recorded, 2, "{key}");
    assert!(key.last.byte_hit_rate() >= 0.99, "{key}");
}

/// Scratch space of odd lengths, strictly aligned, as kernels pack the edges of matrices.
#[test]
fn what_only_smaller_shapes_ask_for_is_served_where_there_is_room() {
    let alloc = Alloc::new(System);
    let mut session = session(&alloc);
    for length in [LONGEST].into_iter().chain(lengths(6)) {
        run(&mut session, || {
            let hidden = tensor(&alloc, 96 * length, 1);
            if length % 2 == 1 {
                for tag in 0..4 {
                    Block::new(&alloc, layout(8192, 128), tag).free_dirty(&alloc);
                }
            }
            infer(&alloc, length);
            hidden.free(&alloc);
        });
    }
    assert_served(&key(&session), 0.99);
}

/// An engine that keeps something for each new length: soon, it gets no more bytes of others.
#[test]
fn what_is_kept_for_each_length_does_not_fill_the_region() {
    let alloc = Alloc::new(System);
    let mut session = session(&alloc);
    let mut kept = Vec::new();
    let iteration = |length: usize, kept: &mut Vec<Block>| {
        let hidden = tensor(&alloc, 96 * length, 1);
        infer(&alloc, length);
        if length < LONGEST {
            kept.push(tensor(&alloc, 3001 + 8 * length, length as u64));
        }
        infer(&alloc, length);
        hidden.free(&alloc);
    };
    for length in [LONGEST].into_iter().chain(lengths(7)) {
        run(&mut session, || iteration(length, &mut kept));
    }
    // Only the tables themselves miss, and what the few of them kept that came first.
    let tables = kept.iter().map(|block| block.layout().size() as u64);
    let report = key(&session);
    let missed = report.counts.bytes.misses.total();
    let others = missed.saturating_sub(tables.sum());
    assert!(others < report.counts.bytes.hits / 50, "{others} {report}");
    assert!(report.recorded <= 2, "{report}");
    kept.drain(..).for_each(|block| block.free_dirty(&alloc));
    // The plan has moved to another region; the first ones go with what was in the way.
    run(&mut session, || iteration(LONGEST, &mut kept));
    assert_eq!(key(&session).last.misses.total(), 0);
    drop(session);
    assert_eq!(alloc.reclaim(), 0);
}

#[test]
fn blocks_that_leave_a_small_iteration_stay_valid() {
    let alloc = Alloc::new(System);
    let mut session = session(&alloc);
    let mut kept = Vec::new();
    for length in [LONGEST, 30, 20, 10, 30] {
        let keep = || {
            let block = tensor(&alloc, 96 * length, 77);
            infer(&alloc, length);
            block
        };
        let block = session.run_at_most("model", keep).expect("not strict");
        kept.push(block);
        kept.iter().for_each(|block| block.check(usize::MAX));
    }
    drop(session);
    kept.into_iter().for_each(|block| block.free_dirty(&alloc));
    alloc.reclaim();
}

/// A block of a smaller shape has the room of the largest one to grow in.
#[test]
fn a_block_grows_within_the_room_of_the_largest_shape() {
    let alloc = Alloc::new(System);
    let mut session = session(&alloc);
    for (size, more, outgrown) in [(8000, 8000, 0), (2000, 8000, 0), (2000, 9000, 1)] {
        run(&mut session, || {
            let mut block = Block::new(&alloc, layout(size, 8), 1);
            block.resize(&alloc, more, 2);
            block.free(&alloc);
        });
        let last = key(&session).last;
        assert_eq!(last.misses.outgrown, outgrown, "{last:?}");
    }
}

// ---- helpers

/// A thread that runs the model with each length that it receives.
struct Worker {
    lengths: Sender<usize>,
    done: Receiver<()>,
}

impl Worker {
    fn spawn<'s>(scope: &'s Scope<'s, '_>, alloc: &'s Alloc) -> Self {
        let ((lengths, asked), (tell, done)) = (channel(), channel());
        scope.spawn(move || {
            for length in asked {
                infer(alloc, length);
                if tell.send(()).is_err() {
                    return;
                }
            }
        });
        Self { lengths, done }
    }

    fn infer(&self, length: usize) {
        self.lengths.send(length).expect("it lives");
        self.done.recv().expect("no panic");
    }
}

#[test]
fn a_model_that_runs_on_a_helper_is_served_at_every_length() {
    let alloc = Alloc::new(System);
    thread::scope(|scope| {
        let worker = Worker::spawn(scope, &alloc);
        let mut session = session(&alloc);
        for length in [LONGEST].into_iter().chain(lengths(2)) {
            run(&mut session, || {
                let input = tensor(&alloc, 100 * length, 3);
                worker.infer(length);
                input.free(&alloc);
            });
        }
        assert_served(&key(&session), 0.99);
    });
}

#[test]
fn models_that_run_on_new_threads_are_served_at_every_length() {
    let alloc = Alloc::new(System);
    let mut session = session(&alloc);
    for length in [LONGEST].into_iter().chain(lengths(3)) {
        run(&mut session, || {
            in_thread(|| infer(&alloc, length));
            in_thread(|| infer(&alloc, length.div_ceil(2)));
        });
    }
    assert_served(&key(&session), 0.99);
}

/// Tasks whose scratch space does not depend on the length, but whose number does; and tasks that
/// are as many, but smaller.
#[test]
fn tasks_of_helpers_are_served_at_every_length() {
    let alloc = Alloc::new(System);
    let mut session = session(&alloc);
    let tasks = |count: usize, numbers: usize| {
        for _ in 0..count {
            let scratch = tensor(&alloc, numbers, 1);
            tensor(&alloc, 700, 2).free(&alloc);
            scratch.free(&alloc);
        }
    };
    for length in [LONGEST].into_iter().chain(lengths(4)) {
        run(&mut session, || {
            for _ in 0..2 {
                let input = tensor(&alloc, 90 * length, 3);
                let barrier = Barrier::new(2);
                thread::scope(|scope| {
                    for _ in 0..2 {
                        scope.spawn(|| {
                            barrier.wait();
                            tasks(length.div_ceil(8), 1000);
                            tasks(4, 50 * length);
                        });
                    }
                });
                input.free(&alloc);
            }
        });
    }
    let key = key(&session);
    assert!(key.recorded <= 2, "{key}");
    assert!(key.counts.byte_hit_rate() >= 0.97, "{key}");
}

// ---- files

#[cfg(feature = "files")]
#[test]
fn a_plan_from_a_file_serves_every_length() {
    let alloc = Alloc::new(System);
    let mut first = session(&alloc);
    first
        .run("model", || infer(&alloc, LONGEST))
        .expect("not strict");
    let mut file = Vec::new();
    first.save("test", &mut file).expect("a vector takes all");
    let planned = key(&first).planned_bytes;
    drop(first);
    let mut session = session(&alloc);
    assert_eq!(session.load("test", &file[..]).expect("as it was saved"), 1);
    for length in lengths(5) {
        run(&mut session, || infer(&alloc, length));
    }
    let key = key(&session);
    assert_eq!((key.recorded, key.planned_bytes), (0, planned), "{key}");
    assert!(key.counts.byte_hit_rate() >= 0.99, "{key}");
    // A longer one makes it grow.
    (0..4).for_each(|_| run(&mut session, || infer(&alloc, 2 * LONGEST)));
    let key = self::key(&session);
    assert_eq!((key.recorded, key.last.misses.total()), (1, 0), "{key}");
}
