//! `capture` allocates nothing, whether what it needs is in the cache or not.
#![cfg(target_os = "linux")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: passes each call on.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOC: Counting = Counting;

#[inline(never)]
fn recurse(depth: usize, frames: &mut [usize]) -> usize {
    match depth {
        0 => orionrt_stack::capture(frames),
        _ => black_box(recurse)(depth - 1, frames) + black_box(0),
    }
}

#[test]
fn nothing_is_allocated() {
    orionrt_stack::prepare();
    let before = ALLOCATIONS.get();
    drop(black_box(Box::new(1)));
    assert_eq!(ALLOCATIONS.get(), before + 1, "the counter counts");

    let mut frames = [0; 128];
    let before = ALLOCATIONS.get();
    for depth in [0, 50, 50, 100] {
        let found = recurse(depth, &mut frames);
        assert!(cfg!(not(target_arch = "x86_64")) || cfg!(miri) || found > depth);
    }
    assert_eq!(ALLOCATIONS.get(), before);
}
