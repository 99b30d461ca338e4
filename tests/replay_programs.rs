//! `ReplayAlloc` and random programs: a program that runs again hits every time, and one that
//! differs keeps its contents nevertheless.
//!
//! The allocators are instances beside the test program's own, so that they do not see the tests'
//! own bookkeeping.

use std::alloc::System;

use orionrt::{
    Planner, ReplayAlloc,
    replay::{KeyReport, MissCounts, Recording, Replay, Session},
};
use orionrt_testing::{
    blocks::{Block, layout},
    programs::{Change, Live, Step, changed},
    random::Random,
};
use proptest::prelude::*;

fn size() -> impl Strategy<Value = usize> {
    prop_oneof![
        6 => 1usize..200,
        3 => 200usize..5000,
        1 => 5000usize..300_000,
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let shift = prop_oneof![4 => 0u32..5, 1 => 5u32..14];
    prop_oneof![
        5 => (size(), shift, any::<bool>()).prop_map(|(size, shift, is_zeroed)| Step::Allocate {
            size,
            alignment: 1 << shift,
            is_zeroed,
        }),
        3 => any::<usize>().prop_map(Step::Free),
        2 => (any::<usize>(), size()).prop_map(|(which, size)| Step::Resize(which, size)),
        1 => any::<usize>().prop_map(Step::Keep),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec(step(), 0..120)
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = prop_oneof![
        any::<usize>().prop_map(Change::Remove),
        (any::<usize>(), step()).prop_map(|(at, step)| Change::Insert(at, step)),
        (any::<usize>(), step()).prop_map(|(at, step)| Change::Replace(at, step)),
    ];
    proptest::collection::vec(change, 0..12)
}

fn new_alloc() -> ReplayAlloc<System> {
    ReplayAlloc::new(System)
}

fn replay<'a>(
    alloc: &'a ReplayAlloc<System>,
    recording: &Recording,
    alignment: u64,
) -> Replay<'a, System> {
    let lifetimes = recording.lifetimes(0).expect("small");
    let planner = Planner::new().alignment(alignment).nodes(100);
    let plan = planner.plan(&lifetimes).expect("a plan");
    alloc.replay(recording, &plan).expect("room")
}

fn recorded(alloc: &ReplayAlloc<System>, live: &mut Live, steps: &[Step]) -> Recording {
    let recorded = alloc.record(|| live.run(alloc, steps));
    recorded.expect("not nested").1
}

