//! A program that is recorded, and others like it that are replayed: blocks never overlap, contents
//! survive, the same program hits every time, and regions follow when their last blocks are gone.
//! Sessions have budgets, which their keys keep to. Keys take turns, are forgotten, and get better
//! plans, while blocks of any of them are kept.
//!
//! In sessions, threads of their own run parts of the program, one after the other or side by side;
//! what they keep is freed by the thread that runs the iteration. Plans are saved, damaged, and
//! loaded with those of helpers. Some iterations are of smaller shapes, or of a key that
//! stands for shapes up to a largest one.
//!
//! The allocator is an instance, so it does not see what the fuzzer itself allocates.
#![no_main]

use std::{alloc::System, thread, time::Duration};

use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};
use orionrt::{
    Planner, ReplayAlloc,
    replay::{KeyReport, Report, Session},
};
use orionrt_testing::{
    blocks::in_thread,
    programs::{Change, Live, Step, changed},
    random::Random,
};

const MOST_STEPS: usize = 400;
/// Parts of a program on threads of their own.
const MOST_PARTS: usize = 4;
/// All requests of a program and its parts, and those that a plan learns of.
const MOST_REQUESTS: u64 = (MOST_STEPS * (1 + MOST_PARTS) + 16 * 128) as u64;
/// More than the blocks of one program have in bytes, with alignment, and its plan.
const LAST_REGION: u64 = 2 * MOST_REQUESTS * (u16::MAX as u64 + (1 << 14));
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

/// When a part of a program runs on a thread of its own.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    /// Before the program, after the parts before it.
    First,
    /// Beside the program and other such parts.
    Beside,
}

#[derive(Arbitrary, Debug)]
struct Part {
    ops: Vec<Op>,
    when: When,
    /// How many blocks that its threads kept are freed by the program's thread, at its end.
    freed: u8,
}

#[derive(Arbitrary, Debug)]
struct Case {
    ops: Vec<Op>,
    /// What differs in each later iteration, and how many kept blocks are freed after it.
    rounds: Vec<(Vec<Edit>, u8)>,
    /// What helpers do.
    parts: Vec<Part>,
    /// The most helpers of each session, by its number, if it has a limit.
    lanes: [Option<u8>; 2],
    alignment: u8,
    /// The budget of the session in KiB.
    budget: u16,
    seed: u64,
    /// The size below which requests pass by.
    threshold: u8,
    /// A byte in a file of plans, and what becomes of it.
    damage: Option<(u16, u8)>,
    /// How much smaller the blocks of each round are, in 256ths.
    smaller: [u8; 8],
}

/// How an iteration differs from the program.
struct Round {
    changes: Vec<Change>,
    smaller: u8,
}

impl Round {
    fn steps(&self, program: &[Step]) -> Vec<Step> {
        let scaled = |size: usize| 1 + (size - 1) * (256 - usize::from(self.smaller)) / 256;
        let mut steps = changed(program, &self.changes);
        for step in &mut steps {
            // Some sizes do not depend on the shape.
            match step {
                Step::Allocate { size, .. } | Step::Resize(_, size) if *size % 3 > 0 => {
                    *size = scaled(*size);
                }
                _ => {}
            }
        }
        steps
    }
}

/// A part of a program, and its blocks.
struct Helper<'c> {
    steps: Vec<Step>,
    live: Live,
    part: &'c Part,
}

struct Run<'c> {
    steps: Vec<Step>,
    live: Live,
    helpers: Vec<Helper<'c>>,
    random: Random,
}

type Alloc = ReplayAlloc<System>;

impl Helper<'_> {
    fn run(&mut self, alloc: &Alloc, round: &Round) {
        self.live.run(alloc, &round.steps(&self.steps));
    }
}

impl<'c> Run<'c> {
    fn new(case: &'c Case) -> Self {
        let steps = |ops: &[Op]| ops.iter().take(MOST_STEPS).map(|op| op.step()).collect();
        let helper = |(number, part): (u64, &'c Part)| Helper {
            steps: steps(&part.ops),
            // No two threads have the same tags.
            live: Live::with_tags_from(number << 48),
            part,
        };
        let parts = (1..).zip(&case.parts).take(MOST_PARTS);
        Self {
            steps: steps(&case.ops),
            live: Live::default(),
            helpers: parts.map(helper).collect(),
            random: Random(case.seed),
        }
    }

    fn changes(edits: &[Edit]) -> Vec<Change> {
        let edits = edits.iter().take(MOST_STEPS);
        edits.map(|edit| edit.change()).collect()
    }

