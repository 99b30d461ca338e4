//! The keys of a session: that they share one region, what they keep under a budget, and that
//! nothing is lost with what others give up.
//!
//! The allocators are instances beside the test program's own, so that only what a test asks for is
//! counted.

use std::{alloc::System, time::Duration};

use orionrt::{
    Planner, ReplayAlloc,
    replay::{Advice, KeyReport, Report, Session},
};
use orionrt_testing::{
    blocks::{Block, layout},
    random::Random,
};

type Alloc = ReplayAlloc<System>;

const KIB: usize = 1024;

fn session(alloc: &Alloc) -> Session<'_, System, usize> {
    alloc
        .session(Planner::new().nodes(100))
        .keep_recordings(true)
}

/// An iteration whose plan has so many KiB.
fn use_kib(alloc: &Alloc, kib: usize) {
    let first = Block::new(alloc, layout(kib * KIB / 2, 64), 1);
    let second = Block::new(alloc, layout(kib * KIB / 2, 64), 2);
    first.free(alloc);
    second.free(alloc);
}

/// The bytes of a region for a plan of so many KiB: its second block is moved by 192 bytes for each
/// 64 KiB before it.
fn region(kib: usize) -> u64 {
    let (bytes, moved) = (kib * KIB, kib * KIB / 2 / (64 * KIB) * 192);
    (bytes + moved).next_multiple_of(4096) as u64
}

/// Runs an iteration of a key that has as many KiB.
fn run(session: &mut Session<'_, System, usize>, alloc: &Alloc, kib: usize) {
    session
        .run(kib, || use_kib(alloc, kib))
        .expect("not strict");
}

fn key(session: &Session<'_, System, usize>, kib: usize) -> KeyReport {
    let mut keys = session.report().keys;
    let position = keys.iter().position(|key| key.key == kib.to_string());
    keys.swap_remove(position.expect("it was used"))
}

#[test]
fn keys_that_take_turns_share_one_region_of_the_largest() {
    let alloc = Alloc::new(System);
    let mut session = session(&alloc);
    let sizes = [400, 100, 900, 300];
    for round in 0..5 {
        for kib in sizes {
            run(&mut session, &alloc, kib);
        }
        let largest = if round == 0 {
            sizes.iter().max()
        } else {
            Some(&900)
        };
        let bytes = session.report().region_bytes;
        assert_eq!(Some(bytes), largest.map(|&kib| region(kib)));
    }
    for kib in sizes {
        let key = key(&session, kib);
        assert_eq!((key.recorded, key.replayed), (1, 4), "{key}");
        assert_eq!((key.counts.hits, key.counts.misses.total()), (8, 0));
        assert_eq!(key.regions_given_up, 0);
    }
    // Without its key, the largest one is gone.
    session.forget(&900);
    assert_eq!(session.report().region_bytes, region(400));
    sizes.iter().for_each(|kib| session.forget(kib));
    assert_eq!(session.report().region_bytes, 0);
}

#[test]
fn three_hundred_keys_take_the_memory_of_one() {
    let alloc = Alloc::new(System);
    let mut session = session(&alloc).keep_recordings(false);
    for _ in 0..2 {
        for kib in (0..300).map(|i| 2000 - i) {
            run(&mut session, &alloc, kib);
        }
    }
    let report = session.report();
    assert_eq!(report.region_bytes, region(2000));
    assert!(report.plan_bytes <= 300 * 2 * 64);
    let are_replayed = |key: &KeyReport| (key.recorded, key.replayed, key.counts.hits) == (1, 1, 2);
    assert!(report.keys.iter().all(are_replayed), "{report}");
}

