//! The binary `orionrt`, on OrionRT's own global allocator.

use std::process::ExitCode;

#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOC: orionrt::OrionAlloc = orionrt::OrionAlloc::new();

fn main() -> ExitCode {
    orionrt_cli::main()
}
