//! The heap when the system refuses: every system call in turn fails, alone or with all after it.
//!
//! It is used through [`OrionAlloc`]; the test program's own allocator is another one.

use core::{
    alloc::{GlobalAlloc, Layout},
    ptr::NonNull,
    sync::atomic::Ordering::Relaxed,
};
use std::vec::Vec;

#[cfg(all(target_os = "linux", not(feature = "hardened")))]
use super::zone_map::KIND_LOST;
use super::{Decay, OwnedHeap, heap::Heap, with_heaps_locked, zone_map::KIND_NONE};
#[cfg(all(feature = "hardened", feature = "profile"))]
use super::{hardened::FREED, sampling::Sampling, zone_map::KIND_OWNED_SAMPLED};
use crate::OrionAlloc;
use crate::arena::HugePages;
use orionrt_sys::mapping::faults;

/// Sizes and alignments: small, strictly aligned, large, and larger than what one commit asks for.
const SIZES: [(usize, usize); 9] = [
    (1, 1),
    (100, 8),
    (5000, 4096),
    (32 << 10, 16),
    (40 << 10, 8),
    (300 << 10, 64 << 10),
    (3 << 20, 8),
    (20 << 20, 64),
    (9000, 8),
];
/// Larger ones are allocated once in a scenario: most of its time is the kernel's, for their pages.
const LARGEST_OFTEN: usize = 4 << 20;
/// The blocks of a scenario in which nothing is refused.
const BLOCKS: usize = 3 * SIZES.len() - 2;

#[derive(Default)]
struct Held(Vec<(*mut u8, Layout)>);

impl Held {
    /// Allocates, and writes the first and the last byte; keeps nothing if there is no memory.
    fn allocate(&mut self, alloc: &OrionAlloc, layout: Layout, zeroed: bool) {
        // SAFETY: the size is not zero.
        let start = unsafe {
            if zeroed {
                alloc.alloc_zeroed(layout)
            } else {
                alloc.alloc(layout)
            }
        };
        if start.is_null() {
            return;
        }
        assert_eq!(start.addr() % layout.align(), 0);
        // SAFETY: allocated, of this size.
        unsafe {
            let last = start.add(layout.size() - 1);
            assert!(!zeroed || start.read() == 0 && last.read() == 0);
            last.write(2);
            start.write(1);
        }
        self.0.push((start, layout));
    }

    /// Resizes every block; a block that cannot be resized stays as it is.
    fn resize(&mut self, alloc: &OrionAlloc, factor: fn(usize) -> usize) {
        for (start, layout) in &mut self.0 {
            let size = factor(layout.size()).max(1);
            // SAFETY: allocated with this layout; the new size is not zero.
            let moved = unsafe { alloc.realloc(*start, *layout, size) };
            if !moved.is_null() {
                // SAFETY: the first byte was written before.
                assert_eq!(unsafe { moved.read() }, 1);
                let align = layout.align();
                (*start, *layout) = (moved, Layout::from_size_align(size, align).expect("valid"));
            }
        }
    }

    fn release(&mut self, alloc: &OrionAlloc) {
        for (start, layout) in self.0.drain(..) {
            // SAFETY: allocated with this layout, given back once; the first byte was written.
            unsafe {
                assert_eq!(start.read(), 1);
                alloc.dealloc(start, layout);
            }
        }
    }
}

/// Allocates, resizes, purges and frees; returns how many blocks were allocated at first.
fn scenario(alloc: &OrionAlloc) -> usize {
    let mut held = Held::default();
    for round in 0..3 {
        let often = |&(size, _): &(usize, usize)| round == 1 || size <= LARGEST_OFTEN;
        for (size, align) in SIZES.into_iter().filter(often) {
            let layout = Layout::from_size_align(size, align).expect("valid");
            held.allocate(alloc, layout, round == 1);
        }
    }
    let had = held.0.len();
    held.resize(alloc, |size| 2 * size + 1);
    alloc.purge();
    held.resize(alloc, |size| size / 3);
    held.release(alloc);
    alloc.purge();
    assert_eq!(alloc.stats().live_bytes, 0);
    had
}

fn refuse_each_call(refuse: fn(usize), huge_pages: HugePages) {
    for call in 0.. {
        let alloc = OrionAlloc::new()
            .with_first_zone(8 << 20)
            .with_huge_pages(huge_pages);
        refuse(call);
        scenario(&alloc);
        let made = faults::calls_made();
        faults::refuse_after(None);
        assert_eq!(scenario(&alloc), BLOCKS, "call {call} refused before");
        if made <= call {
            return;
        }
    }
}

