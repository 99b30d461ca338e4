//! The heap profile, beside what the program knows of itself.
#![cfg(all(target_os = "linux", feature = "profile"))]

use std::{
    alloc::{GlobalAlloc, Layout},
    ops::RangeInclusive,
    ptr::NonNull,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
};

use allocator_api2::alloc::Allocator;
use orionrt::{
    Malloc, OrionAlloc, OrionHeap,
    profile::{Estimate, Estimates, Sampling},
};
use orionrt_testing::random::Random;

/// The seeds that are tried, and of how many the numbers must lie in their intervals: each does
/// with a probability of 95 %, and 88 of 100 or fewer are as likely as 1 in 300.
const SEEDS: u64 = 100;
const LEAST: usize = 89;

/// Squared errors in units of the estimated variance: 1 on average if variances are right. The mean
/// of 100 lies in this range but for about 1 in 500.
const SQUARES: RangeInclusive<f64> = 0.6..=1.5;

/// The bytes from one sample to the next, and the sizes of blocks. Of the smallest ones, too,
/// there are enough samples for a normal approximation.
const MEAN: usize = 8 << 10;
const LEAST_SIZE: usize = 256;
const MOST_SIZE: usize = 100 << 10;

/// What the program has allocated, and what of it is live: objects and bytes.
#[derive(Clone, Copy, Default)]
struct Truth {
    allocated: (u64, u64),
    live: (u64, u64),
}

impl Truth {
    fn add(&mut self, other: Self) {
        self.allocated.0 += other.allocated.0;
        self.allocated.1 += other.allocated.1;
        self.live.0 += other.live.0;
        self.live.1 += other.live.1;
    }

    /// Each number, and the estimate of it.
    fn beside(self, of: Estimates) -> [(u64, Estimate); 4] {
        [
            (self.allocated.0, of.allocated_objects),
            (self.allocated.1, of.allocated_bytes),
            (self.live.0, of.live_objects),
            (self.live.1, of.live_bytes),
        ]
    }
}

/// How estimates of one number compare with the truth, over all seeds.
#[derive(Clone, Copy, Debug, Default)]
struct Comparison {
    within: usize,
    squares: f64,
}

impl Comparison {
    fn add(&mut self, truth: u64, estimate: Estimate) {
        let truth = truth as f64;
        let (low, high) = estimate.confidence_interval();
        self.within += usize::from((low..=high).contains(&truth));
        self.squares += (estimate.value - truth).powi(2) / estimate.variance;
    }

    /// Intervals are neither too narrow nor too wide.
    fn check(self) {
        assert!(self.within >= LEAST, "{self:?}");
        assert!(SQUARES.contains(&(self.squares / SEEDS as f64)), "{self:?}");
    }
}

type Block = (*mut u8, Layout);

/// What blocks are allocated from.
trait Source {
    /// A block; the size is not zero.
    fn take(&self, layout: Layout) -> *mut u8;
    /// Frees a block.
    ///
    /// # Safety
    /// It was taken here, with this layout, and nobody uses it.
    unsafe fn give(&self, start: *mut u8, layout: Layout);
}

impl Source for OrionAlloc {
    fn take(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the size is not zero.
        unsafe { self.alloc(layout) }
    }

    unsafe fn give(&self, start: *mut u8, layout: Layout) {
        // SAFETY: the caller's duty.
        unsafe { self.dealloc(start, layout) };
    }
}

impl Source for OrionHeap<'_> {
    fn take(&self, layout: Layout) -> *mut u8 {
        let block = Allocator::allocate(&self, layout).expect("memory");
        block.cast().as_ptr()
    }

    unsafe fn give(&self, start: *mut u8, layout: Layout) {
        let start = NonNull::new(start).expect("a block");
        // SAFETY: the caller's duty.
        unsafe { Allocator::deallocate(&self, start, layout) };
    }
}

/// Allocates blocks of many sizes, small and large, and frees most; returns those that are live.
fn work(alloc: &impl Source, random: &mut Random) -> (Vec<Block>, Truth) {
    let (mut live, mut truth) = (Vec::<Block>::new(), Truth::default());
    for _ in 0..1500 {
        let bytes = random.log_uniform(LEAST_SIZE, MOST_SIZE);
        let layout = Layout::from_size_align(bytes, 1 << random.below(7)).unwrap();
        let start = alloc.take(layout);
        assert!(!start.is_null());
        truth.allocated.0 += 1;
        truth.allocated.1 += bytes as u64;
        live.push((start, layout));
        if live.len() > 500 {
            let (start, layout) = live.swap_remove(random.below(live.len()));
            // SAFETY: a live block, and its layout.
            unsafe { alloc.give(start, layout) };
        }
    }
    truth.live.0 = live.len() as u64;
    truth.live.1 = live.iter().map(|(_, layout)| layout.size() as u64).sum();
    (live, truth)
}

