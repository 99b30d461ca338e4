//! Heap profiles of the process: when it exits, at intervals, on a signal, and when it asks.
//!
//! A signal handler only asks for a profile. It is written on the next slow path of an allocation
//! or release, in a file of its own, without allocating; the one at exit may allocate.
//!
//! Stands on [`profile_file`](crate::profile_file) and [`profile_report`](crate::profile_report).
//!
//! Invariant: `errno` stays what it was.

use core::{
    ffi::{CStr, c_int},
    sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
};

use orionrt_sys::process::warn;

use crate::{
    environment::{errno, set_errno},
    file_name::decimal,
    heap::HEAP,
    profile_file::{ProfileFile, path_of},
    profile_report::{base_of, live_at_exit},
    settings::profile_settings,
};

/// How many profiles have been written on the way, below the process that has written them.
static WRITTEN: AtomicU64 = AtomicU64::new(0);

/// The process that was started with the settings; a child that it forks is another one.
static STARTED: AtomicU32 = AtomicU32::new(0);

/// Writes a profile to a file, without allocating; `errno` says why that failed.
pub(crate) fn write_to(path: &CStr) -> bool {
    ProfileFile::create(path).is_some_and(|file| {
        let went_well = HEAP.write_profile(&mut |bytes| file.write(bytes));
        file.close() && went_well
    })
}

/// Called when the library is loaded, before the program's own initialisers.
extern "C" fn at_start() {
    // Settings are read when the heap is made, which this does if nothing was allocated so far.
    HEAP.set_profile_hook(on_the_way, None);
    let Some(settings) = profile_settings() else {
        return;
    };
    STARTED.store(std::process::id(), Relaxed);
    HEAP.prepare_profile();
    if !is_linked() {
        HEAP.hide_code_around(at_start as *const () as usize);
    }
    HEAP.set_profile_hook(on_the_way, settings.interval);
    if let Some(signal) = settings.signal {
        handle(signal);
    }
}

/// Whether this library is a part of the program, whose code is then all around it.
fn is_linked() -> bool {
    // SAFETY: always allowed.
    let entry = unsafe { libc::getauxval(libc::AT_ENTRY) } as usize;
    base_of(entry) == base_of(at_start as *const () as usize)
}

#[used]
#[unsafe(link_section = ".init_array")]
static AT_START: extern "C" fn() = at_start;

/// Has a signal ask for a profile.
fn handle(signal: c_int) {
    extern "C" fn asked(_: c_int) {
        HEAP.ask_for_profile();
    }
    // SAFETY: of numbers and pointers, for which zeros are a value.
    let mut action = unsafe { core::mem::zeroed::<libc::sigaction>() };
    action.sa_sigaction = asked as *const () as usize;
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: a handler that only stores a flag.
    let done = unsafe { libc::sigaction(signal, &raw const action, core::ptr::null_mut()) };
    if done != 0 {
        let mut place = [0; 10];
        let number = decimal(signal.unsigned_abs(), &mut place);
        warn(&[
            "orionrt: ORIONRT_PROFILE: signal ",
            number,
            " cannot be handled\n",
        ]);
    }
}

/// Writes a profile in the middle of an allocation or release.
fn on_the_way() {
    let saved = errno();
    write(Some(next_number()));
    set_errno(saved);
}

/// The number of the next profile on the way: 1 for the first of this process.
fn next_number() -> u32 {
    let process = u64::from(std::process::id()) << 32;
    let after = |before: u64| {
        let is_first = before & !u64::from(u32::MAX) != process;
        if is_first { process + 1 } else { before + 1 }
    };
    let before = WRITTEN.fetch_update(Relaxed, Relaxed, |before| Some(after(before)));
    after(before.unwrap_or_else(|before| before)) as u32
}

/// Writes a profile where the settings say: with a number, one on the way, or the one at exit, with
/// the report if that is asked for.
fn write(number: Option<u32>) {
    let Some(settings) = profile_settings() else {
        return;
    };
    let process = std::process::id();
    let is_child = process != STARTED.load(Relaxed);
    let mut place = [0; libc::PATH_MAX as usize];
    let Some(path) = path_of(settings.file(), process, is_child, number, &mut place) else {
        return warn(&["orionrt: the path of ORIONRT_PROFILE is too long\n"]);
    };
    let (is_written, path) = (write_to(path), path.to_str().unwrap_or("(not UTF-8)"));
    if !is_written {
        warn(&["orionrt: ", path, ": the profile cannot be written\n"]);
    }
    if number.is_none() && settings.leaks {
        let report = live_at_exit(&HEAP.profile(), is_written.then_some(path));
        // Nobody could be told of an error.
        let _ = std::io::Write::write_all(&mut std::io::stderr(), report.as_bytes());
    }
}

/// Called when the process exits, after the program's own `atexit` functions.
extern "C" fn at_exit() {
    let saved = errno();
    write(None);
    set_errno(saved);
}

#[used]
#[unsafe(link_section = ".fini_array")]
static AT_EXIT: extern "C" fn() = at_exit;
