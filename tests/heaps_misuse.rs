//! A block that is freed to the wrong heap, twice, or with another layout ends the process with a
//! message; a test starts itself again to see it.

use std::{
    alloc::{GlobalAlloc, Layout},
    process::Output,
    ptr::NonNull,
};

use allocator_api2::alloc::Allocator;
use orionrt::{OrionAlloc, OrionHeap};
use orionrt_testing::children::{has_aborted, this_program};

static ALLOC: OrionAlloc = OrionAlloc::new();

const PAGE: usize = 4096;
const KIND: &str = "ORIONRT_TEST_HEAP_MISUSE";
const MESSAGE: &str = "orionrt: invalid free";

fn bytes(size: usize) -> Layout {
    Layout::from_size_align(size, 8).unwrap()
}

fn heap() -> OrionHeap<'static> {
    ALLOC.new_heap().unwrap()
}

fn allocate(heap: &OrionHeap<'_>, size: usize) -> NonNull<u8> {
    heap.allocate(bytes(size)).unwrap().cast()
}

/// Frees an address that need not be a block: the heap has to notice.
fn release(heap: &OrionHeap<'_>, block: NonNull<u8>, size: usize) {
    // SAFETY: broken on purpose, in a process of its own that ends here.
    unsafe { heap.deallocate(block, bytes(size)) };
}

fn resize(heap: &OrionHeap<'_>, block: NonNull<u8>, old: usize, new: usize) {
    // SAFETY: as in `release`.
    let _ = unsafe { heap.grow(block, bytes(old), bytes(new)) };
}

/// A block of the allocator itself.
fn of_allocator(size: usize) -> NonNull<u8> {
    // SAFETY: the size is not zero.
    NonNull::new(unsafe { ALLOC.alloc(bytes(size)) }).unwrap()
}

fn release_to_allocator(block: NonNull<u8>, size: usize) {
    // SAFETY: as in `release`.
    unsafe { ALLOC.dealloc(block.as_ptr(), bytes(size)) };
}

fn inside(block: NonNull<u8>, offset: usize) -> NonNull<u8> {
    // SAFETY: within the block.
    unsafe { block.add(offset) }
}

type Case = (&'static str, fn());

const CASES: &[Case] = &[
    ("small, to another heap", || {
        let (one, other) = (heap(), heap());
        allocate(&other, 100);
        release(&other, allocate(&one, 100), 100);
    }),
    ("large, to another heap", || {
        let (one, other) = (heap(), heap());
        release(&other, allocate(&one, 100_000), 100_000);
    }),
    ("small, to a heap of another allocator", || {
        let (one, other) = (heap(), OrionHeap::new().unwrap());
        allocate(&other, 100);
        release(&other, allocate(&one, 100), 100);
    }),
    ("small, to the allocator", || {
        release_to_allocator(allocate(&heap(), 100), 100)
    }),
    ("large, to the allocator", || {
        release_to_allocator(allocate(&heap(), 100_000), 100_000)
    }),
    ("resized by the allocator", || {
        // SAFETY: as in `release`.
        unsafe { ALLOC.realloc(allocate(&heap(), 100).as_ptr(), bytes(100), 1000) };
    }),
    ("large, resized by the allocator", || {
        let block = allocate(&heap(), 100_000);
        // SAFETY: as in `release`.
        unsafe { ALLOC.realloc(block.as_ptr(), bytes(100_000), 200_000) };
    }),
    ("small, of the allocator", || {
        release(&heap(), of_allocator(100), 100)
    }),
    ("large, of the allocator", || {
        release(&heap(), of_allocator(100_000), 100_000)
    }),
    ("of std's", || {
        let block = Box::leak(vec![0u8; 100].into_boxed_slice());
        release(&heap(), NonNull::from(&mut block[0]), 100);
    }),
    ("small twice", || {
        let heap = heap();
        let block = allocate(&heap, 100);
        allocate(&heap, 100);
        release(&heap, block, 100);
        release(&heap, block, 100);
    }),
    ("the only small one twice", || {
        let heap = heap();
        let block = allocate(&heap, 100);
        release(&heap, block, 100);
        release(&heap, block, 100);
    }),
    ("a whole span twice", || {
        let heap = heap();
        let block = allocate(&heap, 32 << 10);
        release(&heap, block, 32 << 10);
        release(&heap, block, 32 << 10);
    }),
    ("large twice", || {
        let heap = heap();
        let block = allocate(&heap, 100_000);
        release(&heap, block, 100_000);
        release(&heap, block, 100_000);
    }),
    ("one byte into small", || {
        let heap = heap();
        release(&heap, inside(allocate(&heap, 100), 1), 100);
    }),
    ("the middle of small", || {
        let heap = heap();
        release(&heap, inside(allocate(&heap, 1000), 512), 1000);
    }),
    ("a page into large", || {
        let heap = heap();
        release(
            &heap,
            inside(allocate(&heap, 100_000), PAGE),
            100_000 - PAGE,
        );
    }),
    ("of the next class", || {
        let heap = heap();
        release(&heap, allocate(&heap, 100), 120);
    }),
    ("large with a page more", || {
        let heap = heap();
        release(&heap, allocate(&heap, 100_000), 100_000 + PAGE);
    }),
    ("small as large", || {
        let heap = heap();
        release(&heap, allocate(&heap, 100), 100_000);
    }),
    ("large as small", || {
        let heap = heap();
        release(&heap, allocate(&heap, 100_000), 100);
    }),
    ("after the heap was dropped", || {
        let heap = heap();
        let block = allocate(&heap, 100);
        drop(heap);
        release(&self::heap(), block, 100);
    }),
    ("after the heap was reset", || {
        let mut heap = heap();
        let block = allocate(&heap, 100);
        heap.reset();
        release(&heap, block, 100);
    }),
    ("resized: of another heap", || {
        let (one, other) = (heap(), heap());
        resize(&other, allocate(&one, 100), 100, 1000);
    }),
    ("resized in its class: of another heap", || {
        let (one, other) = (heap(), heap());
        resize(&other, allocate(&one, 100), 100, 101);
    }),
    ("resized: large, of another heap", || {
        let (one, other) = (heap(), heap());
        resize(&other, allocate(&one, 100_000), 100_000, 200_000);
    }),
];

/// Runs this test again, in a process that misuses a heap.
fn run(kind: &str) -> Output {
    this_program()
        .args([
            "--exact",
            "misuse_of_a_heap_ends_the_process_with_its_message",
            "--nocapture",
        ])
        .env(KIND, kind)
        .output()
        .unwrap()
}

/// What the process does that `run` has started.
fn misuse(kind: &str) {
    match CASES.iter().find(|case| case.0 == kind) {
        Some((_, misuse)) => misuse(),
        None => {
            let heap = heap();
            release(&heap, allocate(&heap, 100), 100);
        }
    }
}

#[test]
fn misuse_of_a_heap_ends_the_process_with_its_message() {
    if let Ok(kind) = std::env::var(KIND) {
        return misuse(&kind);
    }
    for (kind, _) in CASES {
        let child = run(kind);
        let text = String::from_utf8_lossy(&child.stderr);
        let said = format!("{kind}: {:?} {text}", child.status);
        assert!(has_aborted(child.status), "{said}");
        assert!(text.starts_with(MESSAGE), "{said}");
    }
    assert!(run("none").status.success());
}
