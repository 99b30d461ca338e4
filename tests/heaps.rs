//! `OrionHeap`: what it offers, what it counts, and that it is dropped whole.
//!
//! The test program's own allocator is std's.

use std::{
    alloc::{GlobalAlloc, Layout},
    ptr::NonNull,
    thread,
};

use allocator_api2::{alloc::Allocator, boxed::Box, vec::Vec as HeapVec};
use orionrt::{OrionAlloc, OrionHeap, heap::OrionHeapStats};
use orionrt_testing::{
    arena_blocks::MarkedBlock,
    blocks::{Block, layout},
    random::Random,
};

const PAGE: usize = 4096;

/// An allocator whose zones fill up, so that heaps have pages in several.
fn small_zones() -> OrionAlloc {
    OrionAlloc::new().with_first_zone(1 << 20)
}

fn allocate(heap: &OrionHeap<'_>, layout: Layout) -> NonNull<u8> {
    heap.allocate(layout).expect("memory").cast()
}

#[test]
fn collections_live_in_a_heap() {
    let heap = OrionHeap::new().unwrap();
    let mut v: HeapVec<String, &OrionHeap> = HeapVec::new_in(&heap);
    v.extend((0..1000).map(|number| number.to_string()));
    let mut map = hashbrown::HashMap::new_in(&heap);
    map.extend(v.iter().map(|text| (text.as_str(), text.len())));
    assert_eq!((v[999].as_str(), map["999"]), ("999", 3));
    drop(map);
    drop(v);
    assert_eq!(heap.stats().live_bytes, 0);
}

#[test]
fn a_heap_may_move_and_be_sent_while_it_has_no_users() {
    let heap = OrionHeap::new().unwrap();
    Box::leak(Box::new_in([1u8; 1000], &heap));
    let heap = thread::spawn(move || {
        Box::leak(Box::new_in([2u8; 2000], &heap));
        std::boxed::Box::new(heap)
    });
    let heap = heap.join().unwrap();
    assert_eq!(heap.stats().requested_bytes, 3000);
}

#[test]
fn a_heap_counts_what_it_has() {
    let alloc = OrionAlloc::new();
    let heap = alloc.new_heap().unwrap();
    assert_eq!(heap.stats(), OrionHeapStats::default());
    let small = allocate(&heap, layout(100, 8));
    let large = allocate(&heap, layout(50_000, 8));
    let guard = if cfg!(feature = "hardened") { PAGE } else { 0 };
    let stats = heap.stats();
    assert_eq!((stats.allocations, stats.deallocations), (2, 0));
    assert_eq!(stats.requested_bytes, 50_100);
    assert_eq!(stats.large_bytes, 13 * PAGE + guard);
    assert_eq!(stats.live_bytes, stats.large_bytes + 112);
    assert_eq!((stats.spans, stats.large_blocks), (1, 1));
    assert!(stats.used_bytes > stats.live_bytes);

    let all = alloc.stats();
    assert_eq!((all.heaps, all.heap_bytes), (1, stats.used_bytes));
    // Two blocks, and the state of the heap.
    assert_eq!((all.allocations, all.deallocations), (3, 0));
    assert_eq!(all.large_bytes, stats.large_bytes);
    assert!(all.requested_bytes >= 50_100 && all.requested_bytes < 51_200);
    assert!(all.live_bytes - stats.live_bytes <= 1024, "a heap is small");

    // SAFETY: live blocks with their layouts; the new size is larger.
    unsafe {
        (&heap).deallocate(large, layout(50_000, 8));
        (&heap).grow(small, layout(100, 8), layout(110, 8)).unwrap();
    }
    let stats = heap.stats();
    assert_eq!((stats.allocations, stats.deallocations), (2, 1));
    assert_eq!((stats.requested_bytes, stats.live_bytes), (110, 112));
    assert_eq!((stats.large_bytes, stats.large_blocks), (0, 0));

    drop(heap);
    let all = alloc.stats();
    assert_eq!((all.heaps, all.heap_bytes, all.live_bytes), (0, 0, 0));
    assert_eq!((all.allocations, all.deallocations), (3, 3));
    assert_eq!((all.requested_bytes, all.large_bytes), (0, 0));
}