fn free_all(alloc: &impl Source, live: Vec<Block>) {
    for (start, layout) in live {
        // SAFETY: a live block, and its layout.
        unsafe { alloc.give(start, layout) };
    }
}

/// Blocks of a thread, on their way to another one.
struct Sent(Vec<Block>);
// SAFETY: blocks belong to no thread.
unsafe impl Send for Sent {}

#[test]
fn numbers_lie_in_their_intervals() {
    let mut compared = [Comparison::default(); 4];
    for seed in 1..=SEEDS {
        let sampling = Sampling::every(MEAN).with_seed(seed);
        let alloc = OrionAlloc::new()
            .with_first_zone(64 << 20)
            .with_profile(sampling);
        let (mut all, mut truth) = (Vec::new(), Truth::default());
        // The second one finds a heap in use, and a third has no cache of it.
        let other = OrionAlloc::new();
        for index in 0..3 {
            let alloc = &alloc;
            let other = &other;
            let (live, more) = thread::scope(|scope| {
                let worker = scope.spawn(move || {
                    let layout = Layout::new::<u64>();
                    if index == 2 {
                        // SAFETY: one block, given back at once.
                        unsafe { other.dealloc(other.alloc(layout), layout) };
                    }
                    let (live, truth) = work(alloc, &mut Random(seed << 8 | index));
                    (Sent(live), truth)
                });
                worker.join().unwrap()
            });
            all.extend(live.0);
            truth.add(more);
        }
        let profile = alloc.profile();
        assert_eq!((profile.mean(), profile.lost()), (MEAN as u64, 0));
        for (index, (truth, estimate)) in truth.beside(profile.total()).into_iter().enumerate() {
            compared[index].add(truth, estimate);
        }
        let stats = alloc.stats();
        assert_eq!(stats.allocations, truth.allocated.0);
        assert_eq!(stats.requested_bytes as u64, truth.live.1);
        free_all(&alloc, all);
        let live = alloc.profile().total();
        assert_eq!((live.live_samples, live.live_bytes.value), (0, 0.0));
        assert_eq!(live.samples, profile.total().samples);
    }
    println!("of {SEEDS} seeds: {compared:?}");
    compared.into_iter().for_each(Comparison::check);
}

/// With one sample in a byte, every block is one, and nothing is an estimate.
#[test]
fn every_block_is_known_if_every_byte_is_sampled() {
    let alloc = OrionAlloc::new().with_profile(Sampling::every(1));
    let (live, truth) = work(&alloc, &mut Random(5));
    for (truth, estimate) in truth.beside(alloc.profile().total()) {
        let off = (estimate.value - truth as f64).abs();
        assert!(off <= 1e-6 * truth as f64, "{truth} {estimate:?}");
    }
    free_all(&alloc, live);
    assert_eq!(alloc.stats().live_bytes, 0);
    assert_eq!(alloc.profile().total().live_samples, 0);
}

#[test]
fn a_profile_starts_and_stops() {
    let alloc = OrionAlloc::new();
    let mut random = Random(1);
    let (mut live, before) = work(&alloc, &mut random);
    assert_eq!(alloc.profile(), Default::default());
    assert!(alloc.start_profile(Sampling::every(1)));
    let (more, truth) = work(&alloc, &mut random);
    live.extend(more);
    let total = alloc.profile().total();
    assert!((total.allocated_objects.value - truth.allocated.0 as f64).abs() < 1.0);
    alloc.stop_profile();
    let (more, after) = work(&alloc, &mut random);
    live.extend(more);
    let stopped = alloc.profile();
    assert_eq!(
        (stopped.mean(), stopped.total().samples),
        (0, total.samples)
    );
    let all = before.allocated.0 + truth.allocated.0 + after.allocated.0;
    assert_eq!(alloc.stats().allocations, all);
    free_all(&alloc, live);
    assert_eq!(alloc.profile().total().live_samples, 0);
}

