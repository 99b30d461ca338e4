//! When `OrionAlloc` gives memory back to the system: by itself, at once, never, on request, and
//! when it is dropped.
//!
//! What it says is compared with what the kernel says. That is a number for the whole process, so
//! these tests take turns. Decay is measured in periods of little work, not in seconds.

use std::{
    alloc::GlobalAlloc,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use orionrt::{
    OrionAlloc,
    heap::{Decay, HeapStats},
};
use orionrt_testing::{
    blocks::{Block, in_thread, layout},
    process_memory::process_resident,
    random::Random,
};

const MIB: usize = 1 << 20;

/// The decay period of the allocators here that decay.
const PERIOD: Duration = Duration::from_millis(20);
/// More than the resolution of the clock that decay looks at.
const RESOLUTION: Duration = Duration::from_millis(10);
/// What a spike has left is gone after at most so many periods.
const MOST_PERIODS: usize = 100;

/// Waits until no other test runs.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How much more the process has in memory than `before`.
fn grown_since(before: usize) -> usize {
    process_resident().saturating_sub(before)
}

/// Bytes of pages that may be resident.
fn resident_pages(stats: &HeapStats) -> usize {
    stats.resident_bytes - stats.metadata_bytes
}

fn large_blocks(alloc: &OrionAlloc, count: usize) -> Vec<Block> {
    let blocks: Vec<_> = (0..count)
        .map(|tag| Block::new(alloc, layout(MIB, 8), tag as u64))
        .collect();
    assert!(alloc.stats().resident_bytes >= count * MIB);
    blocks
}

fn small_blocks(alloc: &OrionAlloc, bytes: usize) -> Vec<Block> {
    let (mut random, mut left) = (Random(1), bytes);
    let mut blocks = Vec::new();
    while left > 0 {
        let size = random.log_uniform(256, 4000).min(left);
        blocks.push(Block::new(alloc, layout(size, 8), random.next_u64()));
        left -= size;
    }
    blocks
}

fn free_all(alloc: &OrionAlloc, blocks: impl IntoIterator<Item = Block>) {
    blocks.into_iter().for_each(|block| block.free(alloc));
}

/// Allocates and frees blocks of many sizes.
fn use_a_little(alloc: &OrionAlloc, random: &mut Random) {
    let blocks: Vec<_> = (0..100)
        .map(|_| Block::new(alloc, layout(random.log_uniform(16, 100_000), 8), 1))
        .collect();
    free_all(alloc, blocks);
}

/// An allocator. On Windows its first zone is small: Wine keeps a byte for each page of address
/// space that was ever reserved, which counts as memory of the process. With 32 bits it is smaller
/// still: what a dropped allocator has reserved stays reserved.
fn new_alloc() -> OrionAlloc {
    let alloc = OrionAlloc::new();
    if cfg!(target_pointer_width = "32") {
        alloc.with_first_zone(8 * MIB)
    } else if cfg!(windows) {
        alloc.with_first_zone(256 * MIB)
    } else {
        alloc
    }
}

/// An allocator that decays by the [`PERIOD`].
fn decaying() -> OrionAlloc {
    new_alloc().with_decay(Decay::After(PERIOD))
}

/// Lets periods pass in which little is done, until less than `most` bytes are resident. The little
/// is a loop of its own, which may keep the 2 MiB that it needs.
fn assert_calms_down(alloc: &OrionAlloc, most: usize) {
    let mut random = Random(2);
    for _ in 0..MOST_PERIODS {
        (0..4).for_each(|_| use_a_little(alloc, &mut random));
        if alloc.stats().resident_bytes < most {
            return;
        }
        thread::sleep(PERIOD + RESOLUTION);
    }
    panic!("after {MOST_PERIODS} periods: {}", alloc.stats());
}

#[test]
fn a_spike_of_large_blocks_goes_back_at_once() {
    let _turn = turn();
    let (alloc, before) = (new_alloc(), process_resident());
    in_thread(|| {
        let blocks = large_blocks(&alloc, 200);
        // Some blocks' words lie in pages of their own: all have been touched.
        assert!(grown_since(before) > 190 * MIB);
        free_all(&alloc, blocks);
    });
    assert!(alloc.stats().resident_bytes < 8 * MIB, "{}", alloc.stats());
    assert!(grown_since(before) < 20 * MIB);
}

#[test]
fn a_spike_of_small_blocks_goes_back_within_periods() {
    let _turn = turn();
    let (alloc, before) = (decaying(), process_resident());
    in_thread(|| {
        let blocks = small_blocks(&alloc, 60 * MIB);
        assert!(grown_since(before) > 60 * MIB);
        free_all(&alloc, blocks);
        assert_calms_down(&alloc, 6 * MIB);
    });
    assert!(grown_since(before) < 20 * MIB);
}

/// The pages between the few blocks that stay go back, too.
#[test]
fn a_spike_goes_back_around_the_blocks_that_stay() {
    let _turn = turn();
    let alloc = decaying();
    in_thread(|| {
        let (mut kept, mut freed) = (Vec::new(), Vec::new());
        for block in small_blocks(&alloc, 40 * MIB) {
            if (kept.len() + freed.len()) % 1000 == 0 {
                kept.push(block);
            } else {
                freed.push(block);
            }
        }
        free_all(&alloc, freed);
        assert_calms_down(&alloc, 8 * MIB);
        free_all(&alloc, kept);
    });
}

#[test]
fn refault_credit_goes_when_steady_work_ends() {
    let _turn = turn();
    let alloc = decaying();
    in_thread(|| {
        for _ in 0..12 {
            let blocks = large_blocks(&alloc, 32);
            free_all(&alloc, blocks);
        }
        assert_calms_down(&alloc, 6 * MIB);
    });
}

#[test]
fn a_decay_of_never_keeps_everything_until_a_purge() {
    let _turn = turn();
    let alloc = new_alloc().with_decay(Decay::Never);
    let control = decaying();
    let before = process_resident();
    in_thread(|| {
        let blocks = large_blocks(&alloc, 64);
        free_all(&alloc, blocks);
        let blocks = small_blocks(&alloc, 16 * MIB);
        free_all(&alloc, blocks);
        // Enough time for an allocator that decays.
        let blocks = small_blocks(&control, 16 * MIB);
        free_all(&control, blocks);
        assert_calms_down(&control, 6 * MIB);
        (0..20).for_each(|_| use_a_little(&alloc, &mut Random(3)));
        assert!(alloc.stats().resident_bytes >= 64 * MIB);
        assert!(grown_since(before) > 60 * MIB);
        assert!(alloc.purge() >= 60 * MIB);
    });
    alloc.purge();
    assert_eq!(resident_pages(&alloc.stats()), 0);
    assert!(grown_since(before) < 10 * MIB);
    assert_eq!(alloc.purge(), 0);
}

#[test]
fn a_decay_of_zero_keeps_no_free_page() {
    let _turn = turn();
    let alloc = new_alloc().with_decay(Decay::After(Duration::ZERO));
    let before = process_resident();
    let check = || {
        let stats = alloc.stats();
        assert_eq!(resident_pages(&stats), stats.used_bytes, "{stats}");
    };
    in_thread(|| {
        for block in large_blocks(&alloc, 64) {
            block.free(&alloc);
            check();
        }
        assert_eq!(resident_pages(&alloc.stats()), 0);
        assert!(grown_since(before) < 10 * MIB);
        for (index, block) in small_blocks(&alloc, 8 * MIB).into_iter().enumerate() {
            block.free(&alloc);
            if index % 16 == 0 {
                check();
            }
        }
        let mut random = Random(4);
        (0..10).for_each(|_| use_a_little(&alloc, &mut random));
        check();
    });
}

#[test]
fn a_purge_leaves_the_pages_in_use_alone() {
    let _turn = turn();
    let alloc = new_alloc();
    in_thread(|| {
        let (kept, mut freed): (Vec<_>, Vec<_>) = small_blocks(&alloc, 8 * MIB)
            .into_iter()
            .chain(large_blocks(&alloc, 8))
            .partition(|block| block.start().addr() >> 12 & 3 == 0);
        free_all(&alloc, freed.drain(..));
        alloc.purge();
        let stats = alloc.stats();
        assert_eq!(resident_pages(&stats), stats.used_bytes);
        assert_eq!(stats.cached_bytes, 0);
        free_all(&alloc, kept);
    });
}

/// The blocks of another allocator stay as they are.
#[test]
fn dropped_allocators_leave_no_free_memory_behind() {
    let _turn = turn();
    let alloc = new_alloc();
    let (kept, before) = (small_blocks(&alloc, MIB), process_resident());
    for checked in kept.iter().take(100) {
        let brief = new_alloc().with_decay(Decay::Never);
        // In a thread that has a cache of `alloc`, and in one that gets a cache of `brief`.
        let blocks = large_blocks(&brief, 2);
        in_thread(|| {
            let more = large_blocks(&brief, 2);
            let small = small_blocks(&brief, MIB / 4);
            free_all(&brief, more.into_iter().chain(small));
        });
        free_all(&brief, blocks);
        drop(brief);
        checked.check(usize::MAX);
    }
    // 450 MiB have been in use.
    assert!(grown_since(before) < 60 * MIB, "{}", grown_since(before));
    free_all(&alloc, kept);
}

#[test]
fn dropped_allocators_leave_no_blocks_behind() {
    let _turn = turn();
    let before = process_resident();
    for _ in 0..50 {
        let brief = new_alloc();
        in_thread(|| drop((large_blocks(&brief, 3), small_blocks(&brief, MIB))));
    }
    // 200 MiB have never been freed.
    assert!(grown_since(before) < 50 * MIB, "{}", grown_since(before));
}

/// On Windows a block that was used before is written with zeros.
#[cfg(not(windows))]
#[test]
fn a_zeroed_block_takes_only_the_memory_that_is_touched() {
    let _turn = turn();
    let alloc = new_alloc();
    let size = if cfg!(target_pointer_width = "32") {
        128 * MIB
    } else {
        1024 * MIB
    };
    let layout = layout(size, 8);
    for _ in 0..5 {
        // SAFETY: the size is not zero; the block is given back with its layout.
        unsafe {
            let block = alloc.alloc_zeroed(layout);
            assert!(!block.is_null());
            assert_eq!(block.add(12_345).read(), 0);
            block.add(12_345).write(1);
            let before = process_resident();
            assert!(before < 300 * MIB, "{before}");
            alloc.dealloc(block, layout);
        }
    }
}

#[cfg(target_pointer_width = "64")]
#[test]
fn a_refused_request_reserves_no_address_space() {
    let _turn = turn();
    let alloc = OrionAlloc::new().with_first_zone(MIB);
    assert!(alloc.set_largest_block(usize::MAX));
    for _ in 0..10 {
        // More than any address space.
        // SAFETY: the size is not zero.
        assert!(unsafe { alloc.alloc(layout(1 << 60, 8)) }.is_null());
    }
    assert!(alloc.stats().reserved_bytes <= MIB);
}