#[test]
fn dropping_a_heap_gives_back_what_was_leaked_and_nothing_else() {
    let alloc = small_zones();
    let kept = alloc.new_heap().unwrap();
    let mut random = Random(1);
    let mut blocks = Vec::new();
    let mut others: Vec<_> = (0..200)
        .map(|tag| Block::new(&alloc, random.layout(100_000), tag))
        .collect();
    for round in 0..20 {
        let heap = alloc.new_heap().unwrap();
        for mark in 0..200 {
            let layout = random.layout(100_000);
            MarkedBlock::allocate(&&heap, layout, false, 1).unwrap();
            let block = MarkedBlock::allocate(&&kept, layout, false, mark).unwrap();
            blocks.push(block);
        }
        others.swap_remove(random.below(others.len())).free(&alloc);
        others.push(Block::new(&alloc, random.layout(100_000), round));
        blocks.drain(..100).for_each(|block| block.free(&&kept));
        let before = alloc.stats();
        let held = heap.stats();
        drop(heap);
        let after = alloc.stats();
        assert_eq!(before.used_bytes - after.used_bytes, held.used_bytes);
        assert!(before.live_bytes - after.live_bytes >= held.live_bytes);
    }
    blocks.iter_mut().for_each(MarkedBlock::check);
    others.into_iter().for_each(|block| block.free(&alloc));
    drop(kept);
    alloc.purge();
    let stats = alloc.stats();
    assert_eq!((stats.heaps, stats.live_bytes), (0, 0));
    assert_eq!(
        stats.resident_bytes - stats.metadata_bytes,
        stats.used_bytes
    );
}

#[test]
fn a_heap_that_was_reset_is_as_new() {
    let alloc = OrionAlloc::new();
    let mut heap = alloc.new_heap().unwrap();
    for round in 1..=10 {
        for size in [1, 100, 5000, 32 << 10, 1 << 20] {
            allocate(&heap, layout(size, 8));
        }
        heap.reset();
        let stats = heap.stats();
        assert_eq!(
            (stats.allocations, stats.deallocations),
            (5 * round, 5 * round)
        );
        assert_eq!((stats.requested_bytes, stats.live_bytes), (0, 0));
        assert_eq!(
            (stats.used_bytes, stats.spans, stats.large_blocks),
            (0, 0, 0)
        );
        assert_eq!(alloc.stats().heap_bytes, 0);
    }
}

#[test]
fn ten_thousand_heaps_may_exist_at_once() {
    let alloc = OrionAlloc::new();
    let before = alloc.stats().live_bytes;
    let mut heaps: Vec<_> = (0..10_000).map(|_| alloc.new_heap().unwrap()).collect();
    let each = (alloc.stats().live_bytes - before) / heaps.len();
    assert!(each <= 1024, "{each} bytes each");
    let texts: Vec<_> = heaps
        .iter()
        .enumerate()
        .map(|(number, heap)| {
            let mut text = HeapVec::new_in(heap);
            text.extend(number.to_string().bytes());
            text
        })
        .collect();
    assert_eq!(alloc.stats().heaps, 10_000);
    for (number, text) in texts.iter().enumerate() {
        assert_eq!(&text[..], number.to_string().as_bytes());
    }
    drop(texts);
    Random(3).shuffle(&mut heaps);
    for left in (0..heaps.len()).rev() {
        heaps.pop();
        if left % 1000 == 0 {
            assert_eq!(alloc.stats().heaps, left);
        }
    }
    alloc.purge();
    assert_eq!(alloc.stats().used_bytes, 0);
}

