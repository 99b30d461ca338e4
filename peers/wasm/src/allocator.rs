//! The global allocator: the one whose feature is set, or else Rust's own.

#[cfg(feature = "orion")]
#[global_allocator]
static ALLOC: orionrt_alloc::WasmAlloc = orionrt_alloc::WasmAlloc::new();

#[cfg(feature = "talc")]
#[global_allocator]
static ALLOC: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

#[cfg(feature = "none")]
mod none {
    use std::{
        alloc::{GlobalAlloc, Layout},
        ptr,
    };

    struct Nothing;

    #[global_allocator]
    static ALLOC: Nothing = Nothing;

    // SAFETY: there are no blocks.
    unsafe impl GlobalAlloc for Nothing {
        unsafe fn alloc(&self, _: Layout) -> *mut u8 {
            ptr::null_mut()
        }

        unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}

        unsafe fn realloc(&self, _: *mut u8, _: Layout, _: usize) -> *mut u8 {
            ptr::null_mut()
        }
    }
}
