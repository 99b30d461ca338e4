//! The loads, for `compare.mjs` to call by their numbers.

use orionrt_wasm_allocators::LOADS;

/// How many loads there are.
#[unsafe(no_mangle)]
pub extern "C" fn count() -> usize {
    LOADS.len()
}

/// Where the name of a load begins.
#[unsafe(no_mangle)]
pub extern "C" fn name_start(load: usize) -> *const u8 {
    LOADS[load].name.as_ptr()
}

/// How long the name of a load is, in bytes.
#[unsafe(no_mangle)]
pub extern "C" fn name_length(load: usize) -> usize {
    LOADS[load].name.len()
}

/// Runs a load; returns how many operations that took.
#[unsafe(no_mangle)]
pub extern "C" fn run(load: usize) -> u32 {
    (LOADS[load].run)()
}
