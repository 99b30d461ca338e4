//! Heap profiles of the process: when it exits, at intervals, on a signal, and when it asks.
//!
//! A signal handler only asks for a profile. It is written on the next slow path of an allocation
//! or release, in a file of its own, without allocating; the one at exit may allocate.
//!
//! Invariant: `errno` stays what it was.

use core::{
    ffi::{CStr, c_char, c_int},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};
use std::{format, string::String, vec::Vec};

use orionrt_alloc::profile::{Profile, ProfileEntry};
use orionrt_sys::process::warn;

use crate::{
    environment::{errno, set_errno},
    heap::HEAP,
    profile_file::{ProfileFile, path_of},
    settings::profile_settings,
};

/// The most stacks in a report of leaks, and frames of each.
const MOST_LEAKS: usize = 20;
const MOST_FRAMES: usize = 24;

/// How many profiles have been written on the way.
static WRITTEN: AtomicU32 = AtomicU32::new(0);

/// The process that was started with the settings; a child that it forks is another one.
static STARTED: AtomicU32 = AtomicU32::new(0);

/// Writes a profile to a file; 0, or -1 with `errno` if that failed.
///
/// # Safety
/// `path` is a string that ends with a zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_profile_dump(path: *const c_char) -> c_int {
    if path.is_null() {
        set_errno(libc::EINVAL);
        return -1;
    }
    HEAP.prepare_profile();
    // SAFETY: the caller's duty.
    let path = unsafe { CStr::from_ptr(path) };
    if dump(path) { 0 } else { -1 }
}

/// Writes a profile to a file, without allocating; `errno` says why that failed.
fn dump(path: &CStr) -> bool {
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
    HEAP.hide_code_around(at_start as *const () as usize);
    HEAP.set_profile_hook(on_the_way, settings.interval);
    if let Some(signal) = settings.signal {
        handle(signal);
    }
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
        warn(&["orionrt: the signal of ORIONRT_PROFILE cannot be handled\n"]);
    }
}

/// Writes a profile in the middle of an allocation or release.
fn on_the_way() {
    let saved = errno();
    write(Some(WRITTEN.fetch_add(1, Relaxed) + 1));
    set_errno(saved);
}

/// Writes a profile where the settings say: with a number, one on the way, or the one at exit.
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
    if !dump(path) {
        let path = path.to_str().unwrap_or("(not UTF-8)");
        warn(&["orionrt: ", path, ": the profile cannot be written\n"]);
    }
}

/// Called when the process exits, after the program's own `atexit` functions.
extern "C" fn at_exit() {
    let Some(settings) = profile_settings() else {
        return;
    };
    let saved = errno();
    write(None);
    if settings.leaks {
        // Nobody could be told of an error.
        let _ = std::io::Write::write_all(&mut std::io::stderr(), leaks().as_bytes());
    }
    set_errno(saved);
}

#[used]
#[unsafe(link_section = ".fini_array")]
static AT_EXIT: extern "C" fn() = at_exit;

/// What is live, as text for people.
fn leaks() -> String {
    let profile = HEAP.profile();
    let total = profile.total();
    let (low, high) = total.live_bytes.interval();
    let mut report = format!(
        "orionrt: process {}: {:.0} bytes in {:.0} blocks are live at exit\n\
         (estimated from {} samples; 95 % interval of the bytes: {low:.0} to {high:.0})\n",
        std::process::id(),
        total.live_bytes.value,
        total.live_objects.value,
        total.live_samples,
    );
    for entry in largest(&profile) {
        let (bytes, blocks) = (entry.estimates.live_bytes, entry.estimates.live_objects);
        report += &format!(
            "\n{:.0} bytes in {:.0} blocks from\n",
            bytes.value, blocks.value
        );
        for &address in entry.stack.iter().take(MOST_FRAMES) {
            report += &format!("    {}\n", name_of(address));
        }
    }
    report
}

/// The stacks that have most of what is live.
fn largest(profile: &Profile) -> Vec<&ProfileEntry> {
    let live = |entry: &&ProfileEntry| entry.estimates.live_samples > 0;
    let mut entries: Vec<_> = profile.entries().iter().filter(live).collect();
    entries.sort_by(|a, b| {
        let [a, b] = [a, b].map(|entry| entry.estimates.live_bytes.value);
        b.total_cmp(&a)
    });
    entries.truncate(MOST_LEAKS);
    entries
}

/// The function and the file that a return address lies in, as far as the loader knows them.
fn name_of(address: usize) -> String {
    // SAFETY: of numbers and pointers, for which zeros are a value.
    let mut found = unsafe { core::mem::zeroed::<libc::Dl_info>() };
    // SAFETY: any address may be asked about; `found` is valid for a write.
    let is_known = unsafe { libc::dladdr((address - 1) as *const _, &raw mut found) } != 0;
    let text = |text: *const c_char| {
        // SAFETY: a name that the loader has, which ends with a zero.
        (is_known && !text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy())
    };
    let file = text(found.dli_fname).map_or(String::new(), |file| {
        format!(" {file}+{:#x}", address - found.dli_fbase as usize)
    });
    let name = text(found.dli_sname).map_or(String::new(), |name| format!(" {name}"));
    format!("{address:#x}{name}{file}")
}
