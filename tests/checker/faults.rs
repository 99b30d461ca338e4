//! A program with `OrionAlloc` as its global allocator that makes one fault, for memory checkers to
//! find. What a case does is all that touches memory wrongly.
//!
//! Every fault is undefined behaviour, which is why it is made through raw pointers, in functions
//! that are not inlined, by volatile accesses.

use core::{alloc::Layout, hint::black_box, ptr::NonNull};
use std::alloc::{GlobalAlloc, alloc, alloc_zeroed, dealloc, realloc};

use allocator_api2::{alloc::Allocator, vec::Vec as VecIn};
use orionrt::{
    Arena, GraphBuilder, OrionAlloc, OrionHeap, Planner, ReplayAlloc, TensorPool, slots::Slot,
};

#[global_allocator]
static ALLOC: OrionAlloc = OrionAlloc::new();

/// The variable of the environment that names the case.
pub(crate) const CASE: &str = "ORIONRT_TEST_FAULT";

macro_rules! cases {
    ($($name:ident => $function:ident),+ $(,)?) => {
        /// What the program does.
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub(crate) enum Case { $($name),+ }

        impl Case {
            #[allow(dead_code, reason = "one of the two checkers counts them")]
            pub(crate) const ALL: &[Case] = &[$(Case::$name),+];
        }

        /// Does what the name says.
        pub(crate) fn run(name: &str) {
            $(if name == stringify!($name) { return $function(); })+
            panic!("no case is called {name}");
        }
    };
}

cases! {
    Clean => clean,
    UseAfterFree => inject_use_after_free,
    LargeUseAfterFree => inject_large_use_after_free,
    Overrun => inject_overrun,
    OverrunIntoFreed => inject_overrun_into_freed,
    Uninitialised => inject_uninitialised,
    GrownUninitialised => inject_grown_uninitialised,
    ShrunkTail => inject_shrunk_tail,
    MovedByRealloc => inject_moved_by_realloc,
    Leak => inject_leak,
    LeakAfterCaching => inject_leak_after_caching,
    DoubleFree => inject_double_free,
    HeapUseAfterFree => inject_heap_use_after_free,
    HeapOverrun => inject_heap_overrun,
    HeapReset => inject_heap_reset,
    ArenaUseAfterFree => inject_arena_use_after_free,
    ArenaOverrun => inject_arena_overrun,
    SlotUseAfterFree => inject_slot_use_after_free,
    SlotOfAnother => inject_slot_of_another,
    SlotAfterTransfer => inject_slot_after_transfer,
    SlotUninitialised => inject_slot_uninitialised,
    ReplayUseAfterFree => inject_replay_use_after_free,
}

fn bytes(size: usize) -> Layout {
    Layout::from_size_align(size, 1).expect("small")
}

#[inline(never)]
fn read(start: *const u8) -> u8 {
    // SAFETY: mapped memory; whether it is valid is what the checker is to say.
    black_box(unsafe { start.read_volatile() })
}

#[inline(never)]
fn write(start: *mut u8) {
    // SAFETY: as above.
    unsafe { start.write_volatile(7) };
}

/// Lets the program's way depend on a byte.
#[inline(never)]
fn decide(byte: u8) {
    if byte == 77 {
        println!("seventy-seven");
    }
}

#[inline(never)]
fn get(size: usize) -> *mut u8 {
    // SAFETY: the size is not zero.
    unsafe { alloc(bytes(size)) }
}

#[inline(never)]
fn give_back(start: *mut u8, size: usize) {
    // SAFETY: from `get`.
    unsafe { dealloc(start, bytes(size)) };
}

#[inline(never)]
fn inject_use_after_free() {
    let block = get(100);
    give_back(block, 100);
    read(block);
}

#[inline(never)]
fn inject_large_use_after_free() {
    let block = get(1_000_000);
    write(block);
    give_back(block, 1_000_000);
    // The heap keeps the page.
    read(block);
}

#[inline(never)]
fn inject_overrun() {
    let block = get(100);
    // Rounded up to a class of 112 bytes.
    write(block.wrapping_add(100));
    give_back(block, 100);
}

#[inline(never)]
fn inject_overrun_into_freed() {
    let pair = [get(112), get(112)];
    let low = pair[0].min(pair[1]);
    let high = pair[0].max(pair[1]);
    give_back(high, 112);
    write(low.wrapping_add(112));
    give_back(low, 112);
}

#[inline(never)]
fn inject_uninitialised() {
    let block = get(100);
    decide(read(block));
    give_back(block, 100);
}

#[inline(never)]
fn inject_grown_uninitialised() {
    let block = get(100);
    // SAFETY: allocated by `get`.
    let block = unsafe {
        block.write_bytes(1, 100);
        realloc(block, bytes(100), 105)
    };
    decide(read(block));
    decide(read(block.wrapping_add(104)));
    give_back(block, 105);
}

