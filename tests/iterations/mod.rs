//! Iterations of ordinary vectors, under a `ReplayAlloc` that is this test program's allocator.

// Each test program uses its own part of this file.
#![allow(dead_code)]

use std::alloc::System;

use orionrt::{
    Planner, ReplayAlloc,
    replay::{Counts, Replay, Session},
};

#[global_allocator]
pub static ALLOC: ReplayAlloc<System> = ReplayAlloc::new(System);

pub fn session<K>() -> Session<'static, System, K> {
    ALLOC.session(Planner::new())
}

/// Runs an iteration that cannot be refused; returns what it returns.
pub fn run<R>(session: &mut Session<'_, System, ()>, iteration: impl FnOnce() -> R) -> R {
    session.run((), iteration).expect("not refused")
}

pub fn last(session: &Session<'_, System, ()>) -> Counts {
    session.report().keys[0].last
}

pub fn recorded(session: &Session<'_, System, ()>) -> u64 {
    session.report().keys[0].recorded
}

/// Records and plans an iteration.
pub fn replay_of(iteration: impl FnOnce()) -> Replay<'static, System> {
    let recording = ALLOC.record(iteration).expect("not nested");
    let lifetimes = recording.lifetimes().expect("small");
    let plan = Planner::new().plan(&lifetimes).expect("a plan");
    ALLOC.replay(&recording, &plan).expect("room")
}

/// Numbers that no other seed gives.
pub fn filled(len: usize, seed: u64) -> Vec<u64> {
    (0..len as u64).map(|i| seed << 32 ^ i).collect()
}

pub fn assert_filled(numbers: &[u64], seed: u64) {
    let mut pairs = numbers.iter().zip(0..);
    assert!(pairs.all(|(&number, i)| number == seed << 32 ^ i));
}

/// Some layers, each from a vector into a new one and a half as long one; returns the last sum. Three vectors each.
pub fn network(width: usize, layers: usize) -> u64 {
    let mut x = filled(width, 1);
    for layer in 0..layers {
        let y: Vec<u64> = x.iter().map(|x| x.wrapping_mul(31) + 1).collect();
        let half: Vec<u64> = y.chunks(2).map(|pair| pair[0] ^ layer as u64).collect();
        x = y
            .iter()
            .zip(half.iter().cycle())
            .map(|(y, h)| y ^ h)
            .collect();
    }
    x.iter().fold(0, |sum, x| sum.rotate_left(3) ^ x)
}