/// A pair of calls, over and over, finds its block in the cache each time, which is filled by the
/// first release: there is no other slow path.
#[test]
fn a_thread_that_needs_one_block_at_a_time_is_sampled_too() {
    let alloc = OrionAlloc::new().with_profile(Sampling::every(4096).with_seed(3));
    let layout = Layout::from_size_align(100, 8).unwrap();
    for _ in 0..100_000 {
        // SAFETY: one block, given back at once.
        unsafe { alloc.dealloc(alloc.alloc(layout), layout) };
    }
    let bytes = alloc.profile().total().allocated_bytes;
    assert!((bytes.value - 1e7).abs() < 1e6, "{bytes:?}");
}

/// Resizing keeps the sample of a block up to date, or makes another one of it.
#[test]
fn resized_blocks_are_known_by_their_new_size() {
    let alloc = OrionAlloc::new().with_profile(Sampling::every(1));
    let mut layout = Layout::from_size_align(100, 8).unwrap();
    // SAFETY: the size is not zero.
    let mut start = unsafe { alloc.alloc(layout) };
    for bytes in [
        110,
        70,
        9000,
        40_000,
        45_000,
        4 << 20,
        8 << 20,
        16_384,
        20_000,
        5,
    ] {
        // SAFETY: the block and its layout.
        start = unsafe { alloc.realloc(start, layout, bytes) };
        layout = Layout::from_size_align(bytes, 8).unwrap();
        let total = alloc.profile().total();
        assert_eq!(total.live_samples, 1, "{bytes}");
        assert!(
            (total.live_bytes.value - bytes as f64).abs() < 0.01,
            "{total:?}"
        );
    }
    // SAFETY: as above.
    unsafe { alloc.dealloc(start, layout) };
    assert_eq!(alloc.profile().total().live_samples, 0);
}

#[test]
fn malloc_finds_sampled_blocks_by_their_addresses() {
    let malloc = Malloc::new(OrionAlloc::new().with_profile(Sampling::every(1)));
    let blocks = [1, 100, 5000, 32_768, 40_000].map(|bytes| malloc.allocate(bytes));
    for (block, usable) in blocks.into_iter().zip([16, 112, 5120, 32_768, 40_000]) {
        assert!(
            malloc
                .usable_size(block)
                .is_some_and(|found| found >= usable)
        );
        assert!(malloc.contains(block));
        assert_eq!(malloc.usable_size(block.wrapping_add(16)), None);
    }
    assert_eq!(malloc.profile().total().live_samples, 5);
    for block in blocks {
        // SAFETY: a block of this allocator, given up once.
        unsafe { malloc.free(block) };
        assert_eq!(malloc.usable_size(block), None);
    }
    assert_eq!(malloc.profile().total().live_samples, 0);
}

/// A place in the program that allocates.
#[inline(never)]
fn site<const NUMBER: usize>(alloc: &OrionAlloc, layout: Layout) -> *mut u8 {
    // SAFETY: the size is not zero.
    let start = unsafe { alloc.alloc(layout) };
    std::hint::black_box(start)
}

type Site = fn(&OrionAlloc, Layout) -> *mut u8;
const SITES: [Site; 4] = [site::<0>, site::<1>, site::<2>, site::<3>];

/// The site that has called down to a stack's innermost frames: the one that begins last before
/// one of the addresses, and shortly before.
fn site_of(stack: &[usize]) -> Option<usize> {
    stack.iter().find_map(|&address| {
        let before = |site: &usize| address.checked_sub(SITES[*site] as usize);
        let nearest = (0..SITES.len())
            .filter(|site| before(site).is_some())
            .min_by_key(before)?;
        before(&nearest)
            .filter(|&distance| distance < 300)
            .map(|_| nearest)
    })
}

