//! `fork` while threads allocate: the child gets a heap that works, with the parent's blocks as
//! they were.
//!
//! `OrionAlloc` is this test program's global allocator. There is one test, because a child is a
//! copy of all of it. If a lock stayed taken, the process would hang: an alarm ends it then.
#![cfg(target_os = "linux")]

use std::{
    io::{self, Write},
    panic::catch_unwind,
    process,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, Scope},
};

use orionrt::OrionAlloc;
use orionrt_testing::{
    blocks::{Block, layout},
    random::Random,
};

#[global_allocator]
static ALLOC: OrionAlloc = OrionAlloc::new().with_first_zone(8 << 20);

const FORKS: u64 = 300;
const WORKERS: u64 = 3;
const LARGEST: usize = 256 << 10;
const CHILD_SECONDS: u32 = 20;
const PARENT_SECONDS: u32 = 240;

/// Blocks that other threads leave to the forking one.
type Handed = Mutex<Vec<Block>>;

/// Allocates, resizes and frees until `stop`; now and then it does what takes all locks.
fn work(seed: u64, handed: &Handed, stop: &AtomicBool) {
    let (mut random, mut own) = (Random(seed), Vec::new());
    for round in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        step(&mut own, &mut random);
        match random.below(500) {
            0 => drop(ALLOC.purge()),
            1 => assert_eq!(ALLOC.stats().failures, 0),
            2..=10 if !own.is_empty() => transfer(own.swap_remove(0), handed),
            _ => {}
        }
        // Heaps stay for ever, so a few must do.
        if round % 4096 == 100 && round < 40_000 {
            use_another(&mut random);
        }
    }
    own.into_iter().for_each(|block| block.free(&ALLOC));
}

fn step(own: &mut Vec<Block>, random: &mut Random) {
    let index = random.below(own.len().max(1));
    let tag = random.next_u64();
    match random.below(4) {
        0 if index < own.len() => own[index].resize(&ALLOC, random.size(LARGEST), tag),
        1 if index < own.len() => own.swap_remove(index).free(&ALLOC),
        _ if own.len() < 50 => own.push(Block::new(&ALLOC, random.layout(LARGEST), tag)),
        _ => own.swap_remove(index).free(&ALLOC),
    }
}

fn transfer(block: Block, handed: &Handed) {
    let mut all = handed.lock().unwrap();
    let old = (all.len() >= 100).then(|| all.swap_remove(0));
    all.push(block);
    drop(all);
    if let Some(old) = old {
        old.free(&ALLOC);
    }
}

/// Makes and drops an allocator, perhaps during a fork.
fn use_another(random: &mut Random) {
    let other = OrionAlloc::new().with_first_zone(1 << 20);
    let block = Block::new(&other, random.layout(10_000), random.next_u64());
    block.free(&other);
}

/// Starts threads that allocate and end soon, perhaps during the next fork. They run when this
/// returns, because the start of a thread takes locks of the C library.
fn start_brief<'s>(scope: &'s Scope<'s, '_>, running: &'s AtomicUsize, seed: u64) {
    let target = running.load(Ordering::Acquire) + 2;
    for number in 0..2 {
        scope.spawn(move || {
            let (mut random, mut own) = (Random(seed + number), Vec::new());
            step(&mut own, &mut random);
            running.fetch_add(1, Ordering::Release);
            for _ in 0..random.below(100) {
                step(&mut own, &mut random);
            }
            own.into_iter().for_each(|block| block.free(&ALLOC));
        });
    }
    while running.load(Ordering::Acquire) < target {
        thread::yield_now();
    }
}

/// What a child does, with the parent's blocks.
fn child(seed: u64, parents: Vec<Block>) {
    let mut random = Random(seed);
    let mut own = Vec::new();
    for mut block in parents {
        match random.below(3) {
            0 => own.push(block),
            1 => block.free(&ALLOC),
            _ => {
                block.resize(&ALLOC, random.size(LARGEST), random.next_u64());
                own.push(block);
            }
        }
    }
    for _ in 0..100 {
        step(&mut own, &mut random);
    }
    if seed % 3 == 0 {
        let block = Block::new(&ALLOC, layout(5000, 16), seed);
        let made = thread::spawn(move || {
            block.free(&ALLOC);
            Block::new(&ALLOC, layout(100_000, 64), seed)
        });
        own.push(made.join().unwrap());
    }
    if seed % 4 == 0 {
        use_another(&mut random);
    }
    own.into_iter().for_each(|block| block.free(&ALLOC));
    ALLOC.purge();
    let stats = ALLOC.stats();
    assert!(stats.used_bytes <= stats.resident_bytes && stats.failures == 0);
}

/// Runs `child` in a new process; returns its wait status.
fn fork(seed: u64, blocks: &mut Vec<Block>) -> io::Result<i32> {
    // SAFETY: the child runs on what the allocator keeps usable, and leaves by `_exit`.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            // SAFETY: no handler: the signal ends the process.
            unsafe { libc::alarm(CHILD_SECONDS) };
            let blocks = std::mem::take(blocks);
            let outcome = catch_unwind(move || child(seed, blocks));
            // SAFETY: ends this process at once.
            unsafe { libc::_exit(outcome.is_err().into()) }
        }
        pid => {
            let mut status = 0;
            // SAFETY: waits for the child above; the status is written there.
            match unsafe { libc::waitpid(pid, &raw mut status, 0) } {
                -1 => Err(io::Error::last_os_error()),
                _ => Ok(status),
            }
        }
    }
}

/// Forks again and again, and in between uses the blocks that the children had, too.
fn fork_often<'s>(scope: &'s Scope<'s, '_>, handed: &Handed, running: &'s AtomicUsize) {
    let mut random = Random(1);
    let mut blocks: Vec<Block> = Vec::new();
    for round in 0..FORKS {
        blocks.append(&mut handed.lock().unwrap());
        (0..20).for_each(|_| step(&mut blocks, &mut random));
        start_brief(scope, running, round);
        let status = fork(round, &mut blocks).expect("fork and wait");
        if status != 0 {
            // A panic would wait for the other threads, and its message for the end of the test.
            let said = "the child ended with status";
            _ = writeln!(
                io::stderr(),
                "fork {round}: {said} {status:#x} (0xe: alarm)"
            );
            process::exit(1);
        }
        blocks.iter().for_each(|block| block.check(usize::MAX));
        while blocks.len() > 30 {
            blocks.swap_remove(0).free(&ALLOC);
        }
    }
    blocks.into_iter().for_each(|block| block.free(&ALLOC));
}

#[test]
fn forked_children_of_a_busy_program_may_allocate_and_free() {
    // SAFETY: as in `fork`; children do not inherit it.
    unsafe { libc::alarm(PARENT_SECONDS) };
    let (handed, stop, running) = (
        Handed::default(),
        AtomicBool::new(false),
        AtomicUsize::new(0),
    );
    thread::scope(|scope| {
        for seed in 0..WORKERS {
            let (handed, stop) = (&handed, &stop);
            scope.spawn(move || work(1000 + seed, handed, stop));
        }
        fork_often(scope, &handed, &running);
        stop.store(true, Ordering::Relaxed);
    });
    let left = handed.into_inner().unwrap();
    left.into_iter().for_each(|block| block.free(&ALLOC));
    // SAFETY: takes the alarm back.
    unsafe { libc::alarm(0) };
}
