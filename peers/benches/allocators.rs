//! OrionRT's global allocator and arena beside the allocators that people choose today, all through `GlobalAlloc`, one thread.
//!
//! - `pair/SIZE`: allocate and free one block, again and again;
//! - `churn`: 1024 live blocks of 16 B to 32 KiB, one replaced at random.
//!
//! Run with `cargo bench` in this folder. Everything is measured in one run, one after another: compare ratios.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    hint::black_box,
};

use buddy_system_allocator::LockedHeap;
use criterion::{Criterion, criterion_group, criterion_main};
use talc::{TalcLock, source::GlobalAllocSource};

static ORION: orionrt::OrionAlloc = orionrt::OrionAlloc::new();
static MIMALLOC: mimalloc::MiMalloc = mimalloc::MiMalloc;
static JEMALLOC: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;
static SNMALLOC: snmalloc_rs::SnMalloc = snmalloc_rs::SnMalloc;
static TALC: TalcLock<spinning_top::RawSpinlock, GlobalAllocSource<System>> =
    TalcLock::new(GlobalAllocSource::new(System));
static BUDDY: LockedHeap<34> = LockedHeap::empty();

/// An arena as a global allocator: what `&Arena` costs through the peers' interface.
struct ArenaAlloc(orionrt::Arena);

// SAFETY: an arena's `Allocator` gives what `GlobalAlloc` asks for; sizes of zero never come here.
unsafe impl GlobalAlloc for ArenaAlloc {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        use allocator_api2::alloc::Allocator;
        self.0
            .allocate(layout)
            .map_or(std::ptr::null_mut(), |block| block.cast().as_ptr())
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        use allocator_api2::alloc::Allocator;
        let start = std::ptr::NonNull::new(start).expect("allocated");
        // SAFETY: passed on.
        unsafe { self.0.deallocate(start, layout) }
    }
}

fn peers() -> Vec<(&'static str, Box<dyn GlobalAlloc>)> {
    let memory = Box::leak(vec![0u64; 64 << 17].into_boxed_slice());
    // SAFETY: 64 MiB, leaked: valid for ever and nobody else's.
    unsafe {
        BUDDY
            .lock()
            .init(memory.as_mut_ptr().addr(), size_of_val(memory))
    };
    let arena = orionrt::Arena::builder()
        .capacity(64 << 20)
        .build()
        .expect("64 MiB");
    vec![
        ("orion", Box::new(Shared(&ORION))),
        ("arena", Box::new(ArenaAlloc(arena))),
        ("system", Box::new(System)),
        ("mimalloc", Box::new(Shared(&MIMALLOC))),
        ("jemalloc", Box::new(Shared(&JEMALLOC))),
        ("snmalloc", Box::new(Shared(&SNMALLOC))),
        ("talc", Box::new(Shared(&TALC))),
        ("buddy_system_allocator", Box::new(Shared(&BUDDY))),
    ]
}

struct Shared<A: 'static>(&'static A);

// SAFETY: every call is passed on.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Shared<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: passed on.
        unsafe { self.0.alloc(layout) }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        // SAFETY: passed on.
        unsafe { self.0.dealloc(start, layout) }
    }
}

fn pair(c: &mut Criterion) {
    for size in [64usize, 4096, 1 << 20] {
        let layout = Layout::from_size_align(size, 8).expect("small");
        let mut group = c.benchmark_group(format!("pair/{size}"));
        for (name, allocator) in peers() {
            group.bench_function(name, |b| {
                // SAFETY: one block, freed with the layout that it was allocated with.
                b.iter(|| unsafe {
                    let block = allocator.alloc(black_box(layout));
                    allocator.dealloc(black_box(block), layout);
                })
            });
        }
        group.finish();
    }
}

fn churn(c: &mut Criterion) {
    let mut group = c.benchmark_group("churn");
    for (name, allocator) in peers() {
        let mut state = 42u64;
        let mut random = move || {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (state >> 33) as usize
        };
        let mut layout = move || {
            let octave = 16 << (random() % 11);
            Layout::from_size_align(octave + random() % octave, 8).expect("small")
        };
        let mut live: Vec<(*mut u8, Layout)> = (0..1024)
            .map(|_| {
                let layout = layout();
                // SAFETY: sizes are not zero.
                (unsafe { allocator.alloc(layout) }, layout)
            })
            .collect();
        let mut turn = 0usize;
        group.bench_function(name, |b| {
            b.iter(|| {
                turn = turn.wrapping_mul(5).wrapping_add(12345) % live.len();
                let (block, old) = live[turn];
                let new = layout();
                // SAFETY: `block` is live with layout `old`.
                unsafe {
                    allocator.dealloc(block, old);
                    live[turn] = (allocator.alloc(new), new);
                    live[turn].0.write(1);
                }
            })
        });
        for (block, layout) in live {
            // SAFETY: a live block with its layout.
            unsafe { allocator.dealloc(block, layout) };
        }
    }
    group.finish();
}

criterion_group!(benches, pair, churn);
criterion_main!(benches);