#[test]
fn a_key_whose_block_is_in_use_keeps_its_region_and_others_get_another() {
    let alloc = Alloc::new(System);
    let mut session = session(&alloc);
    for _ in 0..2 {
        [400, 300]
            .iter()
            .for_each(|kib| run(&mut session, &alloc, *kib));
    }
    assert_eq!(session.report().region_bytes, region(400));
    let keep = |session: &mut Session<'_, System, usize>| {
        let keep = || Block::new(&alloc, layout(200 * KIB, 64), 7);
        session.run(400, keep).expect("not strict")
    };
    let kept = keep(&mut session);
    for _ in 0..2 {
        run(&mut session, &alloc, 300);
        assert_eq!(session.report().region_bytes, region(400) + region(300));
        assert_eq!(key(&session, 300).last.hits, 2);
    }
    // Its own iterations find those bytes occupied, and no others.
    run(&mut session, &alloc, 400);
    let last = key(&session, 400).last;
    assert_eq!((last.hits, last.misses.occupied), (1, 1));
    kept.free(&alloc);
    // That was another iteration than the one recorded: it is recorded again first.
    (0..2).for_each(|_| run(&mut session, &alloc, 400));
    assert_eq!(key(&session, 400).last.hits, 2);
    assert_eq!(session.report().region_bytes, region(400));
}

#[test]
fn keys_of_growing_size_stay_within_the_budget() {
    let alloc = Alloc::new(System);
    let budget = 1024 * KIB;
    let mut session = session(&alloc).budget(budget);
    // Regions of 64, 68, ... KiB: 40 MiB in all.
    for kib in (64..580).step_by(4) {
        for _ in 0..3 {
            run(&mut session, &alloc, kib);
        }
        let report = session.report();
        assert_eq!(report.budget, budget as u64);
        assert_eq!(report.region_bytes, region(kib));
        let held = report.region_bytes + report.plan_bytes;
        assert!(held <= budget as u64, "{kib}: {held}");
        assert_eq!(key(&session, kib).counts.hits, 4);
    }
    // Freed regions are gone from the address range, too.
    drop(session);
    assert_eq!(alloc.reclaim(), 0);
}

#[test]
fn memory_beyond_the_budget_goes_and_comes_back_without_another_recording() {
    let alloc = Alloc::new(System);
    let mut session = session(&alloc).budget(1000 * KIB);
    for _ in 0..5 {
        run(&mut session, &alloc, 1200);
        assert_eq!(session.report().region_bytes, region(1200));
        run(&mut session, &alloc, 400);
        let report = session.report();
        assert!(report.region_bytes < 1000 * KIB as u64 && report.region_bytes > 900 * KIB as u64);
        assert!(report.region_bytes + report.plan_bytes <= report.budget);
    }
    let large = key(&session, 1200);
    assert_eq!((large.recorded, large.replayed), (1, 4), "{large}");
    assert_eq!((large.counts.hits, large.counts.misses.total()), (8, 0));
    assert_eq!(large.regions_given_up, 5);
    assert!(matches!(
        large.advice[..],
        [Advice::Budget { given_up: 5, .. }]
    ));
    let text = large.to_string();
    assert!(text.contains("or a larger `.budget(bytes)`"), "{text}");
    let small = key(&session, 400);
    assert_eq!((small.recorded, small.regions_given_up), (1, 0), "{small}");
    assert!(session.plan(&400).is_some() && session.recording(&400).is_some());
    let text = session.report().to_string();
    assert!(text.contains("of a budget of 1024000"), "{text}");
}

#[test]
fn a_nested_iteration_takes_nothing_from_other_keys() {
    let alloc = Alloc::new(System);
    let mut session = session(&alloc).budget(1000 * KIB);
    for kib in [1200, 400] {
        run(&mut session, &alloc, kib);
    }
    let before = session.report();
    assert_eq!(key(&session, 1200).regions_given_up, 1);
    let nested = || [1200, 412].map(|kib| run(&mut session, &alloc, kib));
    alloc.record(nested).expect("there is memory");
    let after = session.report();
    let held = |report: &Report| (report.region_bytes, report.plan_bytes);
    assert_eq!(held(&after), held(&before));
    assert_eq!(&after.keys[1..2], &before.keys[1..]);
    for kib in [1200, 412] {
        assert_eq!(key(&session, kib).plain.nested, 1);
    }
    run(&mut session, &alloc, 1200);
    assert_eq!(key(&session, 1200).replayed, 1);
}

