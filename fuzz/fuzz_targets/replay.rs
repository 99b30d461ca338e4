//! A program that is recorded, and others like it that are replayed: blocks never overlap, contents
//! survive, the same program hits every time, and regions follow when their last blocks are gone.
//! Sessions have budgets, which their keys keep to.
//!
//! The allocator is an instance, so it does not see what the fuzzer itself allocates.
#![no_main]

use std::alloc::System;

use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};
use orionrt::{
    Planner, ReplayAlloc,
    replay::{KeyReport, Report, Session},
};
use orionrt_testing::{
    programs::{Change, Live, Step, changed},
    random::Random,
};

const MOST_STEPS: usize = 400;
/// More than the blocks of one program have in bytes, with alignment, and its plan.
const LAST_REGION: u64 = 2 * MOST_STEPS as u64 * (u16::MAX as u64 + (1 << 14));
const LAST_PLAN: u64 = 1 << 20;

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Op {
    /// Of a few sizes, so that requests are mistaken for each other.
    Common(u8, bool),
    Allocate(u16, u8, bool),
    Free(u8),
    Resize(u8, u16),
    Keep(u8),
}

impl Op {
    fn step(self) -> Step {
        let allocate = |size, alignment, is_zeroed| Step::Allocate {
            size,
            alignment,
            is_zeroed,
        };
        match self {
            Self::Common(size, is_zeroed) => allocate(1 << (size % 8), 8, is_zeroed),
            Self::Allocate(size, shift, is_zeroed) => {
                allocate(usize::from(size) + 1, 1 << (shift % 14), is_zeroed)
            }
            Self::Free(which) => Step::Free(which.into()),
            Self::Resize(which, size) => Step::Resize(which.into(), usize::from(size) + 1),
            Self::Keep(which) => Step::Keep(which.into()),
        }
    }
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Edit {
    Remove(u16),
    Insert(u16, Op),
    Replace(u16, Op),
}

impl Edit {
    fn change(self) -> Change {
        match self {
            Self::Remove(at) => Change::Remove(at.into()),
            Self::Insert(at, op) => Change::Insert(at.into(), op.step()),
            Self::Replace(at, op) => Change::Replace(at.into(), op.step()),
        }
    }
}

#[derive(Arbitrary, Debug)]
struct Case {
    ops: Vec<Op>,
    /// What differs in each later iteration, and how many kept blocks are freed after it.
    rounds: Vec<(Vec<Edit>, u8)>,
    alignment: u8,
    /// The budget of the session in KiB.
    budget: u16,
    seed: u64,
    /// The size below which requests pass by.
    threshold: u8,
    /// A byte in a file of plans, and what becomes of it.
    damage: Option<(u16, u8)>,
}

struct Run {
    steps: Vec<Step>,
    live: Live,
    random: Random,
}

impl Run {
    fn program(&self, edits: &[Edit]) -> Vec<Step> {
        let edits = edits.iter().take(MOST_STEPS);
        let changes: Vec<Change> = edits.map(|edit| edit.change()).collect();
        changed(&self.steps, &changes)
    }

    /// One plan for all rounds.
    fn replay(&mut self, alloc: &ReplayAlloc<System>, case: &Case, planner: &Planner) {
        let recording = alloc.record(|| self.live.run(alloc, &self.steps));
        let ((), recording) = recording.expect("not nested");
        let lifetimes = recording.lifetimes(0).expect("small");
        let plan = planner.plan(&lifetimes).expect("a plan");
        let mut replay = alloc.replay(&recording, &plan).expect("room");
        let ((), counts) = replay
            .run(|| self.live.run(alloc, &self.steps))
            .expect("not nested");
        assert_eq!((counts.hits, counts.misses.total()), (plan.len() as u64, 0));
        for (edits, freed) in case.rounds.iter().take(8) {
            let steps = self.program(edits);
            let ran = replay.run(|| self.live.run(alloc, &steps));
            ran.expect("not nested");
            self.live.check();
            self.live
                .free_kept(alloc, &mut self.random, (*freed).into());
        }
    }

    /// New plans where the old one does not fit, and keys that lose theirs to others.
    fn session(&mut self, alloc: &ReplayAlloc<System>, case: &Case, planner: Planner) {
        let budget = usize::from(case.budget) << 10;
        let session = alloc.session(planner.clone()).events(64).budget(budget);
        let session = session.threshold(case.threshold.into());
        let mut session: Session<'_, System, u8> = session;
        for (round, (edits, key)) in case.rounds.iter().take(8).enumerate() {
            let steps = self.program(edits);
            let ran = session.run(key % 4, || self.live.run(alloc, &steps));
            ran.expect("not strict");
            self.live.check();
            check_report(&session.report(), round as u64 + 1);
        }
        let mut file = Vec::new();
        session.save("fuzz", &mut file).expect("a vector takes all");
        drop(session);
        self.loaded(alloc, case, planner, file);
    }

    /// A session with the plans of another one, of which a byte may have changed.
    fn loaded(
        &mut self,
        alloc: &ReplayAlloc<System>,
        case: &Case,
        planner: Planner,
        mut file: Vec<u8>,
    ) {
        let mut session: Session<'_, System, u8> = alloc.session(planner).events(64);
        if let Some((at, byte)) = case.damage {
            let at = usize::from(at) % file.len();
            // With other digits, a region might be larger than the machine.
            if !byte.is_ascii_digit() {
                file[at] = byte;
            }
            let _ = session.load("fuzz", &file[..]);
        } else {
            session.load("fuzz", &file[..]).expect("it was saved");
        }
        for (edits, key) in case.rounds.iter().take(8) {
            let steps = self.program(edits);
            let ran = session.run(key % 4, || self.live.run(alloc, &steps));
            ran.expect("not strict");
            self.live.check();
        }
    }
}

/// Every iteration is counted, and all keys but one fit the budget.
fn check_report(report: &Report, iterations: u64) {
    let ran = |key: &KeyReport| key.recorded + key.replayed + key.plain.total();
    assert_eq!(report.keys.iter().map(ran).sum::<u64>(), iterations);
    for KeyReport { counts, .. } in &report.keys {
        assert!(counts.served_share() <= counts.byte_hit_rate());
        assert!(counts.bytes.hits <= counts.all_bytes());
    }
    let held = report.region_bytes + report.plan_bytes;
    // The key that ran last may have more than the budget for itself.
    let last = LAST_REGION + LAST_PLAN;
    assert!(
        held <= report.budget + report.budget / 4 + last,
        "{held} of {}",
        report.budget
    );
}

fuzz_target!(|case: Case| {
    let alloc = ReplayAlloc::new(System);
    let planner = || {
        Planner::new()
            .alignment(1 << (case.alignment % 14))
            .nodes(100)
    };
    let ops = case.ops.iter().take(MOST_STEPS);
    let mut run = Run {
        steps: ops.map(|op| op.step()).collect(),
        live: Live::default(),
        random: Random(case.seed),
    };
    run.replay(&alloc, &case, &planner());
    run.live.check();
    run.session(&alloc, &case, planner());
    run.live.check();
    run.live.free_kept(&alloc, &mut run.random, usize::MAX);
    alloc.reclaim();
    assert_eq!(alloc.reclaim(), 0);
});
