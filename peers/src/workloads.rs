//! The workloads. Each does `n` operations and returns the time that they took.
//!
//! A workload that returns a closure keeps its blocks from call to call. Sizes are random: first a
//! uniform octave, then a uniform size within it. The sequence of operations is the same for every
//! allocator.

use std::{
    alloc::{GlobalAlloc, Layout},
    hint::black_box,
    ptr,
    sync::{
        Barrier,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

/// Any allocator.
pub type Dyn = &'static (dyn GlobalAlloc + Sync);

/// A block with its layout.
struct Block(*mut u8, Layout);

// SAFETY: the owner of a `Block` is the only user of its bytes.
unsafe impl Send for Block {}

impl Block {
    /// Allocates, and writes the first byte.
    #[inline(never)]
    fn new(of: Dyn, layout: Layout) -> Self {
        // SAFETY: no size of the workloads is zero, so the block has at least one byte.
        unsafe {
            let start = of.alloc(black_box(layout));
            assert!(!start.is_null(), "no memory for {layout:?}");
            start.write(1);
            Self(start, layout)
        }
    }

    #[inline(never)]
    fn free(self, of: Dyn) {
        // SAFETY: a block of this allocator with its layout, not used afterwards.
        unsafe { of.dealloc(black_box(self.0), self.1) }
    }

    /// Writes a byte in every page from `from` on.
    fn touch(&self, from: usize) {
        for at in (from..self.1.size()).step_by(4096) {
            // SAFETY: within the block.
            unsafe { self.0.add(at).write(1) };
        }
    }

    fn grow(&mut self, of: Dyn, size: usize) {
        let old = self.1;
        // SAFETY: a block of this allocator with its layout; the new size is not zero.
        self.0 = unsafe { of.realloc(self.0, old, size) };
        assert!(!self.0.is_null(), "no memory for {size} bytes");
        self.1 = layout(size, old.align());
        self.touch(old.size());
    }
}

fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).expect("a small size")
}

/// A random size from `least` to `least << octaves` bytes.
fn size(random: &mut fastrand::Rng, least: usize, octaves: u32) -> usize {
    let octave = least << random.u32(0..octaves);
    octave + random.usize(0..octave)
}

/// Live blocks of random sizes; a random one is replaced again and again.
struct Turnover {
    of: Dyn,
    random: fastrand::Rng,
    blocks: Vec<Block>,
    make: fn(Dyn, &mut fastrand::Rng) -> Block,
}

impl Turnover {
    fn new(of: Dyn, live: usize, seed: u64, make: fn(Dyn, &mut fastrand::Rng) -> Block) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let blocks = (0..live).map(|_| make(of, &mut random)).collect();
        Self {
            of,
            random,
            blocks,
            make,
        }
    }

    fn replace(&mut self, n: u64) -> Duration {
        let start = Instant::now();
        for _ in 0..n {
            let at = self.random.usize(0..self.blocks.len());
            self.blocks.swap_remove(at).free(self.of);
            self.blocks.push((self.make)(self.of, &mut self.random));
        }
        start.elapsed()
    }
}

impl Drop for Turnover {
    fn drop(&mut self) {
        self.blocks.drain(..).for_each(|block| block.free(self.of));
    }
}

/// One block of `bytes` is allocated and freed, again and again.
pub fn pair(of: Dyn, bytes: usize, n: u64) -> Duration {
    let layout = layout(bytes, 8);
    let start = Instant::now();
    for _ in 0..n {
        Block::new(of, layout).free(of);
    }
    start.elapsed()
}

fn small(of: Dyn, random: &mut fastrand::Rng) -> Block {
    Block::new(of, layout(size(random, 16, 11), 8))
}

/// 4096 blocks of 16 B to 32 KiB are alive, and a random one is replaced.
pub fn churn(of: Dyn) -> impl FnMut(u64) -> Duration {
    let mut blocks = Turnover::new(of, 4096, 1, small);
    move |n| blocks.replace(n)
}

/// [`churn`] in each of several threads at once, with blocks of their own; the mean time.
pub fn churn_in_threads(of: Dyn, threads: u32, n: u64) -> Duration {
    let together = Barrier::new(threads as usize);
    let work = |seed| {
        let mut blocks = Turnover::new(of, 4096, seed, small);
        together.wait();
        let took = blocks.replace(n);
        together.wait();
        took
    };
    thread::scope(|scope| {
        let work = &work;
        let running: Vec<_> = (0..threads)
            .map(|seed| scope.spawn(move || work(seed.into())))
            .collect();
        let times = running.into_iter().map(|one| one.join().expect("no panic"));
        times.sum::<Duration>() / threads
    })
}

/// 64 blocks of 4 KiB to 8 MiB, aligned to 64 bytes, are alive; a random one is replaced, and each
/// page of the new block is written.
pub fn tensors(of: Dyn) -> impl FnMut(u64) -> Duration {
    let mut blocks = Turnover::new(of, 64, 7, |of, random| {
        let block = Block::new(of, layout(size(random, 4096, 11), 64));
        block.touch(0);
        block
    });
    move |n| blocks.replace(n)
}

