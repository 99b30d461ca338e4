//! Threads without tasks that run side by side in another way each time: in orders that the test
//! draws, step by step.

use std::{
    alloc::System,
    sync::mpsc::{Receiver, Sender, channel},
    thread::{self, Scope},
};

use orionrt::{Planner, replay::Session};
use orionrt_testing::{
    blocks::{Block, layout},
    random::Random,
};

use crate::threads::{Alloc, last};

const WORKERS: usize = 3;
/// The blocks of a worker in an iteration, and how many of them are alive together.
const BLOCKS: usize = 24;
const ALIVE: usize = 3;

/// A thread that makes one more of its blocks whenever it is told to.
struct Stepper {
    tell: Sender<()>,
    done: Receiver<()>,
}

impl Stepper {
    fn spawn<'s>(scope: &'s Scope<'s, '_>, alloc: &'s Alloc, number: usize) -> Self {
        let ((tell, told), (ended, done)) = (channel(), channel());
        // No two blocks of all workers are alike.
        let size = move |i: usize| 2000 + 16 * (WORKERS * (i * 37 % 101) + number);
        scope.spawn(move || {
            let mut live: Vec<Block> = Vec::new();
            for (step, ()) in (0..).zip(told) {
                let step = step % (BLOCKS + 1);
                if step < BLOCKS {
                    live.push(Block::new(alloc, layout(size(step), 8), step as u64));
                }
                let most = if step < BLOCKS { ALIVE } else { 0 };
                while live.len() > most {
                    live.remove(0).free_dirty(alloc);
                }
                ended.send(()).expect("it waits");
            }
        });
        Self { tell, done }
    }

    fn step(&self) {
        self.tell.send(()).expect("it lives");
        self.done.recv().expect("no panic");
    }
}

/// All steps of all workers, in an order that `seed` gives.
fn run(workers: &[Stepper], seed: u64) {
    let mut random = Random(seed);
    let mut left: Vec<(&Stepper, usize)> = workers.iter().map(|it| (it, BLOCKS + 1)).collect();
    while !left.is_empty() {
        let next = random.below(left.len());
        let (worker, steps) = &mut left[next];
        worker.step();
        *steps -= 1;
        if *steps == 0 {
            left.swap_remove(next);
        }
    }
}

#[test]
fn a_plan_comes_to_fit_every_order_of_threads() {
    let alloc = Alloc::new(System);
    thread::scope(|scope| {
        let spawn = |number| Stepper::spawn(scope, &alloc, number);
        let workers: Vec<Stepper> = (0..WORKERS).map(spawn).collect();
        let mut session: Session<'_, System, ()> = alloc.session(Planner::new().nodes(1000));
        session.run((), || run(&workers, 1)).expect("not strict");
        let first = session.report().keys[0].planned_bytes;
        // Each iteration is in another order, so that the plan learns in most of them.
        for seed in 2..60 {
            session.run((), || run(&workers, seed)).expect("not strict");
            let counts = last(&session);
            let all = (WORKERS * BLOCKS) as u64;
            assert!(
                counts.hits == all || seed < 30,
                "{seed}: {}",
                session.report()
            );
        }
        let key = &session.report().keys[0];
        assert_eq!((key.recorded, key.last.served_share()), (1, 1.0), "{key}");
        assert!(key.planned_bytes <= 2 * first, "{first}, {key}");
    });
}
