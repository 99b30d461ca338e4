//! The binary `orionrt`, on OrionRT's own global allocator.

use std::process::ExitCode;

#[cfg(all(feature = "engine", target_os = "linux"))]
#[global_allocator]
static ALLOC: orionrt_cli::Allocator = orionrt_cli::allocator();

#[cfg(all(not(feature = "engine"), target_os = "linux"))]
#[global_allocator]
static ALLOC: orionrt::OrionAlloc = orionrt_cli::own_heap();

fn main() -> ExitCode {
    orionrt_cli::main(
        #[cfg(all(feature = "engine", target_os = "linux"))]
        &ALLOC,
    )
}
