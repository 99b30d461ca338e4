//! The programs of many small objects replayed, on `OrionAlloc`.

use std::process::ExitCode;

use orionrt::{OrionAlloc, ReplayAlloc};

#[global_allocator]
static ALLOC: ReplayAlloc<OrionAlloc> = ReplayAlloc::new(OrionAlloc::new());

fn main() -> ExitCode {
    orionrt_engines::replayed(&ALLOC, orionrt_engines_objects::load)
}