fn planned(recording: &Recording) -> u64 {
    let planned = recording.requests(0).iter().filter(|r| r.is_planned());
    planned.count() as u64
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 100 }))]

    #[test]
    fn the_same_program_hits_every_time(steps in steps(), shift in 0u32..8) {
        let (alloc, mut live) = (new_alloc(), Live::default());
        let recording = recorded(&alloc, &mut live, &steps);
        let requests = recording.requests(0).len() as u64;
        prop_assert_eq!(requests - planned(&recording), live.kept() as u64);
        let mut replay = replay(&alloc, &recording, 1 << shift);
        for _ in 0..3 {
            let ((), counts) = replay.run(|| live.run(&alloc, &steps)).expect("not nested");
            prop_assert_eq!(counts.misses, MissCounts::default());
            prop_assert_eq!((counts.hits, counts.requests()), (planned(&recording), requests));
        }
        drop(replay);
        live.check();
        live.free_kept(&alloc, &mut Random(1), usize::MAX);
    }

    #[test]
    fn another_program_keeps_its_contents(
        steps in steps(), all in proptest::collection::vec(changes(), 1..8), seed: u64,
    ) {
        let (alloc, mut live, mut random) = (new_alloc(), Live::default(), Random(seed));
        let recording = recorded(&alloc, &mut live, &steps);
        let mut replay = replay(&alloc, &recording, 1);
        for changes in all {
            let steps = changed(&steps, &changes);
            replay.run(|| live.run(&alloc, &steps)).expect("not nested");
            live.check();
            live.free_kept(&alloc, &mut random, seed as usize % 4);
        }
        drop(replay);
        live.check();
        live.free_kept(&alloc, &mut random, usize::MAX);
    }

    /// Sessions come and go; blocks outlive them, and their regions go with the last block.
    #[test]
    fn blocks_outlive_their_sessions(
        steps in steps(), all in proptest::collection::vec(changes(), 1..6), seed: u64,
    ) {
        let (alloc, mut live, mut random) = (new_alloc(), Live::default(), Random(seed));
        for changes in all {
            let planner = Planner::new().nodes(100);
            let mut session: Session<'_, _, u32> = alloc.session(planner).threshold(0);
            for key in [0, 1, 0, 0, 1] {
                let steps = if key == 0 { steps.clone() } else { changed(&steps, &changes) };
                session.run(key, || live.run(&alloc, &steps)).expect("not refused");
            }
            // The blocks of the next program lie beside those kept from this one.
            drop(session);
            live.check();
            live.free_kept(&alloc, &mut random, live.kept() / 2);
        }
        live.free_kept(&alloc, &mut random, usize::MAX);
        alloc.reclaim();
        prop_assert_eq!(alloc.reclaim(), 0);
    }

    /// Keys lose their regions and plans to others, and no byte with them.
    #[test]
    fn sessions_keep_to_their_budgets(
        steps in steps(), rounds in proptest::collection::vec((changes(), 0u8..5), 1..24),
        budget in 0usize..500_000, seed: u64,
    ) {
        let (alloc, mut live, mut random) = (new_alloc(), Live::default(), Random(seed));
        let planner = Planner::new().nodes(100);
        let session = alloc.session(planner).threshold(0).budget(budget).keep_recordings(true);
        let mut session: Session<'_, _, u8> = session;
        let mut last_planned = 0;
        for (round, (changes, key)) in (1..).zip(&rounds) {
            // Mostly the key's own program.
            let own = changed(&steps, &rounds[*key as usize % rounds.len()].0);
            let steps = if round % 5 == 0 { changed(&own, changes) } else { own };
            session.run(*key, || live.run(&alloc, &steps)).expect("not strict");
            live.check();
            live.free_kept(&alloc, &mut random, seed as usize % 4);
            let report = session.report();
            let ran = |key: &KeyReport| key.recorded + key.replayed + key.plain.total();
            prop_assert_eq!(report.keys.iter().map(ran).sum::<u64>(), round);
            // A key that needs nothing takes nothing from the one before.
            // Blocks of a region are moved apart by up to 1.2 % of the plan.
            let region = |peak: u64| (peak + peak / 80).next_multiple_of(4096);
            match session.plan(key).map_or(0, |plan| region(plan.peak())) {
                0 => {}
                planned => last_planned = planned,
            }
            prop_assert!(report.region_bytes <= last_planned.max(budget as u64), "{report}");
        }
        drop(session);
        live.free_kept(&alloc, &mut random, usize::MAX);
        alloc.reclaim();
        prop_assert_eq!(alloc.reclaim(), 0);
    }
}

// ---- by hand: instances that only the test uses

/// Two blocks that live together, and a third in the bytes of the first.
fn three(alloc: &ReplayAlloc<System>) -> [Block; 2] {
    let first = Block::new(alloc, layout(3000, 8), 1);
    let second = Block::new(alloc, layout(5000, 8), 2);
    first.free(alloc);
    [second, Block::zeroed(alloc, layout(3000, 8), 3)]
}

#[test]
fn a_region_is_reclaimed_when_its_last_block_is_released() {
    let alloc = new_alloc();
    let iteration = || {
        three(&alloc)
            .into_iter()
            .for_each(|block| block.free(&alloc))
    };
    let ((), recording) = alloc.record(iteration).expect("not nested");
    let mut replay = replay(&alloc, &recording, 1);
    let (kept, counts) = replay.run(|| three(&alloc)).expect("not nested");
    assert_eq!((counts.hits, counts.misses.total()), (3, 0));
    assert_eq!(alloc.reclaim(), 0);
    drop(replay);
    for block in kept {
        assert_eq!(alloc.reclaim(), 0);
        block.free_dirty(&alloc);
    }
    assert_eq!((alloc.reclaim(), alloc.reclaim()), (8000, 0));
}

