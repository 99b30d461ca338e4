//! The programs of many small objects replayed, on the system's heap, with all requests counted.

use std::{alloc::System, process::ExitCode};

use orionrt::ReplayAlloc;
use orionrt_engines::Counted;

#[global_allocator]
static ALLOC: Counted<ReplayAlloc<Counted<System>>> =
    Counted::new(ReplayAlloc::new(Counted::new(System)));

fn main() -> ExitCode {
    orionrt_engines::counted(&ALLOC, orionrt_engines_objects::load)
}
