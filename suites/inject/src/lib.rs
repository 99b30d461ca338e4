//! OrionRT as the global allocator of every program that links this crate:
//! `extern crate orionrt_inject as _;`.
//!
//! If the environment variable [`REPORT`] names a file, each such program appends a line to it as
//! it exits: the number of allocations that OrionRT has served, a space, and the program's path. A
//! program that ran on another allocator leaves no line.

use std::{env, fs::File, io::Write};

use orionrt::OrionAlloc;

/// The program's allocator.
#[global_allocator]
pub static ALLOC: OrionAlloc = OrionAlloc::new();

/// The environment variable that holds the path of the report.
pub const REPORT: &str = "ORIONRT_INJECT_REPORT";

// SAFETY: `.fini_array` holds pointers to functions without arguments, which the C library calls at
// exit.
#[used]
#[unsafe(link_section = ".fini_array")]
static AT_EXIT: extern "C" fn() = report;

/// Writes the line. It allocates on purpose: the allocator must also serve after `main`. If the
/// line cannot be written, the reader of the report notices that it is missing.
extern "C" fn report() {
    let (Some(path), Ok(program)) = (env::var_os(REPORT), env::current_exe()) else {
        return;
    };
    let line = format!("{} {}\n", ALLOC.stats().allocations, program.display());
    if let Ok(mut file) = File::options().create(true).append(true).open(path) {
        file.write_all(line.as_bytes()).ok();
    }
}
