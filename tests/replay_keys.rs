//! The keys of a session and its budget: which of them keep their regions and plans, and that
//! nothing is lost with those of the others.
//!
//! The allocators are instances beside the test program's own, so that only what a test asks for is
//! counted.
#![cfg(target_os = "linux")]

use std::alloc::System;

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
        let held = report.region_bytes + report.plan_bytes;
        assert!(held <= budget as u64, "{kib}: {held}");
        assert_eq!(key(&session, kib).counts.hits, 4);
    }
    assert!(session.report().region_bytes > budget as u64 / 3);
    // Freed regions are gone from the address range, too.
    drop(session);
    assert_eq!(alloc.reclaim(), 0);
}

#[test]
fn a_key_that_returns_is_replayed_without_another_recording() {
    let alloc = Alloc::new(System);
    let mut session = session(&alloc).budget(1000 * KIB);
    for _ in 0..5 {
        for kib in [400, 404, 408] {
            run(&mut session, &alloc, kib);
        }
    }
    for kib in [400, 404, 408] {
        let key = key(&session, kib);
        assert_eq!((key.recorded, key.replayed), (1, 4), "{key}");
        assert_eq!((key.counts.hits, key.counts.misses.total()), (8, 0));
        // Each time but the last.
        assert!(key.regions_given_up >= 4, "{key}");
        assert!(matches!(key.advice[..], [Advice::Budget { given_up, .. }] if given_up >= 4));
        assert!(
            key.to_string().contains("or a larger `.budget(bytes)`"),
            "{key}"
        );
    }
    assert!(session.plan(&400).is_some() && session.recording(&400).is_some());
    assert!(
        session
            .report()
            .to_string()
            .contains("of a budget of 1024000")
    );
}

#[test]
fn a_nested_iteration_takes_nothing_from_other_keys() {
    let alloc = Alloc::new(System);
    let mut session = session(&alloc).budget(1000 * KIB);
    for kib in [400, 404, 408] {
        run(&mut session, &alloc, kib);
    }
    let before = session.report();
    assert_eq!(key(&session, 400).regions_given_up, 1);
    let nested = || [400, 412].map(|kib| run(&mut session, &alloc, kib));
    alloc.record(nested).expect("there is memory");
    let after = session.report();
    let held = |report: &Report| (report.region_bytes, report.plan_bytes);
    assert_eq!(held(&after), held(&before));
    assert_eq!(&after.keys[1..3], &before.keys[1..]);
    for kib in [400, 412] {
        assert_eq!(key(&session, kib).plain.nested, 1);
    }
    run(&mut session, &alloc, 400);
    assert_eq!(key(&session, 400).replayed, 1);
}

#[test]
fn the_keys_used_least_recently_go() {
    let alloc = Alloc::new(System);
    let mut session = session(&alloc).budget(1000 * KIB);
    for round in 0..20 {
        run(&mut session, &alloc, 500);
        run(&mut session, &alloc, 100);
        // Keys that are used once.
        run(&mut session, &alloc, 200 + round);
    }
    for often in [500, 100] {
        let key = key(&session, often);
        assert_eq!(
            (key.recorded, key.replayed, key.regions_given_up),
            (1, 19, 0)
        );
        assert!(key.advice.is_empty(), "{key}");
    }
    assert_eq!(key(&session, 200).regions_given_up, 1);
}

#[test]
fn the_key_that_runs_has_its_region_whatever_the_budget() {
    let alloc = Alloc::new(System);
    let mut session = session(&alloc).budget(0);
    for _ in 0..3 {
        run(&mut session, &alloc, 300);
    }
    assert_eq!(key(&session, 300).counts.hits, 4);
    assert_eq!(session.report().region_bytes, 300 * KIB as u64);
    // Not even the plan of another one stays.
    run(&mut session, &alloc, 20);
    assert_eq!(session.report().region_bytes, 20 * KIB as u64);
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
    let given_up: u64 = session
        .report()
        .keys
        .iter()
        .map(|key| key.regions_given_up)
        .sum();
    assert!(given_up > 10, "{given_up}");
    drop(session);
    kept.into_iter().for_each(|block| block.free(&alloc));
    alloc.reclaim();
    assert_eq!(alloc.reclaim(), 0);
}