#[test]
fn after_any_call_and_all_later_ones_failed_the_heap_works_again() {
    refuse_each_call(
        |call| faults::refuse_after(Some(call)),
        HugePages::OnRequest,
    );
}

#[test]
fn after_any_single_call_failed_the_heap_works_again() {
    refuse_each_call(faults::refuse_only, HugePages::Always);
}

#[test]
fn after_many_failed_attempts_to_grow_the_heap_grows() {
    for calls in 0..12 {
        let alloc = OrionAlloc::new().with_first_zone(8 << 20);
        for _ in 0..60 {
            faults::refuse_after(Some(calls));
            let mut held = Held::default();
            let layout = Layout::from_size_align(3 << 20, 8).expect("valid");
            held.allocate(&alloc, layout, false);
            held.release(&alloc);
            alloc.purge();
        }
        faults::refuse_after(None);
        assert_eq!(scenario(&alloc), BLOCKS, "{calls} calls");
    }
}

/// Has a block move by remapping, with a refusal of the second step and of the repair; returns the
/// bytes that are lost then.
#[cfg(all(target_os = "linux", not(feature = "hardened")))]
fn lose_a_target(heap: &'static Heap, first_refused: usize) -> usize {
    let layout = |size| Layout::from_size_align(size, 4096).expect("valid");
    let (old, new) = (layout(2 << 20), layout(3 << 20));
    let block = heap.allocate_large(old).expect("memory").start;
    let barrier = heap.allocate_large(layout(40 << 10)).expect("memory").start;
    // SAFETY: a block of this size.
    unsafe { block.write_bytes(7, old.size()) };
    faults::refuse_after(Some(first_refused));
    let moved = heap.resize(block.as_ptr(), old, new);
    faults::refuse_after(None);
    let lost = heap.stats().lost_bytes;
    let now = match moved {
        Ok(Some(moved)) => (moved, new),
        _ => (block, old),
    };
    // SAFETY: the block has kept its bytes wherever it is.
    assert_eq!(unsafe { now.0.add(old.size() - 1).read() }, 7);
    for (start, layout) in [now, (barrier, layout(40 << 10))] {
        heap.release_large(start.as_ptr(), layout).expect("a block");
    }
    lost
}

/// Allocates blocks until the first zone is full, and touches all of them.
#[cfg(all(target_os = "linux", not(feature = "hardened")))]
fn fill_first_zone(heap: &'static Heap) -> usize {
    let first = heap.registry.iter().next().expect("a zone");
    let layout = Layout::from_size_align(64 << 10, 4096).expect("valid");
    let mut bytes = 0;
    while let Some(block) = heap.allocate_large(layout) {
        let Some(page) = first.page_of(block.start.as_ptr()) else {
            break;
        };
        let kinds = (page..page + 16).map(|page| first.kind(page));
        assert!(kinds.into_iter().all(|kind| kind != KIND_LOST));
        // SAFETY: a block of this size.
        unsafe { block.start.write_bytes(1, layout.size()) };
        bytes += layout.size();
    }
    bytes
}

#[test]
#[cfg(all(target_os = "linux", not(feature = "hardened")))]
fn pages_that_a_refused_move_has_lost_are_never_handed_out() {
    let mut losses = 0;
    for first_refused in 0..6 {
        let config = OrionAlloc::new().with_first_zone(16 << 20).config;
        let heap = with_heaps_locked(|| Heap::create(config)).expect("memory");
        let lost = lose_a_target(heap, first_refused);
        losses += usize::from(lost == 2 << 20);
        if lost > 0 {
            // After a loss, blocks are copied, and nothing more is lost.
            assert_eq!(lose_a_target(heap, first_refused), lost);
        }
        let filled = fill_first_zone(heap);
        assert_eq!(filled, (16 << 20) - lost, "from call {first_refused} on");
        assert_eq!(heap.stats().lost_bytes, lost);
        heap.retire();
    }
    assert_eq!(losses, 1, "the second step alone loses its target");
}

/// A heap that gives nothing back by itself and has at most 64 MiB.
fn limited() -> &'static Heap {
    let alloc = OrionAlloc::new().with_decay(Decay::Never);
    with_heaps_locked(|| Heap::create(alloc.with_limit(64 << 20).config)).expect("memory")
}