    /// One plan for all rounds, of what one thread does.
    fn replay(&mut self, alloc: &Alloc, case: &Case, planner: &Planner) {
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
            let steps = changed(&self.steps, &Self::changes(edits));
            let ran = replay.run(|| self.live.run(alloc, &steps));
            ran.expect("not nested");
            self.live.check();
            self.live
                .free_kept(alloc, &mut self.random, (*freed).into());
        }
    }

    /// Runs the program and its parts, with changes that they share.
    fn iteration(&mut self, alloc: &Alloc, round: &Round) {
        let first = |helper: &&mut Helper| helper.part.when == When::First;
        for helper in self.helpers.iter_mut().filter(first) {
            in_thread(|| helper.run(alloc, round));
        }
        thread::scope(|scope| {
            let beside = self.helpers.iter_mut();
            let beside = beside.filter(|helper| helper.part.when == When::Beside);
            let threads = beside.map(|helper| scope.spawn(move || helper.run(alloc, round)));
            let threads: Vec<_> = threads.collect();
            self.live.run(alloc, &round.steps(&self.steps));
            // So that no thread is still ending when leaks are looked for.
            let ended = threads.into_iter().map(thread::ScopedJoinHandle::join);
            ended.for_each(|ended| ended.expect("no panic"));
        });
        for helper in &mut self.helpers {
            let freed = helper.part.freed.into();
            helper.live.free_kept(alloc, &mut self.random, freed);
        }
    }

    fn round(case: &Case, number: usize, edits: &[Edit]) -> Round {
        Round {
            changes: Self::changes(edits),
            smaller: case.smaller[number],
        }
    }

    /// Runs a round as an iteration of one of four keys, which stands for its shape alone or for
    /// all up to a largest one.
    fn run(
        &mut self,
        session: &mut Session<'_, System, u8>,
        alloc: &Alloc,
        key: u8,
        round: &Round,
    ) {
        let ran = match key & 8 {
            0 => session.run(key % 4, || self.iteration(alloc, round)),
            _ => session.run_at_most(key % 4, || self.iteration(alloc, round)),
        };
        ran.expect("not strict");
        self.check();
    }

    fn check(&self) {
        self.live.check();
        self.helpers.iter().for_each(|helper| helper.live.check());
    }

    /// New plans where the old one does not fit, and keys that lose theirs to others.
    fn session(&mut self, alloc: &Alloc, case: &Case, planner: Planner) {
        let budget = usize::from(case.budget) << 10;
        let session = alloc.session(planner.clone()).events(64).budget(budget);
        let session = session.threshold(case.threshold.into()).improvable(true);
        let mut session: Session<'_, System, u8> = with_lanes(session, case.lanes[0]);
        for (round, (edits, key)) in case.rounds.iter().take(8).enumerate() {
            self.run(&mut session, alloc, *key, &Self::round(case, round, edits));
            check_report(&session.report(), round as u64 + 1);
            match key >> 4 {
                0 => _ = session.improve(Duration::from_millis(1)),
                1 => session.forget(&(key % 4)),
                _ => {}
            }
            self.check();
        }
        let mut file = Vec::new();
        session.save("fuzz", &mut file).expect("a vector takes all");
        drop(session);
        self.loaded(alloc, case, planner, file);
    }

    /// A session with the plans of another one, of which a byte may have changed.
    fn loaded(&mut self, alloc: &Alloc, case: &Case, planner: Planner, mut file: Vec<u8>) {
        let session = alloc.session(planner).events(64);
        let mut session: Session<'_, System, u8> = with_lanes(session, case.lanes[1]);
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
        for (round, (edits, key)) in case.rounds.iter().take(8).enumerate() {
            self.run(&mut session, alloc, *key, &Self::round(case, round, edits));
        }
    }

    /// Frees all that is left.
    fn end(mut self, alloc: &Alloc) {
        self.check();
        let helpers = self.helpers.iter_mut().map(|helper| &mut helper.live);
        for live in helpers.chain([&mut self.live]) {
            live.free_kept(alloc, &mut self.random, usize::MAX);
        }
    }
}

/// A session with so many helpers at most, of 0 to 4, or without a limit.
fn with_lanes(session: Session<'_, System, u8>, lanes: Option<u8>) -> Session<'_, System, u8> {
    match lanes {
        Some(lanes) => session.lanes(usize::from(lanes % 5)),
        None => session,
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
    let mut run = Run::new(&case);
    run.replay(&alloc, &case, &planner());
    run.check();
    run.session(&alloc, &case, planner());
    run.end(&alloc);
    alloc.reclaim();
    assert_eq!(alloc.reclaim(), 0);
});