#[test]
fn blocks_that_outlive_their_region_can_still_be_resized() {
    let alloc = new_alloc();
    let iteration = || {
        three(&alloc)
            .into_iter()
            .for_each(|block| block.free(&alloc))
    };
    let ((), recording) = alloc.record(iteration).expect("not nested");
    let mut replay = replay(&alloc, &recording, 1);
    let ([mut a, mut b], _) = replay.run(|| three(&alloc)).expect("not nested");
    drop(replay);
    let (at_a, at_b) = (a.start(), b.start());
    a.resize(&alloc, 10, 4);
    a.resize(&alloc, 5000, 5);
    assert_eq!(a.start(), at_a, "there is room");
    b.resize(&alloc, 3001, 6);
    assert_ne!(b.start(), at_b, "there is none");
    assert_eq!(alloc.reclaim(), 0);
    [a, b].into_iter().for_each(|block| block.free(&alloc));
    assert_eq!(alloc.reclaim(), 8000);
}

#[test]
fn regions_do_not_overlap_and_are_reclaimed() {
    let alloc = new_alloc();
    let mut replays = Vec::new();
    let mut live = Live::default();
    for megabytes in [1, 5, 3, 2, 9] {
        let allocate = Step::Allocate {
            size: megabytes << 20,
            alignment: 2 << 20,
            is_zeroed: true,
        };
        let (steps, keeps) = ([allocate], [allocate, Step::Keep(0)]);
        let recording = recorded(&alloc, &mut live, &steps);
        let mut replay = replay(&alloc, &recording, 1);
        // `Live` checks that kept blocks do not overlap.
        replay.run(|| live.run(&alloc, &keeps)).expect("not nested");
        replays.push(replay);
    }
    drop(replays);
    assert_eq!((live.kept(), alloc.reclaim()), (5, 0));
    live.check();
    live.free_kept(&alloc, &mut Random(2), usize::MAX);
    assert_eq!(alloc.reclaim(), 20 << 20);
}

/// Threads keep blocks beyond their sessions and their own ends, and the main thread frees the
/// rest.
#[test]
fn many_threads_share_an_allocator() {
    let alloc = new_alloc();
    let left: Vec<Live> = std::thread::scope(|scope| {
        let thread = |seed| {
            let alloc = &alloc;
            move || {
                let (mut random, mut live) = (Random(seed), Live::default());
                let steps: Vec<Step> = (0..60).map(|_| random_step(&mut random)).collect();
                let mut session = alloc.session(Planner::new().nodes(100)).threshold(0);
                for _ in 0..20 {
                    let change = Change::Replace(random.below(60), random_step(&mut random));
                    let steps = changed(&steps, &[change]);
                    session
                        .run((), || live.run(alloc, &steps))
                        .expect("not refused");
                    live.free_kept(alloc, &mut random, 3);
                }
                live
            }
        };
        let threads: Vec<_> = (0..4).map(|seed| scope.spawn(thread(seed))).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("no panic"))
            .collect()
    });
    for mut live in left {
        live.check();
        live.free_kept(&alloc, &mut Random(3), usize::MAX);
    }
    alloc.reclaim();
    assert_eq!(alloc.reclaim(), 0);
}

fn random_step(random: &mut Random) -> Step {
    let which = random.below(100);
    match random.below(8) {
        0 => Step::Keep(which),
        1 | 2 => Step::Free(which),
        3 => Step::Resize(which, random.size(100_000)),
        kind => Step::Allocate {
            size: random.size(100_000),
            alignment: 1 << random.below(8),
            is_zeroed: kind == 4,
        },
    }
}

/// Two allocators; an iteration of the one does not record or serve the requests of the other.
#[test]
fn an_iteration_ignores_requests_to_another_allocator() {
    let (alloc, other) = (new_alloc(), new_alloc());
    let iteration = || {
        Block::new(&alloc, layout(100, 8), 1).free(&alloc);
        Block::new(&other, layout(100, 8), 2).free(&other);
    };
    let ((), recording) = alloc.record(iteration).expect("not nested");
    assert_eq!((recording.requests(0).len(), recording.lanes()), (1, 1));
    let mut replay = replay(&alloc, &recording, 1);
    let ((), counts) = replay.run(iteration).expect("not nested");
    assert_eq!((counts.hits, counts.requests()), (1, 1));
    assert!(other.record(iteration).is_ok());
}