#[test]
fn an_empty_span_stays_for_the_next_block_and_a_purge_takes_it() {
    let alloc = OrionAlloc::new();
    let heap = alloc.new_heap().unwrap();
    let blocks: Vec<_> = (0..10_000).map(|_| Box::new_in([0u8; 64], &heap)).collect();
    let spans = heap.stats().spans;
    drop(blocks);
    assert!(spans > 100 && heap.stats().spans == 1, "{spans}");
    for _ in 0..100 {
        drop(Box::new_in([0u8; 64], &heap));
        assert_eq!(heap.stats().spans, 1);
    }
    alloc.purge();
    assert_eq!((heap.stats().spans, heap.stats().used_bytes), (0, 0));
    drop(Box::new_in([0u8; 64], &heap));
}

/// Heaps are often made for the same work again and again. Their pages must not go back to the
/// system each time, only to be fetched again.
#[test]
fn pages_of_heaps_that_come_again_stay_resident() {
    let decay = orionrt::heap::Decay::After(std::time::Duration::from_secs(3600));
    let alloc = OrionAlloc::new().with_decay(decay);
    let mut kept = 0;
    for _ in 0..10 {
        let heap = alloc.new_heap().unwrap();
        for _ in 0..20_000 {
            Box::leak(Box::new_in([0u8; 64], &heap));
        }
        let used = heap.stats().used_bytes;
        drop(heap);
        let stats = alloc.stats();
        kept = stats.resident_bytes - stats.metadata_bytes - stats.used_bytes;
        assert!(kept <= used + (1 << 20));
    }
    assert!(kept >= 1 << 20, "{kept} bytes stay");
}

#[test]
fn blocks_without_bytes_and_strict_alignments_are_served() {
    let heap = OrionHeap::new().unwrap();
    for align in (0..=24).map(|shift| 1 << shift) {
        for size in [0, 1, 100, PAGE, 40_000] {
            let block = allocate(&heap, layout(size, align));
            assert_eq!(block.addr().get() % align, 0, "{size} {align}");
            // SAFETY: a live block with its layout.
            unsafe { (&heap).deallocate(block, layout(size, align)) };
        }
    }
    assert_eq!(heap.stats().live_bytes, 0);
}

#[test]
fn a_request_that_cannot_be_served_is_an_error_and_counted() {
    let alloc = OrionAlloc::new();
    let heap = alloc.new_heap().unwrap();
    let huge = layout(isize::MAX as usize & !63, 64);
    assert!((&heap).allocate(huge).is_err());
    assert!((&heap).allocate_zeroed(huge).is_err());
    let block = allocate(&heap, layout(50_000, 8));
    let huge = layout(isize::MAX as usize & !7, 8);
    // SAFETY: a live block with its layout, and a larger size; refused, it stays as it was.
    unsafe {
        assert!((&heap).grow(block, layout(50_000, 8), huge).is_err());
        (&heap).deallocate(block, layout(50_000, 8));
    }
    assert!(alloc.stats().failures >= 3);
    assert_eq!(heap.stats().live_bytes, 0);
}

#[test]
fn heaps_keep_to_the_limits_of_their_allocator() {
    let alloc = OrionAlloc::new()
        .with_limit(16 << 20)
        .with_largest_block(100_000);
    let mut heap = alloc.new_heap().unwrap();
    assert!((&heap).allocate(layout(110_000, 8)).is_err());
    for _ in 0..2 {
        let mut granted = 0;
        while (&heap).allocate(layout(30_000, 8)).is_ok() {
            granted += 30_000;
        }
        assert!((8 << 20..16 << 20).contains(&granted), "{granted}");
        assert!((&heap).allocate_zeroed(layout(30_000, 8)).is_err());
        heap.reset();
    }
    assert!(alloc.stats().failures >= 5);
    assert!(alloc.stats().peak_bytes <= 16 << 20);
}

