//! `OrionAlloc` under more threads than there are cores: random sizes and alignments, blocks that
//! other threads resize and free, threads that come and go all the time, children that are forked
//! amid it all. Whatever is touched is checked.
//!
//! The allocators are statics beside the test program's own, so that the checks do not depend on
//! them. A test starts a fixed number of threads, or as many as fit into `ORIONRT_STRESS_SECONDS`.

use std::{
    collections::VecDeque,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use orionrt::{
    OrionAlloc,
    arena::HugePages,
    heap::{Decay, HeapStats},
};
use orionrt_testing::{
    blocks::{Block, in_thread, layout},
    children::is_emulated,
    random::Random,
};

/// Threads that run at one time.
const THREADS: usize = 16;
/// Threads that run in all, unless the environment says how long.
const LIVES: usize = 160;
/// Operations of a thread before it ends.
const OPERATIONS: usize = 400;
const LARGEST: usize = 4 << 20;
/// The most blocks that a thread holds.
const OWN: usize = 48;
/// The most blocks on their way from thread to thread.
const HANDED: usize = 600;

type Allocs = [OrionAlloc; 3];

const fn allocs() -> Allocs {
    [
        OrionAlloc::new(),
        OrionAlloc::new()
            .with_first_zone(1 << 20)
            .with_decay(Decay::After(Duration::ZERO)),
        OrionAlloc::new()
            .with_first_zone(16 << 20)
            .with_decay(Decay::Never)
            .with_huge_pages(HugePages::Always),
    ]
}

/// When to stop, if the environment says so.
fn given_end() -> Option<Instant> {
    let given = std::env::var("ORIONRT_STRESS_SECONDS").ok()?;
    let seconds = given.parse().expect("ORIONRT_STRESS_SECONDS is a number");
    Some(Instant::now() + Duration::from_secs_f64(seconds))
}

fn tag() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Relaxed)
}

/// A block and its allocator.
struct Held {
    block: Block,
    of: &'static OrionAlloc,
}

impl Held {
    fn new(of: &'static OrionAlloc, random: &mut Random) -> Self {
        let layout = random.layout(LARGEST);
        let block = match random.below(4) {
            0 => Block::zeroed(of, layout, tag()),
            _ => Block::new(of, layout, tag()),
        };
        Self { block, of }
    }

    /// Grows or shrinks it, by a factor or to any size.
    fn resize(&mut self, random: &mut Random) {
        let size = self.block.layout().size();
        let size = match random.below(4) {
            0 => random.size(LARGEST),
            1 => size / 2,
            2 => size + size / 2,
            _ => 2 * size,
        };
        self.block
            .resize(self.of, size.clamp(1, 2 * LARGEST), tag());
    }

    fn free(self) {
        self.block.free(self.of);
    }
}

/// Blocks that threads leave to each other, and the allocators that all of them use.
struct Handed {
    of: &'static Allocs,
    blocks: Mutex<Vec<Held>>,
}

impl Handed {
    fn new(of: &'static Allocs) -> Self {
        let blocks = Mutex::default();
        Self { of, blocks }
    }

    fn any_alloc(&self, random: &mut Random) -> &'static OrionAlloc {
        &self.of[random.below(self.of.len())]
    }

    /// Frees what is left.
    fn free_all(self) {
        let left = self.blocks.into_inner().unwrap();
        left.into_iter().for_each(Held::free);
    }

    fn give(&self, held: Held) {
        self.blocks.lock().unwrap().push(held);
    }

    fn take(&self, random: &mut Random) -> Option<Held> {
        let mut all = self.blocks.lock().unwrap();
        let index = random.below(all.len().max(1));
        (index < all.len()).then(|| all.swap_remove(index))
    }

    fn is_full(&self) -> bool {
        self.blocks.lock().unwrap().len() > HANDED
    }
}

/// Checks what is true at any time of numbers that are read under one lock.
fn check(stats: &HeapStats) {
    assert!(stats.used_bytes <= stats.peak_bytes);
    assert!(stats.used_bytes <= stats.resident_bytes);
    assert!(stats.resident_bytes <= stats.committed_bytes);
    assert!(stats.committed_bytes <= stats.reserved_bytes);
    assert_eq!(stats.failures, 0);
}

