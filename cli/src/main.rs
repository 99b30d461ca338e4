//! The binary `orionrt`, on OrionRT's own global allocator.

use std::process::ExitCode;

#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOC: orionrt_cli::Allocator = orionrt_cli::allocator();

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    orionrt_cli::main(&ALLOC)
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    orionrt_cli::main()
}