#[test]
fn each_place_that_allocates_has_its_own_numbers() {
    let mut compared = [[Comparison::default(); 4]; SITES.len()];
    for seed in 1..=SEEDS {
        let alloc = OrionAlloc::new().with_first_zone(64 << 20);
        assert!(alloc.start_profile(Sampling::every(MEAN).with_seed(seed)));
        let mut random = Random(seed);
        let mut truth = [Truth::default(); SITES.len()];
        let mut live = Vec::<(Block, usize)>::new();
        for _ in 0..6000 {
            let site = random.below(SITES.len());
            // Sizes that differ from site to site.
            let bytes = random.log_uniform(LEAST_SIZE, LEAST_SIZE << (2 * site + 1));
            let layout = Layout::from_size_align(bytes, 8).unwrap();
            live.push(((SITES[site](&alloc, layout), layout), site));
            truth[site].allocated.0 += 1;
            truth[site].allocated.1 += bytes as u64;
            if live.len() > 3000 {
                let ((start, layout), _) = live.swap_remove(random.below(3000));
                // SAFETY: a live block, and its layout.
                unsafe { alloc.dealloc(start, layout) };
            }
        }
        for ((_, layout), site) in &live {
            truth[*site].live.0 += 1;
            truth[*site].live.1 += layout.size() as u64;
        }
        let profile = alloc.profile();
        let mut sums = [Estimates::default(); SITES.len()];
        for entry in profile.entries() {
            let site = site_of(&entry.stack).expect("each stack has a site");
            sums[site] += entry.estimates;
        }
        for (site, truth) in truth.into_iter().enumerate() {
            for (number, (truth, estimate)) in truth.beside(sums[site]).into_iter().enumerate() {
                compared[site][number].add(truth, estimate);
            }
        }
        let blocks = live.into_iter().map(|(block, _)| block);
        free_all(&alloc, blocks.collect());
    }
    println!("of {SEEDS} seeds: {compared:?}");
    compared.into_iter().flatten().for_each(Comparison::check);
}

/// The fields of a message in the format of protocol buffers: numbers, and integers or bytes.
fn fields(mut message: &[u8]) -> Vec<(u64, u64, &[u8])> {
    fn varint(message: &mut &[u8]) -> u64 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let (&byte, rest) = message.split_first().expect("more bytes");
            *message = rest;
            value |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                return value;
            }
        }
    }
    let mut fields = Vec::new();
    while !message.is_empty() {
        let key = varint(&mut message);
        let value = varint(&mut message);
        let bytes = match key & 7 {
            0 => &[][..],
            2 => {
                let (bytes, rest) = message.split_at(value as usize);
                message = rest;
                bytes
            }
            other => panic!("wire type {other}"),
        };
        fields.push((key >> 3, value, bytes));
    }
    fields
}

/// The integers of a field.
fn integers(message: &[u8], field: u64) -> Vec<u64> {
    let of_it = fields(message).into_iter().filter(|found| found.0 == field);
    of_it.map(|found| found.1).collect()
}

#[test]
fn pprof_gets_samples_locations_and_mappings() {
    let alloc = OrionAlloc::new();
    assert!(alloc.start_profile(Sampling::every(1)));
    let layout = Layout::from_size_align(1000, 8).unwrap();
    let blocks: Vec<_> = (0..40)
        .map(|number| (SITES[number % 4](&alloc, layout), layout))
        .collect();
    let mut written = Vec::new();
    alloc.profile().write_pprof(&mut written).unwrap();
    let mut without_allocating = Vec::with_capacity(1 << 20);
    assert!(alloc.write_profile(&mut |bytes| {
        without_allocating.extend_from_slice(bytes);
        true
    }));
    assert!(!alloc.write_profile(&mut |_| false));
    for profile in [&written, &without_allocating] {
        let all = fields(profile);
        let of = |field| all.iter().filter(move |found| found.0 == field);
        let strings: Vec<_> = of(6)
            .map(|found| String::from_utf8(found.2.to_vec()).unwrap())
            .collect();
        assert_eq!(strings[0], "");
        let named = |message: &[u8]| {
            [1, 2].map(|field| strings[integers(message, field)[0] as usize].as_str())
        };
        let types: Vec<_> = of(1).map(|found| named(found.2)).collect();
        let expected = [
            ["alloc_objects", "count"],
            ["alloc_space", "bytes"],
            ["inuse_objects", "count"],
            ["inuse_space", "bytes"],
        ];
        assert_eq!(types, expected);
        assert_eq!(
            of(11).map(|found| named(found.2)).collect::<Vec<_>>(),
            [["space", "bytes"]]
        );
        assert_eq!(of(12).map(|found| found.1).collect::<Vec<_>>(), [1]);
        let mut sums = [0; 4];
        let locations: Vec<_> = of(4)
            .map(|found| [1, 2, 3].map(|field| integers(found.2, field)[0]))
            .collect();
        for sample in of(2).map(|found| found.2) {
            let values = integers(sample, 2);
            (0..4).for_each(|value| sums[value] += values[value]);
            let stack = integers(sample, 1);
            let known = |id: &u64| locations.iter().any(|location| location[0] == *id);
            assert!(!stack.is_empty() && stack.iter().all(known));
        }
        assert_eq!(sums, [40, 40_000, 40, 40_000]);
        let mappings: Vec<_> = of(3).map(|found| found.2).collect();
        for [id, mapping, address] in locations {
            assert_eq!(id, address + 1);
            let mapping = mappings[mapping as usize - 1];
            let [start, end] = [2, 3].map(|field| integers(mapping, field)[0]);
            assert!((start..end).contains(&address));
        }
        let program = std::env::current_exe().unwrap();
        let has_program = mappings.iter().any(|mapping| {
            let (path, id) = (integers(mapping, 5)[0], integers(mapping, 6)[0]);
            strings[path as usize] == program.to_str().unwrap() && strings[id as usize].len() == 40
        });
        assert!(has_program, "{strings:?}");
        let comments: Vec<_> = of(13)
            .map(|found| strings[found.1 as usize].as_str())
            .collect();
        let command = format!("command: {}", std::env::args().next().unwrap());
        assert!(comments.len() >= 6 && comments.iter().any(|found| found.starts_with(&command)));
    }
    free_all(&alloc, blocks);
}