#[test]
fn large_blocks_grow_in_place_where_there_is_room() {
    if cfg!(feature = "hardened") {
        return; // Guard pages are in the way.
    }
    let heap = OrionHeap::new().unwrap();
    let mut v: HeapVec<u64, &OrionHeap> = HeapVec::new_in(&heap);
    let (mut moves, mut at) = (0, v.as_ptr());
    for number in 0..4_000_000 {
        v.push(number);
        if v.as_ptr() != at {
            (moves, at) = (moves + 1, v.as_ptr());
        }
    }
    assert!(v.iter().copied().eq(0..4_000_000));
    assert!(moves <= 16, "moved {moves} times");
    v.truncate(10_000);
    v.shrink_to_fit();
    assert_eq!(heap.stats().live_bytes, 80_000usize.next_multiple_of(PAGE));
}

/// Heaps with an empty span of a few classes each: together more than 32 MiB.
fn heaps_with_empty_spans(alloc: &'static OrionAlloc) -> Vec<OrionHeap<'static>> {
    let heaps: Vec<_> = (0..500).map(|_| alloc.new_heap().unwrap()).collect();
    for heap in &heaps {
        for size in [16, 100, 700, 3000, 9000, 20_000, 32_000] {
            let block = allocate(heap, layout(size, 8));
            // SAFETY: a live block with its layout.
            unsafe { heap.deallocate(block, layout(size, 8)) };
        }
    }
    assert!(alloc.stats().used_bytes > 32 << 20, "{}", alloc.stats());
    heaps
}

#[test]
fn empty_spans_of_heaps_are_given_up_at_the_limit() {
    static ALLOC: OrionAlloc = OrionAlloc::new().with_limit(64 << 20);
    let heaps = heaps_with_empty_spans(&ALLOC);
    let big = allocate(&heaps[0], layout(32 << 20, 8));
    let stats = ALLOC.stats();
    assert_eq!((stats.failures, stats.failures_over_limit), (0, 0));
    assert!(stats.resident_bytes <= 64 << 20, "{stats}");
    // SAFETY: a live block with its layout.
    unsafe { (&heaps[0]).deallocate(big, layout(32 << 20, 8)) };
}

#[test]
fn empty_spans_of_heaps_are_given_up_for_a_block_that_grows() {
    static ALLOC: OrionAlloc = OrionAlloc::new().with_limit(64 << 20);
    let heaps = heaps_with_empty_spans(&ALLOC);
    let old = layout(24 << 20, 8);
    // SAFETY: the layout has a size.
    let block = unsafe { GlobalAlloc::alloc(&ALLOC, old) };
    // SAFETY: a live block with its layout.
    let grown = unsafe { GlobalAlloc::realloc(&ALLOC, block, old, 44 << 20) };
    assert!(!grown.is_null(), "{}", ALLOC.stats());
    assert_eq!(ALLOC.stats().failures, 0);
    // SAFETY: as above.
    unsafe { GlobalAlloc::dealloc(&ALLOC, grown, layout(44 << 20, 8)) };
    drop(heaps);
}

#[test]
fn empty_spans_of_heaps_are_given_up_for_small_blocks_of_the_allocator() {
    static ALLOC: OrionAlloc = OrionAlloc::new().with_limit(64 << 20);
    let heaps = heaps_with_empty_spans(&ALLOC);
    let small = layout(1024, 8);
    // SAFETY: the layout has a size.
    let allocate = |_| unsafe { GlobalAlloc::alloc(&ALLOC, small) };
    let blocks: Vec<_> = (0..56 << 10).map(allocate).collect();
    assert!(blocks.iter().all(|block| !block.is_null()));
    let stats = ALLOC.stats();
    assert_eq!((stats.failures, stats.failures_over_limit), (0, 0));
    assert!(stats.resident_bytes <= 64 << 20, "{stats}");
    for block in blocks {
        // SAFETY: a live block with its layout.
        unsafe { GlobalAlloc::dealloc(&ALLOC, block, small) };
    }
    drop(heaps);
}
