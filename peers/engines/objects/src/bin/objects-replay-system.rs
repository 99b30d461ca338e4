//! The programs of many small objects replayed, on the system's heap.

use std::{alloc::System, process::ExitCode};

use orionrt::ReplayAlloc;

#[global_allocator]
static ALLOC: ReplayAlloc<System> = ReplayAlloc::new(System);

fn main() -> ExitCode {
    orionrt_engines::replayed(&ALLOC, orionrt_engines_objects::load)
}
