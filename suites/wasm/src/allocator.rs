//! The global allocator of the module, under random steps that the oracle of heaps judges, and at
//! the end of the memory. On the machine that builds this it is Rust's own, and has to pass, too.

use std::alloc::{GlobalAlloc, Layout, alloc, dealloc, realloc};

use orionrt_testing::{
    heap_oracle::{HeapOracle, Subject},
    random::Random,
};

#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOC: orionrt_alloc::WasmAlloc = orionrt_alloc::WasmAlloc::new();

/// The global allocator, which the oracle's own tables come from, too.
struct Global;

// SAFETY: the global allocator's calls, passed on.
unsafe impl GlobalAlloc for Global {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's duty.
        unsafe { alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's duty.
        unsafe { dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller's duty.
        unsafe { realloc(block, layout, new_size) }
    }
}

impl Subject for Global {}

/// Says what has been found; panics where something is wrong.
pub(crate) fn checked() -> String {
    let bytes = churned(1);
    let pages = memory_pages();
    // Steps of the same kind, in the memory that the first ones have left.
    for seed in 1..6 {
        churned(seed);
    }
    assert!(
        memory_pages() <= pages + pages / 8,
        "memory is not used again"
    );
    exhausted();
    format!("allocator: {bytes} {}", churned(2))
}

/// Takes random steps; returns the most bytes that were live.
fn churned(seed: u64) -> usize {
    let mut oracle = HeapOracle::new(&Global);
    let mut random = Random(seed);
    let mut most = 0;
    for _ in 0..20_000 {
        let index = random.below(300);
        let size = random.log_uniform(1, 100_000);
        if index >= oracle.len() {
            let align = 1 << [0, 2, 3, 4, 6, 12][random.below(6)];
            let layout = Layout::from_size_align(size, align).expect("small");
            assert!(oracle.allocate(layout, random.one_in(4)));
        } else if random.one_in(2) {
            oracle.resize(index, size);
        } else {
            oracle.free(index, true);
        }
        most = most.max(oracle.bytes());
    }
    oracle.check_all();
    oracle.free_all();
    most
}

/// Allocates until there is no memory: that is a null pointer and no trap, and all of the memory is
/// there again afterwards.
#[cfg(target_arch = "wasm32")]
fn exhausted() {
    let layout = Layout::from_size_align(512 << 20, 16).expect("half a gigabyte");
    let mut counts = [0; 2];
    for count in &mut counts {
        let mut blocks = Vec::new();
        loop {
            // SAFETY: the size is not zero.
            let block = unsafe { alloc(layout) };
            if block.is_null() {
                break;
            }
            // SAFETY: the first and the last byte of the block.
            unsafe {
                block.write(1);
                block.add(layout.size() - 1).write(1);
            }
            blocks.push(block);
        }
        *count = blocks.len();
        assert!(*count < 8, "more than 4 GiB");
        // SAFETY: a block, given up here.
        blocks
            .iter()
            .for_each(|&block| unsafe { dealloc(block, layout) });
    }
    assert_eq!(counts[0], counts[1]);
}

#[cfg(not(target_arch = "wasm32"))]
fn exhausted() {}

/// The pages of the module's memory; 0 where it has none.
fn memory_pages() -> usize {
    #[cfg(target_arch = "wasm32")]
    return core::arch::wasm32::memory_size::<0>();
    #[cfg(not(target_arch = "wasm32"))]
    0
}
