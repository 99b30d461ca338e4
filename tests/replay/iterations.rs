//! The allocator of this test program, and the shortest ways to run iterations under it.

use std::alloc::System;

use orionrt::{
    Planner, ReplayAlloc,
    replay::{Replay, RequestCounts, Session},
};

#[global_allocator]
pub static ALLOC: ReplayAlloc<System> = ReplayAlloc::new(System);

/// A session that plans every request, however small, and keeps recordings. It leaves other threads
/// alone, which run other tests.
pub fn session<K>() -> Session<'static, System, K> {
    ALLOC
        .session(Planner::new())
        .threshold(0)
        .keep_recordings(true)
        .lanes(0)
}

/// Runs an iteration that cannot be refused; returns what it returns.
pub fn run<R>(session: &mut Session<'_, System, ()>, iteration: impl FnOnce() -> R) -> R {
    session.run((), iteration).expect("not refused")
}

/// The counts of the last replayed iteration.
pub fn last(session: &Session<'_, System, ()>) -> RequestCounts {
    session.report().keys[0].last
}

/// The number of recorded iterations.
pub fn recorded(session: &Session<'_, System, ()>) -> u64 {
    session.report().keys[0].recorded
}

/// Records and plans an iteration.
pub fn replay_of(iteration: impl FnOnce()) -> Replay<'static, System> {
    let ((), recording) = ALLOC.record(iteration).expect("not nested");
    let lifetimes = recording.lifetimes(0).expect("small");
    let plan = Planner::new().plan(&lifetimes).expect("a plan");
    ALLOC.replay(&recording, &plan).expect("room")
}