/// The life of a thread. It has a cache of the allocator that it uses first, and mostly uses that.
fn live(handed: &Handed, seed: u64) {
    let mut random = Random(seed);
    let first = handed.any_alloc(&mut random);
    let mut own = vec![Held::new(first, &mut random)];
    for _ in 0..OPERATIONS {
        let of = match random.below(8) {
            0 => handed.any_alloc(&mut random),
            _ => first,
        };
        step(&mut own, of, handed, &mut random);
    }
    for (index, held) in own.into_iter().enumerate() {
        if index % 4 > 0 || handed.is_full() {
            held.free();
        } else {
            handed.give(held);
        }
    }
}

fn step(own: &mut Vec<Held>, of: &'static OrionAlloc, handed: &Handed, random: &mut Random) {
    let index = random.below(own.len().max(1));
    match random.below(100) {
        0 => drop(of.purge()),
        1 => check(&of.stats()),
        2..=24 if index < own.len() => own[index].resize(random),
        25..=54 if index < own.len() => own.swap_remove(index).free(),
        55..=64 if index < own.len() && !handed.is_full() => handed.give(own.swap_remove(index)),
        65..=69 => {
            if let Some(held) = handed.take(random) {
                held.free();
            }
        }
        70..=74 => {
            if let Some(mut held) = handed.take(random) {
                held.resize(random);
                own.push(held);
            }
        }
        _ if own.len() < OWN => own.push(Held::new(of, random)),
        _ if index < own.len() => own.swap_remove(index).free(),
        _ => {}
    }
}

/// Runs threads in each of `lanes` lanes, one after another, while `go_on` says so of the number of
/// threads started before; returns how many there were.
fn churn(lanes: usize, go_on: impl Fn(usize) -> bool + Sync, life: impl Fn(u64) + Sync) -> usize {
    let started = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..lanes {
            scope.spawn(|| {
                loop {
                    let number = started.fetch_add(1, Relaxed);
                    if !go_on(number) {
                        return;
                    }
                    in_thread(|| life(number as u64));
                }
            });
        }
    });
    started.into_inner() - lanes
}

/// Checks an allocator whose threads have ended and whose blocks are freed: everything adds up, and
/// nothing stays.
fn check_end(alloc: &'static OrionAlloc, threads: usize) {
    let kept = in_thread(|| Block::new(alloc, layout(1000, 8), tag()));
    let stats = alloc.stats();
    check(&stats);
    // The sum of what all threads asked for and freed, in whatever order.
    assert_eq!((stats.requested_bytes, stats.live_bytes), (1000, 1024));
    in_thread(|| kept.free(alloc));
    alloc.purge();
    let stats = alloc.stats();
    check(&stats);
    assert_eq!((stats.live_bytes, stats.large_bytes), (0, 0), "{stats}");
    assert_eq!(stats.allocations, stats.deallocations);
    assert_eq!((stats.used_bytes, stats.cached_bytes), (0, 0), "{stats}");
    let tables = stats.metadata_bytes;
    assert!(stats.resident_bytes - tables < 1 << 20, "{stats}");
    assert!((1..=threads).contains(&stats.caches), "{stats}");
}

#[test]
fn more_threads_than_cores_may_do_everything_at_once() {
    static ALLOCS: Allocs = allocs();
    let handed = Handed::new(&ALLOCS);
    let end = given_end();
    let started = churn(
        THREADS,
        |number| end.map_or(number < LIVES, |end| Instant::now() < end),
        |seed| live(&handed, seed),
    );
    in_thread(|| handed.free_all());
    assert!(started >= THREADS);
    for alloc in &ALLOCS {
        check_end(alloc, THREADS);
    }
}

/// Stops the other threads, also when the test fails.
struct Stopping<'s>(&'s AtomicBool);

impl Drop for Stopping<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// Runs `work` in a forked child, which has this thread only; waits for it.
#[cfg(target_os = "linux")]
fn in_child(work: impl FnOnce()) {
    /// A child that hangs is ended by an alarm.
    const SECONDS: u32 = 60;
    // SAFETY: the child uses what the allocators keep usable, and leaves by `_exit`.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0);
    if pid == 0 {
        // SAFETY: no handler: the signal ends the process.
        unsafe { libc::alarm(SECONDS) };
        let went = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        // SAFETY: ends this process at once.
        unsafe { libc::_exit(went.is_err().into()) }
    }
    let mut status = 0;
    // SAFETY: waits for the child above, and writes to `status` only.
    let waited = unsafe { libc::waitpid(pid, &raw mut status, 0) };
    assert_eq!((waited, status), (pid, 0));
}

