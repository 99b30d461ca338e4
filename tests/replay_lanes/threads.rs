//! What threads do in an iteration, and threads that stay from one to the next.

use std::{
    alloc::System,
    sync::mpsc::{Receiver, Sender, channel},
    thread::Scope,
};

use orionrt::{
    ReplayAlloc,
    replay::{RequestCounts, Session},
};
use orionrt_testing::{blocks::Block, random::Random};

/// An allocator that sees the blocks of a test alone.
pub type Alloc = ReplayAlloc<System>;

/// The number of requests of a thread's part in an iteration.
pub const PART: u64 = 30;

/// A thread's part: blocks of random sizes, a few of them alive together. A seed always gives the
/// same.
pub fn part(alloc: &Alloc, seed: u64) {
    let (mut random, mut live) = (Random(seed), Vec::new());
    for tag in 0..PART {
        let make = if tag % 3 == 0 {
            Block::zeroed
        } else {
            Block::new
        };
        live.push(make(alloc, random.layout(20_000), tag));
        if live.len() > 4 {
            live.swap_remove(random.below(live.len())).free_dirty(alloc);
        }
    }
    live.into_iter().for_each(|block| block.free_dirty(alloc));
}

/// The counts of the last iteration of the only key.
pub fn last(session: &Session<'_, System, ()>) -> RequestCounts {
    session.report().keys[0].last
}

/// A thread that does a part for each seed that it receives, until the sender is dropped.
pub struct Worker {
    seeds: Sender<u64>,
    done: Receiver<()>,
}

impl Worker {
    pub fn spawn<'s>(scope: &'s Scope<'s, '_>, alloc: &'s Alloc) -> Self {
        let ((seeds, told), (tell, done)) = (channel(), channel());
        scope.spawn(move || {
            for seed in told {
                part(alloc, seed);
                if tell.send(()).is_err() {
                    return;
                }
            }
        });
        Self { seeds, done }
    }

    pub fn start(&self, seed: u64) {
        self.seeds.send(seed).expect("it lives");
    }

    pub fn wait(&self) {
        self.done.recv().expect("no panic");
    }
}