/// A heap in `heap`, in a block of it.
fn owned_in(heap: &'static Heap) -> NonNull<OwnedHeap> {
    let memory = heap.allocate_large(Layout::from_size_align(40 << 10, 4096).expect("valid"));
    // SAFETY: a block that is large enough and aligned to a page.
    unsafe { heap.open_owned_heap(memory.expect("memory").start) }
}

#[test]
fn an_empty_span_loses_its_kind_before_its_heap_is_unlocked() {
    let heap = limited();
    // SAFETY: never closed.
    let owned = unsafe { owned_in(heap).as_ref() };
    let layout = Layout::from_size_align(5000, 8).expect("valid");
    let block = heap.allocate_owned(owned, layout).expect("memory");
    let (map, page) = heap.registry.find(block.as_ptr()).expect("a zone");
    // SAFETY: allocated with this layout.
    unsafe { heap.release_owned(owned, block, layout) }.expect("a block");
    assert_ne!(map.kind(page), KIND_NONE);
    let used = heap.stats().used_bytes;
    let mut taken = heap.take_empty_owned();
    assert_eq!(map.kind(page), KIND_NONE);
    // SAFETY: its span is in nobody's list, so that it is no block any more.
    assert!(unsafe { heap.release_owned(owned, block, layout) }.is_err());
    assert_eq!(heap.stats().used_bytes, used);
    heap.free_taken(&mut taken);
    assert!(heap.stats().used_bytes < used);
    heap.retire();
}

#[test]
fn heaps_are_asked_for_empty_spans_only_if_one_may_have_some() {
    let heap = limited();
    // SAFETY: never closed.
    let owned = unsafe { owned_in(heap).as_ref() };
    let layout = Layout::from_size_align(64, 8).expect("valid");
    let block = heap.allocate_owned(owned, layout).expect("memory");
    assert!(!heap.has_empty_owned.load(Relaxed) && !heap.trim_owned());
    // SAFETY: allocated with this layout.
    unsafe { heap.release_owned(owned, block, layout) }.expect("a block");
    assert!(heap.has_empty_owned.load(Relaxed) && heap.trim_owned());
    assert!(!heap.has_empty_owned.load(Relaxed) && !heap.trim_owned());
    heap.retire();
}

#[test]
fn a_block_that_cycles_near_the_limit_stays_in_memory() {
    let heap = limited();
    let layout = Layout::from_size_align(40 << 20, 4096).expect("valid");
    for round in 0..5 {
        let block = heap.allocate_large(layout).expect("memory");
        let is_kept = block.zero_from >= layout.size();
        assert_eq!(is_kept, round > 0, "round {round}");
        heap.release_large(block.start.as_ptr(), layout)
            .expect("a block");
    }
    heap.retire();
}

/// On Windows, memory that is given back is written with zeros first, also where blocks have guard
/// pages.
#[test]
fn an_allocator_may_go_while_large_blocks_are_in_use() {
    let heap = limited();
    // SAFETY: never closed.
    let owned = unsafe { owned_in(heap).as_ref() };
    let layout = Layout::from_size_align(3 << 20, 4096).expect("valid");
    heap.allocate_large(layout).expect("memory");
    heap.allocate_owned(owned, layout).expect("memory");
    assert!(heap.stats().used_bytes > 6 << 20);
    heap.retire();
    assert_eq!(heap.stats().heaps, 0);
}

#[test]
#[cfg(all(feature = "hardened", feature = "profile"))]
fn a_sampled_object_of_a_heap_is_filled_when_it_is_freed() {
    let alloc = OrionAlloc::new().with_profile(Sampling::every(1));
    let heap = with_heaps_locked(|| Heap::create(alloc.config)).expect("memory");
    // SAFETY: never closed.
    let owned = unsafe { owned_in(heap).as_ref() };
    let layout = Layout::from_size_align(5000, 8).expect("valid");
    let object = heap.allocate_owned(owned, layout).expect("memory");
    let (map, page) = heap.registry.find(object.as_ptr()).expect("a zone");
    assert_eq!(map.kind(page), KIND_OWNED_SAMPLED);
    // SAFETY: allocated with this layout. Its pages are kept for the next sample, as they are.
    unsafe {
        object.write_bytes(1, layout.size());
        heap.release_owned(owned, object, layout).expect("a block");
        assert!((0..layout.size()).all(|at| object.add(at).read() == FREED));
    }
    heap.retire();
}

#[test]
fn a_heap_that_is_forgotten_is_not_counted_once_its_allocator_is_gone() {
    let heap = limited();
    owned_in(heap);
    assert_eq!(heap.stats().heaps, 1);
    heap.retire();
    assert_eq!(heap.stats().heaps, 0);
}
