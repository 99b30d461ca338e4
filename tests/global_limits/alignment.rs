//! Blocks of `OrionAlloc` with large alignments are aligned, or null: with small zones, and where
//! the address space is limited.

use orionrt::OrionAlloc;
use orionrt_testing::{children::in_child, process_memory::process_reserved};

use crate::{
    blocks::{Blocks, layout, random_steps},
    process::limit_address_space,
};

const MIB: usize = 1 << 20;

/// Small, of a few pages, big, and larger than a small zone.
const SIZES: [usize; 9] = [
    1,
    5000,
    40 << 10,
    256 << 10,
    (256 << 10) + 1,
    MIB - 1,
    3 * MIB,
    17 * MIB,
    64 * MIB,
];

/// The logarithms of the alignments.
const ALIGNMENTS: std::ops::RangeInclusive<u32> = 0..=32;

#[test]
fn with_a_small_first_zone_every_size_has_every_alignment() {
    for round in 0..2 {
        let alloc = OrionAlloc::new().with_first_zone(MIB);
        let mut blocks = Blocks::default();
        for log_align in ALIGNMENTS {
            for size in SIZES {
                let done = blocks.allocate(&alloc, layout(size, 1 << log_align));
                assert!(done, "{size} at 2^{log_align}");
                if round == 1 && blocks.0.len() % 3 == 0 {
                    blocks.free(&alloc, 0);
                }
            }
        }
        blocks.free_all(&alloc);
    }
}

#[test]
fn several_blocks_of_one_strict_alignment_are_all_aligned() {
    let (alloc, mut blocks) = (OrionAlloc::new().with_first_zone(MIB), Blocks::default());
    for log_align in [21, 29, 32] {
        for _ in 0..6 {
            assert!(blocks.allocate(&alloc, layout(512 << 10, 1 << log_align)));
        }
    }
    blocks.free_all(&alloc);
}

#[test]
fn impossible_alignments_are_null() {
    let (alloc, mut blocks) = (OrionAlloc::new().with_first_zone(MIB), Blocks::default());
    for log_align in [48, 55, 62] {
        for size in [1, MIB] {
            assert!(!blocks.allocate(&alloc, layout(size, 1 << log_align)));
        }
    }
    assert_eq!(alloc.stats().failures, 6);
    assert!(blocks.allocate(&alloc, layout(MIB, 4096)));
    blocks.free_all(&alloc);
}

#[test]
fn blocks_stay_aligned_whatever_is_allocated_resized_and_freed() {
    for seed in 0..3 {
        let alloc = OrionAlloc::new().with_first_zone(MIB);
        assert!(random_steps(&alloc, seed, 1000, 64 * MIB) > 0);
        assert_eq!(alloc.stats().live_bytes, 0);
    }
}

/// 1 GB of address space beyond what the process has, as after `ulimit -v 1000000`.
#[test]
fn where_address_space_is_limited_blocks_are_aligned_or_null() {
    let name = "alignment::where_address_space_is_limited_blocks_are_aligned_or_null";
    if !in_child(name) {
        return;
    }
    limit_address_space(Some(process_reserved() + 1_000_000_000));
    let (alloc, mut blocks) = (OrionAlloc::new(), Blocks::default());
    for log_align in [29, 29, 29, 28, 21, 32] {
        for size in [MIB, 256 << 10, 512 << 10] {
            blocks.allocate(&alloc, layout(size, 1 << log_align));
        }
    }
    assert!(blocks.0.iter().any(|(_, layout)| layout.align() == 1 << 29));
    blocks.free_all(&alloc);
    for seed in 0..4 {
        assert!(random_steps(&alloc, seed, 1000, 8 * MIB) > 0);
    }
}

/// There is room for the block, but not for its alignment beside it.
#[test]
fn a_strictly_aligned_block_needs_no_more_address_space_than_its_size() {
    let name = "alignment::a_strictly_aligned_block_needs_no_more_address_space_than_its_size";
    if !in_child(name) {
        return;
    }
    limit_address_space(Some(process_reserved() + 100 * MIB));
    let (alloc, mut blocks) = (OrionAlloc::new(), Blocks::default());
    for log_align in [29, 32] {
        assert!(blocks.allocate(&alloc, layout(MIB, 1 << log_align)));
    }
    blocks.free_all(&alloc);
}