#[test]
fn numbers_of_heaps_lie_in_their_intervals() {
    let mut compared = [Comparison::default(); 4];
    for seed in 1..=SEEDS {
        let alloc = OrionAlloc::new()
            .with_first_zone(64 << 20)
            .with_profile(Sampling::every(MEAN).with_seed(seed));
        let heaps = [(); 2].map(|()| alloc.new_heap().unwrap());
        // What the heaps lie in is blocks of the allocator.
        let of_heaps = alloc.stats();
        let bytes = of_heaps.requested_bytes as u64;
        let mut truth = Truth {
            allocated: (of_heaps.allocations, bytes),
            live: (of_heaps.allocations, bytes),
        };
        let mut all = Vec::new();
        for (index, heap) in heaps.iter().enumerate() {
            let (live, more) = work(heap, &mut Random(seed << 8 | index as u64));
            truth.add(more);
            all.push(live);
        }
        let profile = alloc.profile();
        for (index, (truth, estimate)) in truth.beside(profile.total()).into_iter().enumerate() {
            compared[index].add(truth, estimate);
        }
        for (heap, live) in heaps.iter().zip(all) {
            free_all(heap, live);
        }
        drop(heaps);
        assert_eq!(alloc.profile().total().live_samples, 0);
    }
    println!("of {SEEDS} seeds: {compared:?}");
    compared.into_iter().for_each(Comparison::check);
}

/// Whatever becomes of a heap's block, or of the heap, its sample goes with it.
#[test]
fn samples_of_a_heap_go_with_its_blocks() {
    let alloc = OrionAlloc::new().with_profile(Sampling::every(1));
    let mut heap = alloc.new_heap().unwrap();
    let of_heap = alloc.profile().total();
    let (live, truth) = work(&heap, &mut Random(5));
    let check = |truth: Truth| {
        for (truth, estimate) in truth.beside(alloc.profile().total()) {
            let off = (estimate.value - truth as f64).abs();
            assert!(off <= 1e-6 * truth as f64, "{truth} {estimate:?}");
        }
    };
    let mut expected = Truth {
        allocated: (1, of_heap.allocated_bytes.value.round() as u64),
        live: (1, of_heap.live_bytes.value.round() as u64),
    };
    expected.add(truth);
    check(expected);
    assert_eq!(heap.stats().allocations, truth.allocated.0);
    assert_eq!(heap.stats().used_bytes, alloc.stats().heap_bytes);
    free_all(&heap, live);
    assert_eq!(alloc.profile().total().live_samples, 1);

    let layout = |bytes| Layout::from_size_align(bytes, 8).unwrap();
    let mut old = layout(100);
    let mut block = NonNull::new(heap.take(old)).unwrap();
    for bytes in [110, 70, 9000, 40_000, 45_000, 4 << 20, 20_000, 5] {
        let new = layout(bytes);
        // SAFETY: the block and its layout.
        block = unsafe {
            match bytes > old.size() {
                true => Allocator::grow(&&heap, block, old, new),
                false => Allocator::shrink(&&heap, block, old, new),
            }
        }
        .unwrap()
        .cast();
        old = new;
        let total = alloc.profile().total();
        assert_eq!(total.live_samples, 2, "{bytes}");
        let live = of_heap.live_bytes.value + bytes as f64;
        assert!((total.live_bytes.value - live).abs() < 0.01, "{total:?}");
    }
    let (leaked, _) = work(&heap, &mut Random(6));
    assert_eq!(
        alloc.profile().total().live_samples,
        2 + leaked.len() as u64
    );
    heap.reset();
    assert_eq!(alloc.profile().total().live_samples, 1);
    assert_eq!(heap.stats().used_bytes, 0);
    work(&heap, &mut Random(7));
    drop(heap);
    assert_eq!(alloc.profile().total().live_samples, 0);
    assert_eq!((alloc.stats().live_bytes, alloc.stats().heap_bytes), (0, 0));
}