#[inline(never)]
fn inject_shrunk_tail() {
    let block = get(108);
    // SAFETY: allocated by `get`.
    let block = unsafe { realloc(block, bytes(108), 100) };
    read(block.wrapping_add(104));
    give_back(block, 100);
}

#[inline(never)]
fn inject_moved_by_realloc() {
    let block = get(100_000);
    // SAFETY: allocated by `get`.
    let moved = unsafe {
        block.write_bytes(1, 100_000);
        realloc(block, bytes(100_000), 200_000)
    };
    decide(read(moved.wrapping_add(99_999)));
    read(block);
    give_back(moved, 200_000);
}

/// Overwrites what is left of earlier calls on the stack.
#[inline(never)]
fn clear_stack() {
    black_box([0u8; 16 << 10]);
}

#[inline(never)]
fn inject_leak() {
    // A few that are freed, so that the lost one is not the first of its span.
    let others = [get(100), get(100), get(100)];
    black_box(get(100));
    others.into_iter().for_each(|block| give_back(block, 100));
    clear_stack();
}

#[inline(never)]
fn inject_leak_after_caching() {
    // The lost block has been in caches, in the depot, and in the cache of another thread.
    for _ in 0..3 {
        let blocks: Vec<usize> = (0..300).map(|_| get(100).expose_provenance()).collect();
        let give_all = move || {
            for block in blocks {
                give_back(core::ptr::with_exposed_provenance_mut(block), 100);
            }
        };
        std::thread::spawn(give_all).join().expect("no panic");
    }
    ALLOC.purge();
    black_box(get(100));
    clear_stack();
}

#[inline(never)]
fn inject_double_free() {
    let block = get(100);
    give_back(block, 100);
    give_back(block, 100);
}

#[inline(never)]
fn inject_heap_use_after_free() {
    let heap = OrionHeap::new_in(&ALLOC).expect("there is memory");
    let block = (&heap).allocate(bytes(100)).expect("there is memory");
    // SAFETY: allocated in the line above.
    unsafe { (&heap).deallocate(block.cast(), bytes(100)) };
    read(block.cast().as_ptr());
}

#[inline(never)]
fn inject_heap_overrun() {
    let heap = OrionHeap::new_in(&ALLOC).expect("there is memory");
    let block = (&heap).allocate(bytes(100)).expect("there is memory");
    let start: NonNull<u8> = block.cast();
    write(start.as_ptr().wrapping_add(100));
}

#[inline(never)]
fn inject_heap_reset() {
    let mut heap = OrionHeap::new_in(&ALLOC).expect("there is memory");
    let block = (&heap).allocate(bytes(100)).expect("there is memory");
    // Its page stays in memory.
    let block = block.cast::<u8>().as_ptr();
    write(block);
    heap.reset();
    read(block);
}

#[inline(never)]
fn inject_arena_use_after_free() {
    let arena = Arena::builder().build().expect("there is memory");
    let block = arena.allocate(bytes(100)).expect("there is memory");
    // SAFETY: allocated in the line above.
    unsafe { arena.deallocate(block.cast(), bytes(100)) };
    read(block.cast().as_ptr());
}

#[inline(never)]
fn inject_arena_overrun() {
    let arena = Arena::builder().build().expect("there is memory");
    let block = arena.allocate(bytes(100)).expect("there is memory");
    // Rounded up to 128 bytes.
    write(block.cast::<u8>().as_ptr().wrapping_add(100));
    let _second = arena.allocate(bytes(100)).expect("there is memory");
}

/// A pool of `x`, which `y` is the second half of, and of `z`, for which there is the place of `x`.
fn pool() -> (TensorPool<Arena>, [orionrt::TensorId; 3]) {
    let mut g = GraphBuilder::new();
    let [x, y, z] = [("x", 2048), ("y", 1024), ("z", 2048)]
        .map(|(name, size)| g.tensor(name, Layout::from_size_align(size, 64).expect("small")));
    g.op("load").writes([x]);
    g.op("half").view(y, x, 1024);
    g.op("other").writes([z]).reads([y]);
    let graph = g.output(z).build().expect("valid");
    let plan = Planner::new().plan(&graph.lifetimes()).expect("it fits");
    let arena = Arena::builder().build().expect("there is memory");
    (TensorPool::new(arena, &plan).expect("it fits"), [x, y, z])
}

#[inline(never)]
fn inject_slot_use_after_free() {
    let (pool, [x, ..]) = pool();
    let tensor = pool.filled(x, 1u8).expect("free");
    let start = tensor.as_ptr();
    drop(tensor);
    read(start);
}

#[inline(never)]
fn inject_slot_of_another() {
    let (pool, [x, _, z]) = pool();
    let _tensor = pool.filled(x, 1u8).expect("free");
    read(pool.as_ptr(z).expect("it has bytes").as_ptr());
}

