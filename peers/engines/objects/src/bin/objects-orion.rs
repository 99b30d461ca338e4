//! The programs of many small objects on `OrionAlloc`.

use std::process::ExitCode;

use orionrt::OrionAlloc;

#[global_allocator]
static ALLOC: OrionAlloc = OrionAlloc::new();

fn main() -> ExitCode {
    orionrt_engines::plain(orionrt_engines_objects::load)
}
