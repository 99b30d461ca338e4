//! The programs of many small objects on the system's heap.

use std::{alloc::System, process::ExitCode};

#[global_allocator]
static ALLOC: System = System;

fn main() -> ExitCode {
    orionrt_engines::plain(orionrt_engines_objects::load)
}
