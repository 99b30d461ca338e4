//! Statistics for C: glibc's functions, and the report when the process exits.
//!
//! It runs outside of the allocation functions, so it may allocate.

use core::ffi::c_int;
use std::{fs::OpenOptions, io::Write, path::Path, process, string::String};

use crate::{
    heap::HEAP,
    process_recording, recorder,
    settings::{are_read, is_privileged, stats_target},
};

/// `malloc_trim(keep)`: gives free memory back to the system; 1 if there was any.
#[unsafe(no_mangle)]
pub extern "C" fn malloc_trim(_keep: usize) -> c_int {
    c_int::from(HEAP.purge() > 0)
}

/// `mallopt(parameter, value)`: accepted, without effect.
#[unsafe(no_mangle)]
pub extern "C" fn mallopt(_parameter: c_int, _value: c_int) -> c_int {
    1
}

/// `malloc_stats()`: the statistics, on standard error.
#[unsafe(no_mangle)]
pub extern "C" fn malloc_stats() {
    // Nobody could be told of an error.
    let _ = std::io::stderr().write_all(report().as_bytes());
}

/// `mallinfo2()`: `arena` is what may be resident, `hblkhd` large blocks, `uordblks` what the
/// program has, `fordblks` what is free but not given back, `usmblks` the peak of pages in use.
#[unsafe(no_mangle)]
pub extern "C" fn mallinfo2() -> libc::mallinfo2 {
    let stats = HEAP.stats();
    libc::mallinfo2 {
        arena: stats.resident_bytes,
        ordblks: stats.classes.iter().map(|class| class.free).sum(),
        smblks: 0,
        hblks: 0,
        hblkhd: stats.large_bytes,
        usmblks: stats.peak_bytes,
        fsmblks: stats.cached_bytes,
        uordblks: stats.live_bytes,
        fordblks: stats.resident_bytes.saturating_sub(stats.live_bytes),
        keepcost: 0,
    }
}

/// `mallinfo()`: `mallinfo2` in numbers that may be too small, then the largest.
#[unsafe(no_mangle)]
pub extern "C" fn mallinfo() -> libc::mallinfo {
    let all = mallinfo2();
    let int = |bytes: usize| c_int::try_from(bytes).unwrap_or(c_int::MAX);
    libc::mallinfo {
        arena: int(all.arena),
        ordblks: int(all.ordblks),
        smblks: int(all.smblks),
        hblks: int(all.hblks),
        hblkhd: int(all.hblkhd),
        usmblks: int(all.usmblks),
        fsmblks: int(all.fsmblks),
        uordblks: int(all.uordblks),
        fordblks: int(all.fordblks),
        keepcost: int(all.keepcost),
    }
}

/// The statistics as text for people.
fn report() -> String {
    std::format!(
        "orionrt: process {}, {}\n{}\n",
        process::id(),
        command(),
        HEAP.stats()
    )
}

/// The statistics as one line of JSON.
fn report_as_json() -> String {
    let mut name = String::new();
    for character in command().chars() {
        match character {
            '"' | '\\' => name.extend(['\\', character]),
            ..' ' => name.push('?'),
            _ => name.push(character),
        }
    }
    let (process, stats) = (process::id(), HEAP.stats());
    let stats = stats.json();
    std::format!("{{\"process\":{process},\"command\":\"{name}\",\"statistics\":{stats}}}\n")
}

/// The program, as it was called.
fn command() -> String {
    let name = std::env::args_os().next().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Called when the process exits, after the program's own `atexit` functions.
extern "C" fn at_exit() {
    if !are_read() {
        // Settings are read by the first allocation, which this is.
        // SAFETY: a block that was allocated, or null.
        unsafe { HEAP.free(HEAP.allocate(1)) };
    }
    if let Some(Ok(target)) = stats_target().map(core::str::from_utf8) {
        write(target);
    }
    recorder::write_modules();
    // Last, so that it is the end also of what the report allocates.
    process_recording::end();
}

#[used]
#[unsafe(link_section = ".fini_array")]
static AT_EXIT: extern "C" fn() = at_exit;

/// Writes the report to standard error, or at the end of a file, at once, so that those of several
/// processes do not mix.
fn write(target: &str) {
    if target == "exit" {
        return malloc_stats();
    }
    // A privileged program must not write where whoever starts it says.
    if target.is_empty() || is_privileged() {
        return;
    }
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .open(Path::new(target));
    let text = if target.ends_with(".json") {
        report_as_json()
    } else {
        report()
    };
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    if let Err(error) = written {
        let parts = ["orionrt: ", target, ": ", &std::format!("{error}"), "\n"];
        orionrt_sys::process::warn(&parts);
    }
}
