//! Limits of memory and of address space: what is beyond them is null, and counted.

use std::thread;

use orionrt::{OrionAlloc, heap::Decay};
use orionrt_testing::random::Random;

use crate::blocks::{Blocks, layout, random_steps};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// An allocator that gives nothing back by itself.
fn keeping() -> OrionAlloc {
    OrionAlloc::new().with_decay(Decay::Never)
}

/// Allocates blocks of `size` until one is refused; returns how many there were.
fn fill(alloc: &OrionAlloc, blocks: &mut Blocks, size: usize) -> usize {
    let mut count = 0;
    while blocks.allocate(alloc, layout(size, 8)) {
        count += 1;
        assert!(count < 1_000_000);
    }
    count
}

#[test]
fn beyond_the_limit_blocks_of_any_size_are_refused_and_counted() {
    let limit = 16 * MIB;
    for size in [100, 5000, 30 * KIB, 100 * KIB, MIB] {
        let (alloc, mut blocks) = (keeping().with_limit(limit), Blocks::default());
        let count = fill(&alloc, &mut blocks, size);
        let stats = alloc.stats();
        assert_eq!((stats.failures, stats.failures_over_limit), (1, 1));
        assert_eq!(stats.limit_bytes, Some(limit));
        assert!(stats.resident_bytes <= limit, "{stats}");
        assert!(
            count * size > limit / 2 && count * size < limit,
            "{size}: {stats}"
        );
        blocks.free_all(&alloc);
        // The thread's cache may keep a few objects of other spans.
        let again = fill(&alloc, &mut blocks, size);
        assert!(
            again.abs_diff(count) <= count / 100,
            "{size}: {count}, {again}"
        );
        blocks.free_all(&alloc);
    }
}

#[test]
fn at_the_limit_free_memory_goes_back_before_anything_is_refused() {
    let (alloc, mut blocks) = (keeping().with_limit(64 * MIB), Blocks::default());
    for _ in 0..40 {
        assert!(blocks.allocate(&alloc, layout(MIB, 8)));
    }
    while blocks.0.len() > 2 {
        blocks.free(&alloc, 1);
    }
    assert!(alloc.stats().resident_bytes > 40 * MIB);
    assert!(blocks.allocate(&alloc, layout(50 * MIB, 8)));
    assert!(alloc.stats().resident_bytes <= 64 * MIB);
    blocks.free(&alloc, 2);
    // Growing in place takes free memory back, too. Blocks with guard pages never do.
    if cfg!(not(feature = "hardened")) {
        assert!(blocks.allocate(&alloc, layout(20 * MIB, 8)));
        blocks.resize(&alloc, 2, 55 * MIB);
        assert_eq!(blocks.0[2].1.size(), 55 * MIB);
    }
    let stats = alloc.stats();
    assert!(stats.resident_bytes <= 64 * MIB, "{stats}");
    assert_eq!(stats.failures, 0);
    blocks.free_all(&alloc);
}

#[test]
fn a_limit_can_be_changed_and_lifted_while_the_heap_is_used() {
    let (alloc, mut blocks) = (keeping(), Blocks::default());
    assert_eq!(alloc.stats().limit_bytes, None);
    for _ in 0..30 {
        assert!(blocks.allocate(&alloc, layout(MIB, 8)));
    }
    while blocks.0.len() > 10 {
        blocks.free(&alloc, 0);
    }
    // Free memory beyond a new limit goes back at once, what is in use stays.
    assert!(alloc.set_limit(20 * MIB));
    assert!(
        alloc.stats().resident_bytes <= 20 * MIB,
        "{}",
        alloc.stats()
    );
    assert!(alloc.set_limit(5 * MIB));
    assert!(!blocks.allocate(&alloc, layout(64 * KIB, 8)));
    assert_eq!(alloc.stats().failures_over_limit, 1);
    assert!(alloc.set_limit(usize::MAX));
    assert!(blocks.allocate(&alloc, layout(100 * MIB, 8)));
    assert_eq!(alloc.stats().limit_bytes, None);
    blocks.free_all(&alloc);
}

#[test]
fn under_limits_that_change_all_blocks_are_right_or_null() {
    let alloc = OrionAlloc::new().with_first_zone(MIB);
    let mut random = Random(3);
    for round in 0..12 {
        let limit = random.log_uniform(MIB, 64 * MIB);
        assert!(alloc.set_limit(limit));
        assert!(alloc.set_reserved_limit(random.log_uniform(16 * MIB, 1 << 34)));
        random_steps(&alloc, round, 300, 16 * MIB);
        let stats = alloc.stats();
        assert!(stats.resident_bytes <= limit, "{stats}");
        assert_eq!(stats.live_bytes, 0);
    }
    assert!(alloc.stats().failures_over_limit > 0);
    assert!(alloc.set_limit(usize::MAX) && alloc.set_reserved_limit(usize::MAX));
    assert!(random_steps(&alloc, 99, 300, 16 * MIB) > 0);
}

#[test]
fn address_space_is_limited_by_itself() {
    let limit = 256 * MIB;
    let (alloc, mut blocks) = (keeping().with_reserved_limit(limit), Blocks::default());
    let count = fill(&alloc, &mut blocks, 4 * MIB);
    let stats = alloc.stats();
    assert!(stats.reserved_bytes <= limit, "{stats}");
    assert_eq!(stats.reserved_limit_bytes, Some(limit));
    assert!(count * 4 * MIB > limit / 3, "{count}: {stats}");
    assert_eq!((stats.failures, stats.failures_over_limit), (1, 1));
    assert!(alloc.set_reserved_limit(1 << 40));
    for _ in 0..100 {
        assert!(blocks.allocate(&alloc, layout(4 * MIB, 8)));
    }
    blocks.free_all(&alloc);
}

#[test]
fn the_lists_of_many_zones_are_within_the_limit_of_address_space() {
    let alloc = keeping().with_first_zone(MIB).with_reserved_limit(2 * MIB);
    let mut blocks = Blocks::default();
    for _ in 0..200 {
        fill(&alloc, &mut blocks, 64 * KIB);
        let limit = alloc.stats().reserved_bytes + 256 * KIB;
        assert!(alloc.set_reserved_limit(limit));
        fill(&alloc, &mut blocks, 64 * KIB);
        let stats = alloc.stats();
        assert!(stats.reserved_bytes <= limit, "{limit}: {stats}");
    }
    assert!(alloc.stats().reserved_bytes > 20 * MIB);
    blocks.free_all(&alloc);
}

#[test]
fn threads_at_the_limit_get_memory_or_null() {
    let alloc = OrionAlloc::new().with_limit(24 * MIB);
    let served: usize = thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|seed| {
                scope.spawn({
                    let alloc = &alloc;
                    move || random_steps(alloc, seed, 2000, 4 * MIB)
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    let stats = alloc.stats();
    assert!(served > 0 && stats.failures_over_limit > 0, "{stats}");
    assert_eq!(stats.failures, stats.failures_over_limit);
    assert_eq!(stats.live_bytes, 0);
    assert!(stats.resident_bytes <= 24 * MIB, "{stats}");
}
