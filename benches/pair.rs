//! The time of one allocate + free pair: a planned slot, an arena, a bump arena and the system
//! allocator, side by side.
//!
//! All through the same trait (`allocator_api2::alloc::Allocator`), on one thread, uncontended. An
//! arena defers the release of a pair: memory that comes and goes is served again without touching
//! the tree. `two live` releases the older of two blocks instead, so that every operation changes
//! the tree; `RawLock` is a pair behind the library's own lock.

use std::{alloc::Layout, hint::black_box};

use allocator_api2::alloc::{Allocator, Global};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use orionrt::{Arena, Lifetimes, Planner, TensorId, TensorPool, arena::RawLock};

fn pair(allocator: &impl Allocator, layout: Layout) {
    let block = allocator.allocate(black_box(layout)).expect("room");
    // SAFETY: allocated in the line above with this layout.
    unsafe { allocator.deallocate(black_box(block.cast()), layout) };
}

fn arena() -> Arena {
    Arena::builder().capacity(64 << 20).build().expect("64 MiB")
}

fn pairs(c: &mut Criterion) {
    for size in [64usize, 4096, 1 << 20] {
        let layout = Layout::from_size_align(size, 64).expect("small");
        let mut group = c.benchmark_group(format!("pair/{size}"));

        let rows = [
            ("before", 0, 1, 4096, 64),
            ("tensor", 0, 2, size as u64, 64),
            ("after", 1, 3, 4096, 64),
        ];
        let lifetimes = Lifetimes::from_rows(rows).expect("three rows");
        let plan = Planner::new().plan(&lifetimes).expect("a plan");
        let region = arena();
        let pool = TensorPool::new(&region, &plan).expect("room");
        let slot = pool.slot(TensorId::new(1)).expect("planned");
        group.bench_function("slot", |b| b.iter(|| pair(&slot, layout)));

        let empty = arena();
        group.bench_function(BenchmarkId::new("arena", "empty"), |b| {
            b.iter(|| pair(&empty, layout))
        });

        let used = arena();
        let small = Layout::from_size_align(64, 64).expect("small");
        let held = used.allocate(small).expect("room");
        group.bench_function(BenchmarkId::new("arena", "in use"), |b| {
            b.iter(|| pair(&used, layout))
        });
        // SAFETY: allocated above with this layout.
        unsafe { used.deallocate(held.cast(), small) };

        let two = arena();
        let mut older = two.allocate(layout).expect("room");
        group.bench_function(BenchmarkId::new("arena", "two live"), |b| {
            b.iter(|| {
                let newer = two.allocate(black_box(layout)).expect("room");
                // SAFETY: allocated one turn ago with this layout.
                unsafe { two.deallocate(black_box(older.cast()), layout) };
                older = newer;
            })
        });

        let spinning = Arena::builder()
            .capacity(64 << 20)
            .build_with_lock::<RawLock>()
            .expect("64 MiB");
        group.bench_function(BenchmarkId::new("arena", "RawLock"), |b| {
            b.iter(|| pair(&spinning, layout))
        });

        group.bench_function("system", |b| b.iter(|| pair(&Global, layout)));

        // A bump arena frees nothing; it is emptied whenever it has grown to a few MiB.
        let mut bump = bumpalo::Bump::with_capacity(4 << 20);
        group.bench_function("bumpalo", |b| {
            b.iter_custom(|rounds| {
                let per_reset = (2 << 20) / size as u64 + 1;
                let mut spent = std::time::Duration::ZERO;
                let mut left = rounds;
                while left > 0 {
                    let now = left.min(per_reset);
                    bump.reset();
                    let start = std::time::Instant::now();
                    for _ in 0..now {
                        pair(&&bump, layout);
                    }
                    spent += start.elapsed();
                    left -= now;
                }
                spent
            })
        });
        group.finish();
    }
}

criterion_group!(benches, pairs);
criterion_main!(benches);
