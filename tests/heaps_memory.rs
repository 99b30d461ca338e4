//! `OrionHeap` and the system: what a heap had goes back whole, by what the kernel says; and when
//! the system refuses memory, that is an error and the heap goes on.
//!
//! What the kernel says is a number for the whole process, so one test looks at it, in a process of
//! its own.

use std::time::Duration;

use allocator_api2::boxed::Box;
use orionrt::{OrionAlloc, OrionHeap, heap::Decay};
use orionrt_sys::mapping::faults;
use orionrt_testing::{
    arena_blocks::MarkedBlock, blocks::layout, children::in_child,
    process_memory::process_resident, random::Random,
};

const MIB: usize = 1 << 20;

/// Leaks blocks of many sizes, at least `bytes` in all, and touches them.
fn leak(heap: &OrionHeap<'_>, bytes: usize) {
    let mut random = Random(1);
    while heap.stats().live_bytes < bytes {
        let layout = layout(random.log_uniform(16, 200_000), 8);
        MarkedBlock::allocate(&heap, layout, false, 1).unwrap();
    }
}

#[test]
fn a_dropped_heap_leaves_nothing_resident() {
    if !in_child("a_dropped_heap_leaves_nothing_resident") {
        return;
    }
    let alloc = OrionAlloc::new().with_decay(Decay::After(Duration::ZERO));
    let kept = alloc.new_heap().unwrap();
    leak(&kept, 4 * MIB);
    let before = process_resident();
    let mut heap = alloc.new_heap().unwrap();
    for _ in 0..3 {
        leak(&heap, 64 * MIB);
        assert!(process_resident() >= before + 60 * MIB);
        heap.reset();
        assert!(process_resident() <= before + 4 * MIB);
    }
    leak(&heap, 64 * MIB);
    drop(heap);
    assert!(process_resident() <= before + 4 * MIB);
    let small: Vec<_> = (0..1000)
        .map(|_| {
            let heap = alloc.new_heap().unwrap();
            leak(&heap, 100_000);
            heap
        })
        .collect();
    assert!(process_resident() >= before + 95 * MIB);
    drop(small);
    assert!(process_resident() <= before + 4 * MIB);
}

/// Makes heaps and uses them; returns how often that was refused.
fn scenario(alloc: &OrionAlloc) -> usize {
    let mut refused = 0;
    for _ in 0..2 {
        let Ok(mut heap) = alloc.new_heap() else {
            refused += 1;
            continue;
        };
        for size in [1, 5000, 32 << 10, 300 << 10] {
            let mut live = Vec::new();
            for is_zeroed in [false, true] {
                let layout = layout(size, 8);
                match MarkedBlock::allocate(&&heap, layout, is_zeroed, 1) {
                    Ok(block) => live.push(block),
                    Err(_) => refused += 1,
                }
            }
            for mut block in live {
                let grown = block.resize(&&heap, layout(2 * size + 1, 8), true, 2);
                refused += usize::from(grown.is_err());
                block.check();
                let shrunk = block.resize(&&heap, layout(size.div_ceil(3), 8), false, 3);
                refused += usize::from(shrunk.is_err());
                block.check();
            }
        }
        heap.reset();
        assert_eq!(heap.stats().used_bytes, 0);
        refused += usize::from(Box::try_new_in(1u8, &heap).is_err());
    }
    let stats = alloc.stats();
    assert_eq!((stats.heaps, stats.heap_bytes, stats.live_bytes), (0, 0, 0));
    refused
}

#[test]
fn heaps_work_again_after_any_system_call_was_refused() {
    for refuse_more in [false, true] {
        for call in 0.. {
            let alloc = OrionAlloc::new().with_first_zone(1 << 20);
            match refuse_more {
                false => faults::refuse_only(call),
                true => faults::refuse_after(Some(call)),
            }
            scenario(&alloc);
            let made = faults::calls_made();
            faults::refuse_after(None);
            assert_eq!(scenario(&alloc), 0, "call {call} refused before");
            if made <= call {
                break;
            }
        }
    }
}
