//! What it costs to allocate many blocks and to give them back as a whole: `OrionHeap` beside
//! mimalloc's heaps, a bump arena, and an allocator whose blocks are freed one by one.
//!
//! `cargo bench --bench heaps` in this folder. The time is that of a heap in the first group and of
//! a block in the others. A heap of mimalloc belongs to the thread that made it, and a bump arena
//! reuses no block before all of them go; `OrionHeap` has neither restriction, and a lock for it.

use std::{
    alloc::{GlobalAlloc, Layout},
    hint::black_box,
    ptr::NonNull,
    time::{Duration, Instant},
};

use allocator_api2::alloc::Allocator;
use criterion::{Criterion, criterion_group, criterion_main};
use libmimalloc_sys as mimalloc;
use orionrt::{OrionAlloc, OrionHeap};

static ALLOC: OrionAlloc = OrionAlloc::new();

/// Blocks of a heap in `blocks` and `heaps`.
const BLOCKS: usize = 100;
/// Heaps that exist at once in `heaps`.
const HEAPS: usize = 1000;

/// Something from which blocks are allocated, and which is dropped whole.
trait Whole {
    fn make() -> Self;
    fn allocate(&mut self, layout: Layout) -> NonNull<u8>;
}

/// Something whose blocks may also be freed one by one, and reused.
trait Freeing: Whole {
    /// # Safety
    /// The block was allocated here with this layout.
    unsafe fn free(&mut self, block: NonNull<u8>, layout: Layout);
}

impl Whole for OrionHeap<'static> {
    fn make() -> Self {
        ALLOC.new_heap().expect("memory")
    }

    #[inline]
    fn allocate(&mut self, layout: Layout) -> NonNull<u8> {
        (&*self).allocate(layout).expect("memory").cast()
    }
}

impl Freeing for OrionHeap<'static> {
    #[inline]
    unsafe fn free(&mut self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's duty, passed on.
        unsafe { (&*self).deallocate(block, layout) };
    }
}

struct MiHeap(NonNull<mimalloc::mi_heap_t>);

impl Whole for MiHeap {
    fn make() -> Self {
        // SAFETY: may be called at any time.
        Self(NonNull::new(unsafe { mimalloc::mi_heap_new() }).expect("memory"))
    }

    #[inline]
    fn allocate(&mut self, layout: Layout) -> NonNull<u8> {
        // SAFETY: the heap exists until it is dropped, in the thread that made it.
        let block = unsafe { mimalloc::mi_heap_malloc(self.0.as_ptr(), layout.size()) };
        NonNull::new(block.cast()).expect("memory")
    }
}

impl Freeing for MiHeap {
    #[inline]
    unsafe fn free(&mut self, block: NonNull<u8>, _: Layout) {
        // SAFETY: the caller's duty, passed on.
        unsafe { mimalloc::mi_free(block.as_ptr().cast()) };
    }
}

impl Drop for MiHeap {
    fn drop(&mut self) {
        // SAFETY: nobody uses a block of a heap here after the heap.
        unsafe { mimalloc::mi_heap_destroy(self.0.as_ptr()) };
    }
}

impl Whole for bumpalo::Bump {
    fn make() -> Self {
        Self::new()
    }

    #[inline]
    fn allocate(&mut self, layout: Layout) -> NonNull<u8> {
        self.alloc_layout(layout)
    }
}

/// Blocks of `OrionAlloc`, which are freed one by one at the end.
struct OneByOne(Vec<(NonNull<u8>, Layout)>);

impl Whole for OneByOne {
    fn make() -> Self {
        Self(Vec::with_capacity(BLOCKS))
    }

    #[inline]
    fn allocate(&mut self, layout: Layout) -> NonNull<u8> {
        // SAFETY: no size here is zero.
        let block = NonNull::new(unsafe { ALLOC.alloc(layout) }).expect("memory");
        self.0.push((block, layout));
        block
    }
}

impl Drop for OneByOne {
    fn drop(&mut self) {
        for (block, layout) in self.0.drain(..) {
            // SAFETY: allocated in `allocate` with this layout, and freed once.
            unsafe { ALLOC.dealloc(block.as_ptr(), layout) };
        }
    }
}

/// The layouts of a heap's blocks: as many of each power of two from 16 to 1024 bytes, mixed.
fn layouts() -> [Layout; BLOCKS] {
    let mut random = fastrand::Rng::with_seed(1);
    std::array::from_fn(|_| {
        let low = 8 << random.u32(0..7);
        Layout::from_size_align(low + random.usize(1..=low), 8).expect("small")
    })
}

fn fill<W: Whole>(layouts: &[Layout; BLOCKS]) -> W {
    let mut heap = W::make();
    for &layout in layouts {
        let block = heap.allocate(layout);
        // SAFETY: just allocated, of at least a byte.
        unsafe { block.write(1) };
        black_box(block);
    }
    heap
}

/// Times `rounds` blocks in whole heaps, of which `heaps` exist at once.
fn blocks<W: Whole>(rounds: u64, heaps: usize) -> Duration {
    let layouts = layouts();
    let each_time = (heaps * BLOCKS) as u64;
    let repeats = rounds.div_ceil(each_time);
    let start = Instant::now();
    for _ in 0..repeats {
        let all: Vec<W> = (0..heaps).map(|_| fill(&layouts)).collect();
        drop(black_box(all));
    }
    let nanos = start.elapsed().as_nanos() * u128::from(rounds) / u128::from(repeats * each_time);
    Duration::from_nanos(nanos as u64)
}

fn pair<F: Freeing>(heap: &mut F) {
    let layout = black_box(Layout::new::<[u64; 8]>());
    let block = black_box(heap.allocate(layout));
    // SAFETY: allocated in the line above with this layout.
    unsafe { heap.free(block, layout) };
}

fn measure(c: &mut Criterion) {
    let mut group = c.benchmark_group("make and drop");
    group.bench_function("OrionHeap", |b| b.iter(OrionHeap::make));
    group.bench_function("mimalloc", |b| b.iter(MiHeap::make));
    group.bench_function("bumpalo", |b| b.iter(bumpalo::Bump::make));
    group.finish();

    for (name, heaps) in [("one heap of 100", 1), ("1,000 heaps of 100", HEAPS)] {
        let mut group = c.benchmark_group(name);
        group.bench_function("OrionHeap", |b| {
            b.iter_custom(|n| blocks::<OrionHeap>(n, heaps))
        });
        group.bench_function("mimalloc", |b| {
            b.iter_custom(|n| blocks::<MiHeap>(n, heaps))
        });
        group.bench_function("bumpalo", |b| {
            b.iter_custom(|n| blocks::<bumpalo::Bump>(n, heaps))
        });
        group.bench_function("OrionAlloc, one by one", |b| {
            b.iter_custom(|n| blocks::<OneByOne>(n, heaps))
        });
        group.finish();
    }

    let mut group = c.benchmark_group("pair of 64 B");
    group.bench_function("OrionHeap", |b| {
        let mut heap = OrionHeap::make();
        b.iter(|| pair(&mut heap))
    });
    group.bench_function("mimalloc", |b| {
        let mut heap = MiHeap::make();
        b.iter(|| pair(&mut heap))
    });
    group.finish();
}

criterion_group!(benches, measure);
criterion_main!(benches);
