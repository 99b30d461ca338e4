//! x
use allocator_api2::alloc::{Allocator, Global};
use criterion::{Criterion, criterion_group, criterion_main};
use std::alloc::Layout;
use std::hint::black_box;

fn pair(c: &mut Criterion) {
    let arena = orionrt::Arena::builder()
        .capacity(64 << 20)
        .build()
        .unwrap();
    let raw = orionrt::Arena::builder()
        .capacity(64 << 20)
        .build_with_lock::<orionrt::RawLock>()
        .unwrap();
    for size in [64usize, 4096, 1 << 20, 3000] {
        let l = Layout::from_size_align(size, 8).unwrap();
        c.bench_function(&format!("pair/{size}/arena"), |b| {
            b.iter(|| {
                let p = arena.allocate(black_box(l)).unwrap();
                unsafe { arena.deallocate(black_box(p.cast()), l) }
            })
        });
        c.bench_function(&format!("pair/{size}/rawlock"), |b| {
            b.iter(|| {
                let p = raw.allocate(black_box(l)).unwrap();
                unsafe { raw.deallocate(black_box(p.cast()), l) }
            })
        });
        c.bench_function(&format!("pair/{size}/system"), |b| {
            b.iter(|| {
                let p = Global.allocate(black_box(l)).unwrap();
                unsafe { Global.deallocate(black_box(p.cast()), l) }
            })
        });
    }
}
criterion_group!(benches, pair);
criterion_main!(benches);