/// One thread allocates 64 B to 1 KiB, another frees, in batches of 64, at most 16 of them in
/// flight.
pub fn transfer(of: Dyn, n: u64) -> Duration {
    const BATCH: u64 = 64;
    let (full, to_free): (SyncSender<Vec<Block>>, _) = sync_channel(16);
    let (empty, to_fill) = sync_channel(16);
    (0..16).for_each(|_| {
        empty
            .send(Vec::with_capacity(BATCH as usize))
            .expect("room")
    });
    let start = Instant::now();
    thread::scope(|scope| {
        scope.spawn(move || {
            for mut batch in to_free {
                batch.drain(..).for_each(|block| block.free(of));
                // The other side may have finished.
                let _ = empty.send(batch);
            }
        });
        let mut random = fastrand::Rng::with_seed(3);
        for _ in 0..n.div_ceil(BATCH) {
            let mut batch = to_fill.recv().expect("as many as were sent");
            batch.extend((0..BATCH).map(|_| Block::new(of, layout(size(&mut random, 64, 4), 8))));
            full.send(batch).expect("the other side waits");
        }
        drop(full);
    });
    start.elapsed()
}

/// Larson and Krishnan's server: two threads replace blocks of 16 to 1024 B in arrays of 1000,
/// which they exchange every 2000 operations.
pub fn larson(of: Dyn, n: u64) -> Duration {
    let (first, second) = (sync_channel(1), sync_channel(1));
    let ends = [(first.0, second.1), (second.0, first.1)];
    let mut running = Vec::new();
    for (seed, (give, get)) in ends.into_iter().enumerate() {
        running.push(thread::spawn(move || {
            serve(of, n, seed as u64, &give, &get)
        }));
    }
    let times = running.into_iter().map(|one| one.join().expect("no panic"));
    times.sum::<Duration>() / 2
}

fn serve(
    of: Dyn,
    n: u64,
    seed: u64,
    give: &SyncSender<Vec<Block>>,
    get: &Receiver<Vec<Block>>,
) -> Duration {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut new = || Block::new(of, layout(size(&mut random, 16, 6), 8));
    let mut blocks: Vec<_> = (0..1000).map(|_| new()).collect();
    let mut victims = fastrand::Rng::with_seed(seed + 2);
    let start = Instant::now();
    for turn in 1..=n {
        let at = victims.usize(0..blocks.len());
        blocks.swap_remove(at).free(of);
        blocks.push(new());
        if turn % 2000 == 0 {
            give.send(std::mem::take(&mut blocks))
                .expect("both do as many turns");
            blocks = get.recv().expect("both do as many turns");
        }
    }
    let took = start.elapsed();
    blocks.into_iter().for_each(|block| block.free(of));
    took
}

/// `live` buffers grow together by doubling from 16 B to 1 MiB; new pages are written. One such
/// sequence is an operation.
pub fn grow(of: Dyn, live: usize, n: u64) -> Duration {
    let start = Instant::now();
    for _ in 0..n {
        let mut buffers: Vec<_> = (0..live).map(|_| Block::new(of, layout(16, 8))).collect();
        for doubling in 5..=20 {
            buffers
                .iter_mut()
                .for_each(|buffer| buffer.grow(of, 1 << doubling));
        }
        buffers.into_iter().for_each(|buffer| buffer.free(of));
    }
    start.elapsed()
}

/// Seven phases with different sizes, with 32 MiB alive, seven eighths of it replaced in each
/// phase. `observe` is called before the first phase and at the end of each phase with the bytes
/// alive; then everything is freed.
pub fn phases(of: Dyn, mut observe: impl FnMut(usize)) {
    const LIVE: usize = 32 << 20;
    const SIZES: [(usize, u32); 7] = [
        (16, 4),
        (256, 4),
        (4096, 3),
        (64, 6),
        (1024, 5),
        (16 << 10, 4),
        (32, 8),
    ];
    let mut random = fastrand::Rng::with_seed(11);
    let (mut blocks, mut bytes) = (resident_vec(1 << 20), 0);
    observe(0);
    for (least, octaves) in SIZES {
        random.shuffle(&mut blocks);
        for block in blocks.drain(blocks.len() / 8..) {
            bytes -= block.1.size();
            block.free(of);
        }
        while bytes < LIVE {
            let block = Block::new(of, layout(size(&mut random, least, octaves), 8));
            block.touch(0);
            bytes += block.1.size();
            blocks.push(block);
        }
        observe(bytes);
    }
    blocks.into_iter().for_each(|block| block.free(of));
}

/// An empty vector whose memory is already resident, so that it does not count.
fn resident_vec(capacity: usize) -> Vec<Block> {
    let mut blocks = Vec::with_capacity(capacity);
    blocks.resize_with(capacity, || Block(ptr::null_mut(), Layout::new::<u8>()));
    blocks.clear();
    blocks
}