#[inline(never)]
fn inject_slot_after_transfer() {
    let (pool, [x, y, _]) = pool();
    let tensor = pool.filled(x, 1u8).expect("free");
    let start = tensor.as_ptr();
    let half = Slot::transfer(tensor, y)
        .map_err(|_| "not a part")
        .expect("a view");
    decide(half[0]);
    read(start);
}

#[inline(never)]
fn inject_slot_uninitialised() {
    let (pool, [x, ..]) = pool();
    drop(pool.filled(x, 1u8).expect("free"));
    let tensor = pool.uninit::<u8>(x).expect("free");
    decide(read(tensor.as_ptr().cast()));
}

/// Replays an iteration that allocates 4,000 bytes; says afterwards where they were.
fn replay(after: impl Fn(*mut u8)) {
    let replay = &ReplayAlloc::new(OrionAlloc::new());
    let layout = bytes(4000);
    let iterate = || {
        // SAFETY: the size is not zero, and the block is freed with its layout.
        unsafe {
            let block = replay.alloc(layout);
            block.write_bytes(1, 4000);
            replay.dealloc(block, layout);
            block
        }
    };
    let mut session = replay.session(Planner::new());
    let mut last = core::ptr::null_mut();
    for _ in 0..4 {
        last = session.run((), iterate).expect("it runs");
    }
    assert_eq!(session.report().keys[0].replayed, 3);
    after(last);
}

#[inline(never)]
fn inject_replay_use_after_free() {
    replay(|block| {
        read(block);
    });
}

/// Everything that is allowed, with all sizes, from several threads.
fn clean() {
    clean_global();
    for thread in [(); 2].map(|()| std::thread::spawn(clean_global)) {
        thread.join().expect("no panic");
    }
    clean_heaps();
    clean_arena();
    clean_slots();
    for _ in 0..2 {
        replay(|_| ());
    }
    ALLOC.purge();
    clean_global();
}

fn clean_global() {
    for round in 0..3 {
        let mut blocks = Vec::new();
        for size in [1, 8, 100, 1000, 5000, 32_768, 40_000, 300_000, 3_000_000] {
            let block = get(size);
            // SAFETY: allocated just now, of that size.
            unsafe { block.write_bytes(round, size) };
            decide(read(block.wrapping_add(size - 1)));
            // SAFETY: the size is not zero.
            let zeros = unsafe { alloc_zeroed(bytes(size)) };
            decide(read(zeros));
            decide(read(zeros.wrapping_add(size - 1)));
            blocks.push((block, size));
            blocks.push((zeros, size));
        }
        for (block, size) in blocks {
            // SAFETY: allocated with this size.
            let grown = unsafe { realloc(block, bytes(size), size * 2) };
            decide(read(grown.wrapping_add(size - 1)));
            write(grown.wrapping_add(size * 2 - 1));
            // SAFETY: as above.
            let shrunk = unsafe { realloc(grown, bytes(size * 2), size) };
            decide(read(shrunk.wrapping_add(size - 1)));
            give_back(shrunk, size);
        }
    }
}

fn clean_heaps() {
    let mut heap = OrionHeap::new_in(&ALLOC).expect("there is memory");
    for _ in 0..3 {
        let mut values = VecIn::new_in(&heap);
        for i in 0..20_000u64 {
            values.push(i);
        }
        values.shrink_to(100);
        decide(values[99] as u8);
        let zeros = (&heap)
            .allocate_zeroed(bytes(100_000))
            .expect("there is memory");
        decide(read(zeros.cast::<u8>().as_ptr().wrapping_add(99_999)));
        // Left to the heap.
        let mut small = VecIn::new_in(&heap);
        small.extend([1u8; 100]);
        decide(small.leak()[99]);
        drop(values);
        heap.reset();
    }
}

fn clean_arena() {
    for _ in 0..2 {
        let arena = Arena::builder()
            .capacity(4 << 20)
            .build()
            .expect("there is memory");
        arena.reserve(1 << 20).expect("there is memory");
        let mut values = VecIn::new_in(&arena);
        for i in 0..20_000u64 {
            values.push(i);
        }
        values.shrink_to(100);
        let zeros = arena
            .allocate_zeroed(bytes(100_000))
            .expect("there is memory");
        decide(read(zeros.cast::<u8>().as_ptr().wrapping_add(99_999)));
        decide(values[19_999] as u8);
        // SAFETY: allocated above.
        unsafe { arena.deallocate(zeros.cast(), bytes(100_000)) };
        drop(values);
        arena.purge().expect("a private mapping");
        black_box(arena.allocate(bytes(100)).expect("there is memory"));
    }
}

fn clean_slots() {
    let (pool, [x, y, z]) = pool();
    for _ in 0..2 {
        let tensor = pool.filled(x, 1u8).expect("free");
        let half = Slot::transfer(tensor, y)
            .map_err(|_| "not a part")
            .expect("a view");
        decide(half[1023]);
        drop(half);
        let other = pool.filled(z, 2u8).expect("free");
        decide(other[2047]);
    }
}