#[test]
fn the_plans_used_least_recently_go() {
    let alloc = Alloc::new(System);
    // Room for the plans of three keys.
    let mut session = session(&alloc);
    run(&mut session, &alloc, 100);
    let each = session.report().plan_bytes as usize;
    let mut session = session.budget(4 * 3 * each + 3);
    for round in 0..20 {
        run(&mut session, &alloc, 50);
        run(&mut session, &alloc, 100);
        // Keys that are used once.
        run(&mut session, &alloc, 200 + round);
    }
    let of_three = 3 * each as u64;
    assert!(session.report().plan_bytes <= of_three + each as u64);
    for often in [50, 100] {
        assert_eq!(key(&session, often).recorded, 1);
    }
    run(&mut session, &alloc, 200);
    assert_eq!(key(&session, 200).recorded, 2);
}

#[test]
fn the_key_that_runs_has_its_region_whatever_the_budget() {
    let alloc = Alloc::new(System);
    let mut session = session(&alloc).budget(0);
    for _ in 0..3 {
        run(&mut session, &alloc, 300);
    }
    assert_eq!(key(&session, 300).counts.hits, 4);
    assert_eq!(session.report().region_bytes, region(300));
    // Not even the plan of another one stays.
    run(&mut session, &alloc, 20);
    assert_eq!(session.report().region_bytes, region(20));
    assert!(session.recording(&300).is_none());
    run(&mut session, &alloc, 300);
    assert_eq!(key(&session, 300).recorded, 2);
}

#[test]
fn by_default_some_large_keys_and_many_small_ones_fit() {
    let alloc = Alloc::new(System);
    let mut session = session(&alloc);
    for _ in 0..2 {
        (1..60).for_each(|kib| run(&mut session, &alloc, kib * 16));
    }
    let report = session.report();
    assert_eq!(report.budget, 256 << 20);
    assert!(report.keys.iter().all(|key| key.regions_given_up == 0));
}

#[test]
fn blocks_of_a_key_that_gave_up_its_region_stay_valid() {
    let alloc = Alloc::new(System);
    let mut session = session(&alloc).budget(500 * KIB);
    let mut random = Random(7);
    let mut kept = Vec::new();
    for round in 0..60 {
        let kib = 300 + 10 * random.below(10);
        let block = session.run(kib, || {
            let block = Block::new(&alloc, layout(kib * KIB, 64), round);
            // The first iteration of a key releases it, and is recorded so.
            match round < 10 || random.below(3) == 0 {
                true => {
                    block.free(&alloc);
                    None
                }
                false => Some(block),
            }
        });
        kept.extend(block.expect("not strict"));
        if kept.len() > 6 {
            // Its contents are checked.
            kept.swap_remove(random.below(6)).free(&alloc);
        }
    }
    let report = session.report();
    let hits: u64 = report.keys.iter().map(|key| key.counts.hits).sum();
    assert!(hits > 15, "{report}");
    drop(session);
    kept.into_iter().for_each(|block| block.free(&alloc));
    alloc.reclaim();
    assert_eq!(alloc.reclaim(), 0);
}

/// Blocks that live together in steps, of sizes for which one pass finds no best plan; returns
/// those of the last step.
fn steps(alloc: &Alloc) -> Vec<Block> {
    let mut random = Random(5);
    let mut live: Vec<Block> = Vec::new();
    for step in 0..200 {
        let size = KIB * (1 + random.below(40));
        live.push(Block::new(alloc, layout(size, 64), step));
        if live.len() > 6 {
            live.swap_remove(random.below(live.len())).free(alloc);
        }
    }
    live
}

fn use_steps(alloc: &Alloc) {
    let last = steps(alloc).into_iter();
    last.for_each(|block| block.free(alloc));
}

/// Searches for as long as a slow machine may need; returns by how many bytes regions get smaller.
fn improve(session: &mut Session<'_, System, usize>) -> u64 {
    let searches = (0..20).map(|_| session.improve(Duration::from_millis(500)));
    searches.into_iter().find(|&saved| saved > 0).unwrap_or(0)
}

