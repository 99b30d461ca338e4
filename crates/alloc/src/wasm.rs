//! [`WasmAlloc`]: a small global allocator for WebAssembly, over `memory.grow`.

use core::{
    alloc::{GlobalAlloc, Layout},
    arch::wasm32::{memory_grow, memory_size},
    cell::UnsafeCell,
    fmt, ptr,
};

use crate::growing::{GrowingHeap, GrowingMemory, MOST_UNITS, PAGE, UNIT};

/// A global allocator for WebAssembly without threads; const-constructed, and nothing happens
/// before its first use.
///
/// ```
/// use orionrt_alloc::WasmAlloc;
///
/// #[global_allocator]
/// static ALLOC: WasmAlloc = WasmAlloc::new();
///
/// let v = vec![1u8; 1000];
/// assert_eq!(v.len(), 1000);
/// ```
///
/// It needs neither `std` nor a port of `orionrt-sys`: with `default-features = false` nothing else
/// of this crate gets into the module. There is none for WebAssembly with threads (the target
/// feature `atomics`), where the name does not exist.
///
/// Blocks have no headers, and are multiples of 16 bytes; a table of where free runs are takes
/// about 1 % more. Freed blocks merge with what is free beside them, and are used again before the
/// memory grows; a block at the end of the memory grows without being copied where no free memory
/// would hold it. Memory never goes back to the host: WebAssembly has no way to do that.
///
/// # Out of memory
///
/// Where the host or the module's maximum allows no more memory, the pointer is null:
/// `Vec::try_reserve` returns an error, and `vec![..]` aborts as everywhere. The heap stays usable.
/// The last 64 KiB of 4 GiB are never lent: the end of a block has to be an address, too.
///
/// # Misuse
///
/// As with the allocator that Rust has for this target, freeing what is no block, or with another
/// layout, is undefined behaviour and is not noticed.
///
/// # Others in the same memory
///
/// Pages that somebody else grows, the host or another allocator, are never touched.
pub struct WasmAlloc {
    heap: UnsafeCell<GrowingHeap<LinearMemory>>,
}

// SAFETY: without the target feature `atomics` there are no threads, and nothing that the heap
// calls comes back to it.
unsafe impl Sync for WasmAlloc {}

impl WasmAlloc {
    /// An allocator without memory.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            heap: UnsafeCell::new(GrowingHeap::new(LinearMemory)),
        }
    }
}

impl Default for WasmAlloc {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for WasmAlloc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WasmAlloc").finish_non_exhaustive()
    }
}

// SAFETY: blocks are those of the heap, which are apart, aligned, and stay where they are. There is
// one thread, so each reference to the heap is the only one.
unsafe impl GlobalAlloc for WasmAlloc {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the only reference, see above.
        unsafe { (*self.heap.get()).allocate(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the only reference; the rest is the caller's duty.
        unsafe { (*self.heap.get()).free(block, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the only reference; the rest is the caller's duty.
        unsafe { (*self.heap.get()).resize(block, layout, new_size) }
    }
}

/// The module's memory; a unit's number is its address by units.
struct LinearMemory;

// SAFETY: a page that the host grants is new, zero and the caller's; it is never taken back. A
// unit's number is its address by units, both ways.
unsafe impl GrowingMemory for LinearMemory {
    fn end(&self) -> u32 {
        memory_size::<0>() as u32 * PAGE
    }

    fn grow(&mut self, pages: u32) -> bool {
        // Not the last page of 4 GiB: a block there would end at address 2^32, and what is behind
        // its last byte would be null.
        self.end() + pages * PAGE < MOST_UNITS && memory_grow::<0>(pages as usize) != usize::MAX
    }

    #[inline]
    fn pointer(&self, unit: u32) -> *mut u8 {
        ptr::with_exposed_provenance_mut(unit as usize * UNIT)
    }

    #[inline]
    fn unit(&self, pointer: *mut u8) -> u32 {
        (pointer.expose_provenance() / UNIT) as u32
    }
}