/// What a child does with the blocks that its thread had, and with memory that other threads, which
/// it does not have, were about to allocate, free or purge.
#[cfg(target_os = "linux")]
fn live_on(own: &mut Vec<Held>, of: &'static Allocs, random: &mut Random) {
    own.iter().for_each(|held| held.block.check(usize::MAX));
    let handed = Handed::new(of);
    for _ in 0..OPERATIONS {
        step(own, handed.any_alloc(random), &handed, random);
    }
    own.drain(..).for_each(Held::free);
    handed.free_all();
    for alloc in of {
        alloc.purge();
        check(&alloc.stats());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn children_forked_amid_the_stress_can_go_on() {
    const FORKS: usize = 20;
    static ALLOCS: Allocs = allocs();
    let (stop, end) = (AtomicBool::new(false), given_end());
    let handed = Handed::new(&ALLOCS);
    thread::scope(|scope| {
        let stopping = Stopping(&stop);
        for seed in 0..3 {
            let (stop, handed) = (&stop, &handed);
            scope.spawn(move || {
                let lives = (1000 * seed..).take_while(|_| !stop.load(Relaxed));
                lives.for_each(|seed| in_thread(|| live(handed, seed)));
            });
        }
        let (mut random, mut own) = (Random(5), Vec::new());
        for round in 0.. {
            if end.map_or(round >= FORKS, |end| Instant::now() >= end) {
                break;
            }
            for _ in 0..20 {
                let of = handed.any_alloc(&mut random);
                step(&mut own, of, &handed, &mut random);
            }
            in_child(|| live_on(&mut own, &ALLOCS, &mut random));
        }
        own.into_iter().for_each(Held::free);
        drop(stopping);
    });
    in_thread(|| handed.free_all());
    for alloc in &ALLOCS {
        check_end(alloc, usize::MAX);
    }
}

/// Blocks that short-lived threads have left, oldest first.
type Left = Mutex<VecDeque<Block>>;

const MOST_LEFT: usize = 256;

/// Allocates a little, leaves half of it to other threads, and frees what others have left.
fn live_briefly(alloc: &OrionAlloc, left: &Left, seed: u64) {
    let mut random = Random(seed);
    let mut own: Vec<_> = (0..6)
        .map(|_| Block::new(alloc, layout(random.log_uniform(1, 2048), 8), tag()))
        .collect();
    let mut all = left.lock().unwrap();
    all.extend(own.drain(..3));
    let others = all.len().saturating_sub(MOST_LEFT);
    own.extend(all.drain(..others));
    drop(all);
    own.into_iter().for_each(|block| block.free(alloc));
}

#[test]
fn short_lived_threads_leave_nothing_behind() {
    static ALLOC: OrionAlloc = OrionAlloc::new().with_first_zone(1 << 20);
    const LANES: usize = 4;
    const ROUNDS: usize = 10;
    let a_round = if is_emulated() { 200 } else { 2000 };
    let left = Left::default();
    let end = given_end();
    let mut after_first = None;
    for round in 0.. {
        if round >= ROUNDS && end.is_none_or(|end| Instant::now() >= end) {
            break;
        }
        churn(
            LANES,
            |number| number < a_round,
            |seed| live_briefly(&ALLOC, &left, (round * a_round) as u64 + seed),
        );
        let stats = ALLOC.stats();
        check(&stats);
        let first = *after_first.get_or_insert(stats);
        assert!(stats.caches <= LANES, "{stats}");
        assert!(stats.used_bytes <= first.used_bytes * 2, "{stats}");
        assert!(
            stats.committed_bytes <= first.committed_bytes * 2,
            "{stats}"
        );
    }
    let left = left.into_inner().unwrap();
    in_thread(|| left.into_iter().for_each(|block| block.free(&ALLOC)));
    check_end(&ALLOC, LANES);
}
