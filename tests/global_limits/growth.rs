//! A heap that has become large in small steps goes on growing once the system gives memory.

use std::alloc::{GlobalAlloc, Layout};

use orionrt::OrionAlloc;
use orionrt_sys::machine;
use orionrt_testing::{children::in_child, process_memory::process_reserved};

use crate::process::limit_address_space;

const KIB: usize = 1 << 10;

/// Allocates blocks of `size` until there is no memory, at most `most`; returns how many.
fn fill(
    alloc: &OrionAlloc,
    size: usize,
    most: usize,
    blocks: &mut Vec<(*mut u8, Layout)>,
) -> usize {
    let layout = Layout::from_size_align(size, 8).unwrap();
    for count in 0..most {
        // SAFETY: the size is not zero.
        let start = unsafe { alloc.alloc(layout) };
        if start.is_null() {
            return count;
        }
        // SAFETY: a block of this size.
        unsafe { start.write_bytes(1, size) };
        blocks.push((start, layout));
    }
    most
}

#[test]
fn growth_goes_on_after_many_small_zones() {
    if !in_child("growth::growth_goes_on_after_many_small_zones") {
        return;
    }
    let (alloc, mut blocks) = (OrionAlloc::new(), Vec::with_capacity(100_000));
    let mut small_steps = 0;
    for _ in 0..200 {
        limit_address_space(Some(process_reserved() + 600 * KIB));
        small_steps += usize::from(fill(&alloc, 40 * KIB, 1000, &mut blocks) > 0);
    }
    assert!(
        small_steps > 150,
        "{small_steps}: too few zones for this test"
    );
    limit_address_space(None);
    assert_eq!(fill(&alloc, 1 << 20, 1000, &mut blocks), 1000);
    assert_eq!(fill(&alloc, 100, 1000, &mut blocks), 1000);
    // The next zone was as large as if nothing had been refused before.
    let machine_zone = machine::reservation(64 << 30);
    assert!(
        alloc.stats().reserved_bytes >= machine_zone / 2,
        "{}",
        alloc.stats()
    );
    for (start, layout) in blocks {
        assert!(alloc.contains(start));
        // SAFETY: allocated with this layout.
        unsafe { alloc.dealloc(start, layout) };
    }
    assert_eq!(alloc.stats().live_bytes, 0);
    alloc.purge();
    assert_eq!(alloc.stats().used_bytes, 0);
}
