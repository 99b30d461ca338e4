//! The time of one allocate + free pair: in a replayed iteration, outside of one, and with the
//! inner allocators by themselves.
//!
//! All through `dyn GlobalAlloc`, which like the compiler's own `__rust_alloc` is a call that is
//! not inlined. One thread. The row `inner` is the bare allocator; `idle` is the wrapped one,
//! outside of an iteration; `replay` is served from the plan, in timed iterations of 10,000 pairs
//! of two sizes in turns.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    hint::black_box,
    time::{Duration, Instant},
};

use criterion::{Criterion, criterion_group, criterion_main};
use orionrt::{OrionAlloc, Planner, ReplayAlloc};

const PAIRS: u64 = 10_000;

fn pair(allocator: &dyn GlobalAlloc, layout: Layout) {
    // SAFETY: no size is zero, and the block is released with its layout.
    unsafe {
        let start = allocator.alloc(black_box(layout));
        allocator.dealloc(black_box(start), layout);
    }
}

/// Pairs of two sizes in turns, so that a request is found by its position, not by being like any
/// other.
fn pairs_of(allocator: &dyn GlobalAlloc, sizes: [usize; 2]) {
    let layouts = sizes.map(|size| Layout::from_size_align(size, 64).expect("small"));
    for _ in 0..PAIRS / 2 {
        pair(allocator, layouts[0]);
        pair(allocator, layouts[1]);
    }
}

/// The time of `rounds` pairs, in runs of 10,000.
fn timed(rounds: u64, mut run: impl FnMut() -> Duration) -> Duration {
    let runs = rounds.div_ceil(PAIRS);
    let spent: Duration = (0..runs).map(|_| run()).sum();
    spent.mul_f64(rounds as f64 / (runs * PAIRS) as f64)
}

fn clocked(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn beside<A: GlobalAlloc>(c: &mut Criterion, name: &str, bare: &A, wrapped: &ReplayAlloc<A>) {
    for size in [64usize, 4096, 1 << 20] {
        let sizes = [size, size + 64];
        let mut group = c.benchmark_group(format!("replay/{name}/{size}"));
        group.bench_function("inner", |b| {
            b.iter_custom(|rounds| timed(rounds, || clocked(|| pairs_of(bare, sizes))))
        });
        group.bench_function("idle", |b| {
            b.iter_custom(|rounds| timed(rounds, || clocked(|| pairs_of(wrapped, sizes))))
        });
        let ((), recording) = wrapped.record(|| pairs_of(wrapped, sizes)).expect("a log");
        let lifetimes = recording.lifetimes(0).expect("small");
        let plan = Planner::new().plan(&lifetimes).expect("a plan");
        let mut replay = wrapped.replay(&recording, &plan).expect("a region");
        group.bench_function("replay", |b| {
            b.iter_custom(|rounds| {
                timed(rounds, || {
                    let run = replay.run(|| clocked(|| pairs_of(wrapped, sizes)));
                    let (spent, counts) = run.expect("not nested");
                    assert_eq!(counts.hits, PAIRS);
                    spent
                })
            })
        });
        group.finish();
    }
}

fn all(c: &mut Criterion) {
    static SYSTEM: ReplayAlloc<System> = ReplayAlloc::new(System);
    static ORION: ReplayAlloc<OrionAlloc> = ReplayAlloc::new(OrionAlloc::new());
    beside(c, "system", &System, &SYSTEM);
    beside(c, "orion", ORION.inner(), &ORION);
}

criterion_group!(benches, all);
criterion_main!(benches);
