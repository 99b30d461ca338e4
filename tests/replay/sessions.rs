//! Sessions: keys and shapes, early ends, refusals, several at once, reports, and no page faults.

use std::{
    sync::{
        Arc, Barrier,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use orionrt::{
    Lifetimes, Planner, ReplayError, TensorId,
    lifetimes::{Lifetime, Piece},
    planner::{PlannerError, Strategy, Task},
    replay::{MissCounts, Recording, RequestCounts},
};
use orionrt_testing::workloads::{assert_filled, filled, network};

use crate::iterations::{ALLOC, last, recorded, run, session};

// ---- keys and shapes

#[test]
fn every_key_has_its_plan() {
    let mut session = session();
    for _ in 0..5 {
        for width in [8, 64, 4096] {
            let sum = session
                .run(width, || network(width, 4))
                .expect("not refused");
            assert_eq!(sum, network(width, 4));
        }
    }
    let report = session.report();
    assert_eq!(report.keys.len(), 3);
    for (key, width) in report.keys.iter().zip([8u64, 64, 4096]) {
        assert_eq!(key.key, width.to_string());
        assert_eq!((key.recorded, key.replayed), (1, 4));
        assert_eq!(
            (key.counts.hits, key.counts.misses),
            (4 * 13, MissCounts::default())
        );
        assert_eq!((key.counts.heap_bytes, key.hit_rate()), (0, 1.0));
        // Nine vectors of the whole width and four of half of it; at most three and a half widths
        // live together.
        assert_eq!(key.total_bytes, (9 * 8 + 4 * 4) * width);
        assert_eq!(
            (key.lower_bound, key.planned_bytes),
            (28 * width, 28 * width)
        );
        assert!(
            session
                .plan(&(width as usize))
                .is_some_and(|plan| plan.peak() == 28 * width)
        );
    }
    assert!(session.plan(&7).is_none() && session.recording(&7).is_none());
}

#[test]
fn another_iteration_under_the_same_key_costs_misses_and_a_new_recording() {
    let mut session = session();
    let small = network(64, 3);
    for _ in 0..3 {
        assert_eq!(run(&mut session, || network(64, 3)), small);
    }
    assert_eq!(run(&mut session, || network(4096, 3)), network(4096, 3));
    let counts = last(&session);
    assert_eq!((counts.hits, counts.misses.unmatched), (0, 10));
    assert!(counts.heap_bytes > 10 * 4096 * 4, "{counts:?}");
    for recorded_again in [true, false, false] {
        assert_eq!(run(&mut session, || network(4096, 3)), network(4096, 3));
        assert_eq!(recorded(&session), 2);
        if !recorded_again {
            assert_eq!(
                (last(&session).hits, last(&session).misses.total()),
                (10, 0)
            );
        }
    }
}

#[test]
fn a_key_is_recorded_four_times_at_most() {
    let mut session = session();
    for i in 0..30 {
        let width = 10 + i * 7;
        assert_eq!(run(&mut session, || network(width, 3)), network(width, 3));
        assert!(recorded(&session) <= 4);
    }
    assert_eq!(recorded(&session), 4);
    session.forget(&());
    for _ in 0..2 {
        assert_eq!(run(&mut session, || network(9, 3)), network(9, 3));
    }
    assert_eq!((recorded(&session), last(&session).misses.total()), (5, 0));
}

#[test]
fn an_iteration_may_allocate_nothing() {
    let mut session = session();
    for _ in 0..4 {
        assert_eq!(run(&mut session, || 7), 7);
        let nothing = run(&mut session, || {
            (Vec::<u64>::new(), vec![(); 100], Box::new(()))
        });
        assert_eq!(nothing.1.len(), 100);
    }
    let key = &session.report().keys[0];
    assert_eq!(
        (key.counts, key.planned_bytes, key.hit_rate()),
        (RequestCounts::default(), 0, 1.0)
    );
}

// ---- early ends

#[test]
fn an_iteration_that_ended_early_when_recorded_is_recorded_again() {
    let mut session = session();
    run(&mut session, || network(256, 0));
    for _ in 0..4 {
        assert_eq!(run(&mut session, || network(256, 6)), network(256, 6));
    }
    assert_eq!(recorded(&session), 2);
    assert_eq!(
        (last(&session).hits, last(&session).misses.total()),
        (19, 0)
    );
}

#[test]
fn an_iteration_that_ends_early_when_replayed_misses_nothing() {
    let mut session = session();
    for layers in [6, 2, 6, 0, 6] {
        assert_eq!(
            run(&mut session, || network(256, layers)),
            network(256, layers)
        );
    }
    let key = &session.report().keys[0];
    assert_eq!((key.recorded, key.counts.misses.total()), (1, 0));
    assert_eq!(key.counts.hits, (7 + 19 + 1 + 19));
}

// ---- refusals

#[test]
fn an_iteration_too_long_for_its_log_is_recorded_again_with_a_longer_one() {
    let mut session = session().events(8);
    for _ in 0..6 {
        assert_eq!(run(&mut session, || network(20, 20)), network(20, 20));
    }
    assert_eq!(recorded(&session), 2);
    assert_eq!(
        (last(&session).hits, last(&session).misses.total()),
        (61, 0)
    );
    assert_eq!(session.recording(&()).map(Recording::lost), Some(0));
}

#[test]
fn a_plan_of_another_recording_is_refused() {
    let record = |width, layers| {
        let recorded = ALLOC.record(|| network(width, layers));
        recorded.expect("not nested").1
    };
    let (small, large) = (record(30, 2), record(30, 3));
    let wide = record(32, 2);
    let plan = |lifetimes| Planner::new().plan(&lifetimes).expect("a plan");
    let plan_of_small = plan(small.lifetimes(0).expect("small"));
    assert!(matches!(
        ALLOC.replay(&large, &plan_of_small),
        Err(ReplayError::OtherCount {
            found: 7,
            expected: 10
        })
    ));
    assert!(matches!(
        ALLOC.replay(&wide, &plan_of_small),
        Err(ReplayError::OtherPlan { row: 0 })
    ));
    let strict = small
        .lifetimes(0)
        .expect("small")
        .with_alignment(4 << 20)
        .expect("a power of two");
    assert!(matches!(
        ALLOC.replay(&small, &plan(strict)),
        Err(ReplayError::OtherPlan { row: 0 })
    ));
    let mut replay = ALLOC.replay(&small, &plan_of_small).expect("its own plan");
    assert_eq!(replay.run(|| network(30, 2)).expect("not nested").1.hits, 7);
}

#[test]
fn a_plan_that_shares_bytes_of_live_blocks_is_refused() {
    let iteration = || {
        let outer = filled(4096, 1);
        assert_filled(&filled(2048, 2), 2);
        assert_filled(&outer, 1);
    };
    let recording = ALLOC.record(iteration).expect("not nested").1;
    let whole = recording.lifetimes(0).expect("two blocks");
    let rows: Vec<Lifetime> = whole.rows().to_vec();
    let [outer, inner] = [0, 1].map(TensorId::new);
    assert!(rows.len() == 2 && rows[0].lower < rows[1].lower && rows[1].upper < rows[0].upper);
    let meanwhile = rows[1].steps();
    let with_gap = whole.clone().with_gaps(outer, [meanwhile.clone()]);
    let window = Piece::new(meanwhile, 0..2048);
    let with_window = whole.clone().with_windows(outer, [window]);
    let narrow = Piece::new(rows[1].steps(), 0..1);
    let with_narrow = whole.clone().with_windows(inner, [narrow]);
    let within = [("outer", rows[0]), ("inner", rows[1].with_root(outer, 0))];
    for (lifetimes, row) in [
        (with_gap, 0),
        (with_window, 0),
        (with_narrow, 1),
        (Lifetimes::from_named(within), 1),
    ] {
        let plan = Planner::new()
            .plan(&lifetimes.expect("lifetimes"))
            .expect("a plan");
        let refused = ALLOC
            .replay(&recording, &plan)
            .expect_err("bytes are shared");
        assert_eq!(refused, ReplayError::SharedBytes { row });
        assert!(
            refused
                .to_string()
                .starts_with(&format!("lifetime {row} of the plan"))
        );
    }
    let plan = Planner::new().plan(&whole).expect("a plan");
    let mut replay = ALLOC.replay(&recording, &plan).expect("its own plan");
    assert_eq!(replay.run(iteration).expect("not nested").1.hits, 2);
}

#[test]
fn iterations_without_a_plan_run_plainly_and_are_counted() {
    let mut session = ALLOC
        .session(Planner::new().capacity(100))
        .threshold(0)
        .lanes(0);
    for _ in 0..4 {
        assert_eq!(run(&mut session, || network(30, 2)), network(30, 2));
    }
    let key = &session.report().keys[0];
    assert_eq!((key.recorded, key.replayed), (1, 0));
    assert_eq!((key.plain.no_plan, key.plain.total()), (3, 3));
    assert!(matches!(
        &key.plain_cause,
        Some(ReplayError::Planner(PlannerError::Capacity { .. }))
    ));
    let text = key.to_string();
    let expected = [
        "(): 1 recorded, 0 replayed, 3 plain\n",
        "\n  plain     3, last because: no plan for the recorded lifetimes: ",
    ];
    assert!(expected.iter().all(|part| text.contains(part)), "{text}");
}

#[test]
fn a_recording_that_cannot_be_planned_is_an_error_of_every_later_run_of_a_strict_session() {
    let mut session = ALLOC
        .session(Planner::new().capacity(100))
        .threshold(0)
        .strict(true);
    assert_eq!(run(&mut session, || network(30, 2)), network(30, 2));
    for _ in 0..3 {
        let refused = session.run((), || unreachable!());
        let Err::<(), _>(error) = refused else {
            unreachable!()
        };
        assert!(matches!(
            &error,
            ReplayError::Planner(PlannerError::Capacity { capacity: 100, .. })
        ));
        assert!(
            error
                .to_string()
                .starts_with("no plan for the recorded lifetimes: "),
            "{error}"
        );
    }
    assert!(session.plan(&()).is_none() && session.recording(&()).is_none());
    assert_eq!(
        (recorded(&session), session.report().keys[0].planned_bytes),
        (1, 0)
    );
    // A forgotten key is recorded again.
    session.forget(&());
    run(&mut session, || drop(filled(3, 1)));
    assert_eq!(session.run((), || 5), Ok(5));
}

#[cfg(target_pointer_width = "64")]
#[test]
fn a_plan_larger_than_the_address_range_is_refused() {
    use orionrt::replay::{Event, EventKind};

    let event = |kind| Event::new(kind, 4096, 300 << 30, 8).on_thread(1);
    let events = vec![event(EventKind::Allocate), event(EventKind::Free)];
    let recording = Recording::new(1, events, 0);
    let plan = Planner::new()
        .plan(&recording.lifetimes(0).expect("fits"))
        .expect("a plan");
    let refused = ALLOC.replay(&recording, &plan);
    assert!(matches!(refused, Err(ReplayError::TooLarge { bytes }) if bytes == 300 << 30));
}

// ---- time

/// Places nothing together, and tells whether its budget ends within 50 ms.
struct Slow(Arc<AtomicBool>);

impl Strategy for Slow {
    fn name(&self) -> &str {
        "slow"
    }

    fn place(&self, task: &Task<'_>) -> Vec<u64> {
        thread::sleep(Duration::from_millis(50));
        self.0.store(task.budget.is_over(), Ordering::Relaxed);
        let mut end = 0;
        let place = |buffer: &Lifetime| {
            let offset = u64::next_multiple_of(end, buffer.alignment);
            end = offset + buffer.size;
            offset
        };
        task.buffers.iter().map(place).collect()
    }
}

#[test]
fn a_session_plans_within_milliseconds_unless_its_planner_has_a_limit() {
    let is_short = |limit: fn(Planner) -> Planner| {
        let is_over = Arc::new(AtomicBool::new(false));
        let planner = limit(Planner::new().strategy(Slow(is_over.clone())));
        let mut session = ALLOC.session(planner).lanes(0);
        run(&mut session, || network(3000, 2));
        run(&mut session, || network(3000, 2));
        assert_eq!(last(&session).hits, 7);
        is_over.load(Ordering::Relaxed)
    };
    assert!(is_short(|planner| planner));
    assert!(!is_short(
        |planner| planner.time_limit(Duration::from_secs(3600))
    ));
    assert!(!is_short(|planner| planner.nodes(1_000_000)));
}

// ---- several at once

#[test]
fn threads_have_sessions_of_their_own() {
    let barrier = Barrier::new(4);
    let work = |seed: u64| {
        let (mut session, width) = (session(), 100 << seed);
        barrier.wait();
        for _ in 0..50 {
            let sum = run(&mut session, || {
                let numbers = filled(width, seed);
                let sum = network(width, 4);
                assert_filled(&numbers, seed);
                sum
            });
            assert_eq!(sum, network(width, 4));
        }
        let key = session.report().keys.remove(0);
        assert_eq!(
            (key.recorded, key.counts.hits, key.counts.misses.total()),
            (1, 49 * 14, 0)
        );
    };
    thread::scope(|scope| {
        for seed in 0..4 {
            scope.spawn(move || work(seed));
        }
    });
}

#[test]
fn a_session_may_move_to_another_thread() {
    let mut session = session();
    run(&mut session, || network(70, 3));
    let session = thread::spawn(move || {
        run(&mut session, || network(70, 3));
        session
    });
    let mut session = session.join().expect("no panic");
    run(&mut session, || network(70, 3));
    assert_eq!(
        (
            session.report().keys[0].counts.hits,
            last(&session).misses.total()
        ),
        (20, 0)
    );
}

#[test]
fn a_first_iteration_that_filled_caches_is_recorded_once_more() {
    let mut session = session();
    let mut cache = Vec::with_capacity(40);
    for _ in 0..4 {
        run(&mut session, || {
            for i in 0..40 {
                let vector = filled(50, i);
                if cache.len() < 40 {
                    cache.push(vector);
                }
            }
        });
    }
    assert_eq!(recorded(&session), 2);
    let counts = last(&session);
    assert_eq!((counts.hits, counts.outliving), (40, 0));
}

// ---- report, and what replay is for

#[test]
fn the_report_counts_every_outcome_and_prints_it() {
    let mut session = session();
    let mut kept = None;
    for _ in 0..5 {
        let run = session.run("batch 1", || {
            kept = Some(Box::new([1u8; 40]));
            (filled(10, 1), drop(filled(20, 2)))
        });
        drop(run);
    }
    let expected = [
        "\"batch 1\": 1 recorded, 4 replayed, 57.14 % of all bytes served from the plan",
        "  hits      4 requests, 640 bytes",
        "  misses    0 requests, 0 bytes: 0 unmatched (0 bytes), 0 occupied (0 bytes), \
         0 outgrown (0 bytes)",
        "  unplanned 8 outliving the iteration (480 bytes), 0 small (0 bytes), \
         0 bytes by resizing",
        "  region    160 bytes planned, 160 lower bound, 160 without reuse; \
         120 from the heap in the last iteration",
    ];
    let expected = expected.join("\n");
    assert_eq!(session.report().to_string(), expected);
    assert_eq!(session.report().keys[0].counts.requests(), 12);
    session.run("batch 2", || ()).expect("not refused");
    let both = session.report().to_string();
    assert!(
        both.starts_with(&format!("{expected}\n\"batch 2\": 1 recorded, 0 replayed")),
        "{both}"
    );
    assert!(format!("{session:?} {ALLOC:?}").contains("ReplayAlloc"));
}

/// Page faults of this thread so far.
#[cfg(target_os = "linux")]
fn faults() -> libc::c_long {
    // SAFETY: all zeros are a valid `rusage`; the call fills it.
    unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        assert_eq!(libc::getrusage(libc::RUSAGE_THREAD, &mut usage), 0);
        usage.ru_minflt + usage.ru_majflt
    }
}

#[cfg(target_os = "linux")]
#[test]
fn replayed_iterations_have_no_page_faults() {
    use orionrt::arena::HugePages;

    let iteration = || {
        let first = vec![1u8; 4 << 20];
        let second: Vec<u8> = first.iter().map(|byte| byte + 1).collect();
        drop(first);
        let third: Vec<u8> = second.iter().map(|byte| byte + 1).collect();
        assert!(third.iter().all(|&byte| byte == 3));
    };
    for policy in [HugePages::OnRequest, HugePages::Off] {
        let mut session = session().huge_pages(policy);
        run(&mut session, iteration);
        // The region is resident already; some code and stack may not be.
        let before = faults();
        run(&mut session, iteration);
        assert!(faults() - before < 100, "{policy:?}: {}", faults() - before);
        let before = faults();
        (0..10).for_each(|_| run(&mut session, iteration));
        assert_eq!(faults() - before, 0, "{policy:?}");
        assert_eq!(session.report().keys[0].planned_bytes, 8 << 20);
    }
}