/// Pages of freed samples count as no block's, and are not used twice.
#[test]
fn pages_of_freed_samples_serve_the_next_ones_and_go_back_in_a_purge() {
    let alloc = OrionAlloc::new().with_profile(Sampling::every(1));
    let layout = |bytes| Layout::from_size_align(bytes, 8).unwrap();
    let mut random = Random(9);
    let mut live = Vec::<Block>::new();
    for _ in 0..2000 {
        if random.below(2) == 0 {
            let layout = layout(random.log_uniform(16, 32 << 10));
            // SAFETY: the size is not zero.
            let start = unsafe { alloc.alloc(layout) };
            let end = start.addr() + layout.size();
            let is_apart = |other: &Block| {
                other.0.addr() >= end || start.addr() >= other.0.addr() + other.1.size()
            };
            assert!(!start.is_null() && live.iter().all(is_apart));
            live.push((start, layout));
        } else if !live.is_empty() {
            let (start, layout) = live.swap_remove(random.below(live.len()));
            // SAFETY: a live block, and its layout.
            unsafe { alloc.dealloc(start, layout) };
        }
        let samples = alloc.profile().total().live_samples;
        assert_eq!(samples, live.len() as u64);
    }
    free_all(&alloc, live);
    let stats = alloc.stats();
    assert_eq!((stats.live_bytes, stats.large_bytes), (0, 0));
    assert!((1..=128 << 10).contains(&stats.used_bytes), "{stats}");
    alloc.purge();
    assert_eq!(alloc.stats().used_bytes, 0);
    free_all(&alloc, vec![(SITES[0](&alloc, layout(100)), layout(100))]);
    assert_eq!(alloc.stats().used_bytes, 4096);
    alloc.stop_profile();
    assert_eq!(alloc.stats().used_bytes, 0);
}

/// Children of a process whose threads allocate and read profiles can go on with both.
#[test]
fn forked_children_can_go_on_with_the_profile() {
    static ALLOC: OrionAlloc = OrionAlloc::new();
    static IS_OVER: AtomicBool = AtomicBool::new(false);
    assert!(ALLOC.start_profile(Sampling::every(256)));
    thread::scope(|scope| {
        for index in 0..2 {
            scope.spawn(move || {
                for round in 0.. {
                    if IS_OVER.load(Relaxed) {
                        break;
                    }
                    let (live, _) = work(&ALLOC, &mut Random(round << 1 | index));
                    let _ = ALLOC.write_profile(&mut |_| true);
                    free_all(&ALLOC, live);
                }
            });
        }
        for seed in 0..100 {
            // SAFETY: the child runs on what the allocator keeps usable, and leaves by `_exit`.
            let pid = unsafe { libc::fork() };
            assert!(pid >= 0);
            if pid == 0 {
                // SAFETY: no handler: the signal ends the process.
                unsafe { libc::alarm(60) };
                let (layout, mut bytes) = (Layout::from_size_align(3000, 8).unwrap(), 0);
                let live = [(); 50].map(|()| SITES[seed % 4](&ALLOC, layout));
                let went_well = ALLOC.write_profile(&mut |part| {
                    bytes += part.len();
                    true
                });
                for start in live {
                    // SAFETY: a live block, and its layout.
                    unsafe { ALLOC.dealloc(start, layout) };
                }
                // SAFETY: ends this process at once.
                unsafe { libc::_exit((!went_well || bytes == 0).into()) }
            }
            let mut status = 0;
            // SAFETY: waits for the child above, and writes to `status` only.
            let waited = unsafe { libc::waitpid(pid, &raw mut status, 0) };
            assert_eq!((waited, status), (pid, 0));
        }
        IS_OVER.store(true, Relaxed);
    });
    assert_eq!(ALLOC.profile().total().live_samples, 0);
}
