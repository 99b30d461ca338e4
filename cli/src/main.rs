//! The binary `orionrt`, on OrionRT's own global allocator.

use std::process::ExitCode;

/// Inference in a debug build takes half a second, and each needs what the one before has freed.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOC: orionrt::OrionAlloc =
    orionrt::OrionAlloc::new().with_decay(orionrt::Decay::After(std::time::Duration::from_secs(2)));

fn main() -> ExitCode {
    orionrt_cli::main()
}
