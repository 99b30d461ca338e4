//! OrionRT as the global allocator of every program that links this crate: `extern crate orionrt_inject as _;`.
//!
//! Where [`REPORT`] names a file, each such program appends a line to it as it exits: how many allocations
//! OrionRT has served, a space, and the program's path. A program that ran on another allocator leaves no line.

use std::{env, fs::File, io::Write};

use orionrt::OrionAlloc;

/// The program's allocator.
#[global_allocator]
pub static ALLOC: OrionAlloc = OrionAlloc::new();

/// The environment variable with the path of the report.
pub const REPORT: &str = "ORIONRT_INJECT_REPORT";

// SAFETY: `.fini_array` holds pointers to functions that the C library calls at exit, with no arguments.
#[used]
#[unsafe(link_section = ".fini_array")]
static AT_EXIT: extern "C" fn() = report;

/// Allocates on purpose: the allocator must serve after `main` too. A line that cannot be written is missed by
/// whoever reads the report.
extern "C" fn report() {
    let (Some(path), Ok(program)) = (env::var_os(REPORT), env::current_exe()) else {
        return;
    };
    let line = format!("{} {}\n", ALLOC.stats().allocations, program.display());
    if let Ok(mut file) = File::options().create(true).append(true).open(path) {
        file.write_all(line.as_bytes()).ok();
    }
}