#[test]
fn a_plan_above_its_bound_is_improved_between_iterations() {
    let alloc = Alloc::new(System);
    let planner = || Planner::new().nodes(1);
    for keeps in [true, false] {
        let mut session = alloc.session(planner()).improvable(keeps);
        let run = |session: &mut Session<'_, System, usize>| {
            let run = || use_steps(&alloc);
            session.run(1, run).expect("not strict");
        };
        (0..2).for_each(|_| run(&mut session));
        let before = session.report();
        let key = &before.keys[0];
        assert!(key.planned_bytes > key.lower_bound, "{key}");
        // Nothing of another key is lost.
        session.run(2, || use_kib(&alloc, 40)).expect("not strict");
        let saved = improve(&mut session);
        let after = session.report();
        assert_eq!(after.keys[0].planned_bytes, key.planned_bytes - saved);
        assert_eq!(saved > 0, keeps, "{after}");
        (0..2).for_each(|_| run(&mut session));
        let last = session.report().keys[0].last;
        assert_eq!((last.hits, last.misses.total()), (200, 0));
        let region = session.report().region_bytes;
        assert_eq!(region, after.keys[0].planned_bytes.next_multiple_of(4096));
    }
}

#[test]
fn a_plan_is_improved_once_none_of_its_blocks_is_in_use() {
    let alloc = Alloc::new(System);
    let mut session = alloc.session(Planner::new().nodes(1)).improvable(true);
    for _ in 0..2 {
        session.run(1, || use_steps(&alloc)).expect("not strict");
    }
    let keep_one = || {
        let mut last = steps(&alloc);
        let kept = last.pop();
        last.into_iter().for_each(|block| block.free(&alloc));
        kept
    };
    let kept = session.run(1, keep_one).expect("not strict");
    assert_eq!(session.improve(Duration::from_secs(1)), 0);
    kept.expect("a block").free(&alloc);
    assert!(improve(&mut session) > 0);
}

#[test]
fn memory_that_a_block_kept_apart_is_shared_again() {
    let alloc = Alloc::new(System);
    let mut session = session(&alloc);
    for _ in 0..2 {
        run(&mut session, &alloc, 400);
        run(&mut session, &alloc, 300);
    }
    let keep = || Block::new(&alloc, layout(200 * KIB, 64), 7);
    for _ in 0..3 {
        // A block that is in use at every other switch keeps the leases apart.
        for _ in 0..20 {
            let kept = session.run(400, keep).expect("not strict");
            run(&mut session, &alloc, 300);
            kept.free(&alloc);
            assert_eq!(session.report().region_bytes, region(400) + region(300));
        }
        for _ in 0..10 {
            run(&mut session, &alloc, 400);
            run(&mut session, &alloc, 300);
        }
        assert_eq!(session.report().region_bytes, region(400));
    }
    for kib in [400, 300] {
        assert_eq!(key(&session, kib).recorded, 1);
        assert_eq!(key(&session, kib).regions_given_up, 0);
    }
}

#[test]
fn a_plan_that_the_range_cannot_hold_takes_nothing_from_others() {
    let alloc = Alloc::new(System).with_reserved_limit(16 << 20);
    let mut session = session(&alloc);
    for _ in 0..2 {
        run(&mut session, &alloc, 3000);
        run(&mut session, &alloc, 20_000);
    }
    assert_eq!(session.report().region_bytes, region(3000));
    assert_eq!(key(&session, 3000).last.hits, 2);
    assert_eq!(key(&session, 20_000).plain.total(), 1);
}

#[test]
fn keys_that_allocate_nothing_take_no_memory() {
    let alloc = Alloc::new(System);
    let mut session = session(&alloc);
    for _ in 0..3 {
        session.run(0, || ()).expect("not strict");
    }
    assert_eq!(
        (key(&session, 0).replayed, session.report().region_bytes),
        (2, 0)
    );
}
