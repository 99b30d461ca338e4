//! Huge blocks: refused above what the machine has, and cheap where they are served.

use std::alloc::GlobalAlloc;

use orionrt::{OrionAlloc, heap::HeapStats};
use orionrt_testing::{children::in_child, process_memory::process_resident, random::Random};

use crate::blocks::{Blocks, layout};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
const GIB: usize = 1 << 30;
const TIB: usize = 1 << 40;

fn failures(stats: &HeapStats) -> [u64; 3] {
    [
        stats.failures,
        stats.failures_too_large,
        stats.failures_over_limit,
    ]
}

#[test]
fn a_block_that_no_machine_could_back_is_refused_and_counted() {
    let (alloc, mut blocks) = (OrionAlloc::new(), Blocks::default());
    assert!(blocks.allocate(&alloc, layout(MIB, 8)));
    let most = alloc.stats().largest_block_bytes;
    assert!(most.is_some_and(|most| (64 * MIB..16 * TIB).contains(&most)));
    for (index, size) in [most.unwrap() + 8193, 16 * TIB, 1 << 62]
        .into_iter()
        .enumerate()
    {
        assert!(!blocks.allocate(&alloc, layout(size, 8)));
        // SAFETY: a block of this layout; the size is not zero.
        let moved = unsafe { alloc.realloc(blocks.0[0].0, blocks.0[0].1, size) };
        assert!(moved.is_null());
        let count = 2 * (index as u64 + 1);
        assert_eq!(failures(&alloc.stats()), [count, count, 0]);
    }
    blocks.free_all(&alloc);
}

#[test]
fn the_largest_block_can_be_chosen() {
    let alloc = OrionAlloc::new().with_largest_block(MIB);
    let mut blocks = Blocks::default();
    assert!(blocks.allocate(&alloc, layout(MIB, 8)));
    assert!(!blocks.allocate(&alloc, layout(MIB + 8193, 8)));
    blocks.resize(&alloc, 0, 3 * MIB);
    assert_eq!(blocks.0[0].1.size(), MIB);
    assert!(alloc.set_largest_block(3 * MIB));
    blocks.resize(&alloc, 0, 3 * MIB);
    assert_eq!(blocks.0[0].1.size(), 3 * MIB);
    assert!(alloc.set_largest_block(1));
    assert!(blocks.allocate(&alloc, layout(32 * KIB, 8)));
    assert!(!blocks.allocate(&alloc, layout(MIB, 8)));
    assert_eq!(failures(&alloc.stats()), [3, 3, 0]);
    blocks.free_all(&alloc);
}

/// Whether the heap's own count of what is resident is what the kernel has counted since `before`.
fn check_resident(alloc: &OrionAlloc, before: usize, untouched: usize) {
    let grown = process_resident().saturating_sub(before);
    let counted = alloc.stats().resident_bytes - untouched;
    let said = format!("{grown} by the kernel, {counted}: {}", alloc.stats());
    // The heap counts caches and the buddy allocator's trees for more than they have.
    assert!(grown < counted + MIB && counted < grown + 2 * MIB, "{said}");
}

#[test]
fn huge_blocks_that_nobody_touches_cost_next_to_nothing() {
    let name = "sizes::huge_blocks_that_nobody_touches_cost_next_to_nothing";
    if !in_child(name) {
        return;
    }
    let alloc = OrionAlloc::new().with_largest_block(1 << 46);
    let mut blocks = Blocks::default();
    assert!(blocks.allocate(&alloc, layout(MIB, 8)));
    let before = process_resident();
    for size in [64 * GIB, TIB, 16 * TIB] {
        for _ in 0..3 {
            // SAFETY: the size is not zero; given back with its layout.
            unsafe {
                let block = alloc.alloc(layout(size, 8));
                assert!(!block.is_null(), "{size}");
                check_resident(&alloc, before, size);
                alloc.dealloc(block, layout(size, 8));
            }
            let grown = process_resident().saturating_sub(before);
            assert!(grown < 6 * MIB, "{size}: {grown} bytes after its release");
            // Whether free pages were ever touched, the heap does not know until they go back.
            alloc.purge();
            check_resident(&alloc, before, 0);
        }
    }
    assert!(process_resident() < before + 3 * MIB);
    blocks.free_all(&alloc);
}

#[test]
fn a_purge_gives_back_tables_of_what_is_free() {
    if !in_child("sizes::a_purge_gives_back_tables_of_what_is_free") {
        return;
    }
    let alloc = OrionAlloc::new();
    let (mut random, mut blocks) = (Random(7), Blocks(Vec::with_capacity(20_000)));
    blocks.allocate(&alloc, layout(1, 1));
    let before = process_resident();
    let tables_before = alloc.stats().metadata_bytes;
    for _ in 0..2 {
        // Every page is the start of a block, so that all headers are written.
        while blocks.0.len() < 20_000 {
            assert!(blocks.allocate(&alloc, layout(40 * KIB + random.below(9000), 8)));
        }
        let tables = alloc.stats().metadata_bytes;
        assert!(tables > tables_before + 8 * MIB, "{}", alloc.stats());
        while blocks.0.len() > 1 {
            let index = 1 + random.below(blocks.0.len() - 1);
            blocks.free(&alloc, index);
        }
        alloc.purge();
        check_resident(&alloc, before, 0);
        let tables = alloc.stats().metadata_bytes;
        assert!(tables < tables_before + 256 * KIB, "{}", alloc.stats());
    }
    blocks.free_all(&alloc);
}
