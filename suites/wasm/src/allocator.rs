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
    let bytes = [(); 2].map(|()| all_memory());
    assert!(bytes[0] >= LARGEST, "{} bytes in all", bytes[0]);
    assert_eq!(bytes[0], bytes[1]);
}

/// The size of the largest blocks that memory is exhausted by: half a gigabyte.
#[cfg(target_arch = "wasm32")]
const LARGEST: usize = 512 << 20;

/// What a block of [`all_memory`] begins with: there is no memory for a list of them elsewhere.
#[cfg(target_arch = "wasm32")]
struct Taken {
    before: *mut Taken,
    layout: Layout,
}

/// Allocates blocks of half a gigabyte until one is refused, then blocks of half of that, down to
/// the smallest; and frees them. Returns how many bytes they had.
#[cfg(target_arch = "wasm32")]
fn all_memory() -> usize {
    let (mut last, mut bytes) = (std::ptr::null_mut::<Taken>(), 0);
    let mut size = LARGEST;
    while size >= size_of::<Taken>() {
        let layout = Layout::from_size_align(size, 16).expect("at most half a gigabyte");
        // SAFETY: the size is not zero.
        let block = unsafe { alloc(layout) };
        if block.is_null() {
            size /= 2;
            continue;
        }
        assert!(
            block.addr().checked_add(size).is_some(),
            "a block ends where addresses do"
        );
        let before = last;
        last = block.cast();
        // SAFETY: the last byte of the block, and then its first ones.
        unsafe {
            block.add(size - 1).write(1);
            last.write(Taken { before, layout });
        }
        bytes += size;
    }
    while !last.is_null() {
        // SAFETY: a block that was taken above, given up here.
        unsafe {
            let Taken { before, layout } = last.read();
            dealloc(last.cast(), layout);
            last = before;
        }
    }
    bytes
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
