//! Sessions whose keys take turns, side by side in one address range that is short: regions grow,
//! shrink, are forgotten, improved and reclaimed while blocks of them are kept, and freed on other
//! threads. Blocks check their contents when they are freed, so two owners of a byte would show.

use std::{alloc::System, sync::mpsc, thread, time::Duration};

use orionrt::{Planner, ReplayAlloc, replay::Session};
use orionrt_testing::{
    blocks::{Block, layout},
    random::Random,
};

static ALLOC: ReplayAlloc<System> = ReplayAlloc::new(System).with_reserved_limit(96 << 20);

const KEYS: usize = 7;
const KIB: usize = 1024;
/// The largest block of each key, in KiB: some regions have one chunk, and some have several.
const LARGEST: [usize; KEYS] = [30, 60, 100, 200, 400, 600, 700];
const THREADS: u64 = 3;

/// What a thread keeps of its iterations.
struct Keeper {
    random: Random,
    kept: Vec<Block>,
    elsewhere: mpsc::Sender<Block>,
}

impl Keeper {
    /// An iteration of a key, which keeps some of its blocks if it `may_keep` any.
    fn iteration(&mut self, key: usize, may_keep: bool) {
        let (mut shape, mut live) = (Random(key as u64 + 1), Vec::new());
        for _ in 0..7 {
            let size = KIB * (1 + shape.below(LARGEST[key]));
            let tag = self.random.below(1 << 30) as u64;
            live.push(Block::new(&ALLOC, layout(size, 64), tag));
            if live.len() > 4 {
                let block = live.swap_remove(shape.below(live.len()));
                match may_keep && self.random.below(12) == 0 {
                    true => self.kept.push(block),
                    false => block.free(&ALLOC),
                }
            }
        }
        live.into_iter().for_each(|block| block.free(&ALLOC));
    }

    /// Frees what is more than a few blocks, here or on another thread.
    fn release(&mut self, most: usize) {
        while self.kept.len() > most {
            let block = self.kept.swap_remove(self.random.below(self.kept.len()));
            match self.random.below(2) {
                0 => block.free(&ALLOC),
                _ => self.elsewhere.send(block).expect("somebody frees it"),
            }
        }
    }

    /// Runs a session; returns its hits.
    fn session(&mut self) -> u64 {
        let budget = [1 << 20, 8 << 20, 20 << 20, 64 << 20][self.random.below(4)];
        let session = ALLOC.session(Planner::new().nodes(1)).lanes(0);
        let mut session: Session<'_, _, usize> = session.improvable(true).budget(budget);
        for _ in 0..100 {
            let (key, may_keep) = (self.random.below(KEYS), self.random.below(3) == 0);
            let ran = session.run(key, || self.iteration(key, may_keep));
            ran.expect("not strict");
            self.release(10);
            match self.random.below(60) {
                0 => session.forget(&self.random.below(KEYS)),
                1 => _ = session.improve(Duration::from_millis(3)),
                2 => _ = ALLOC.reclaim(),
                _ => {}
            }
        }
        let keys = session.report().keys;
        keys.iter().map(|key| key.counts.hits).sum()
    }
}

#[test]
fn no_byte_has_two_owners_while_keys_take_turns() {
    let (elsewhere, blocks) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            blocks
                .into_iter()
                .for_each(|block: Block| block.free(&ALLOC))
        });
        for seed in 0..THREADS {
            let elsewhere = elsewhere.clone();
            let (random, kept) = (Random(77 + seed), Vec::new());
            scope.spawn(move || {
                let mut keeper = Keeper {
                    random,
                    kept,
                    elsewhere,
                };
                let hits: u64 = (0..4).map(|_| keeper.session()).sum();
                assert!(hits > 0, "{hits}");
                keeper.release(0);
            });
        }
        drop(elsewhere);
    });
    ALLOC.reclaim();
    // All of the range is there again.
    let mut session: Session<'_, _, usize> = ALLOC.session(Planner::new());
    for _ in 0..2 {
        let run = || Block::new(&ALLOC, layout(90 << 20, 64), 1).free(&ALLOC);
        session.run(1, run).expect("not strict");
    }
    assert_eq!(session.report().keys[0].counts.hits, 1);
}
