//! The recording of this process.
//!
//! A process has a recording of its own, begun by its first event. A child of `fork`, or of what is
//! like it, finds that it is another process by its [`generation`], and begins anew.
//!
//! ```text
//!   STATE    0 ── begin ──► BEGINNING ──► RECORDING      (each with the generation)
//!                                    └──► REFUSED        there is no file: said once
//! ```
//!
//! Invariant: nothing here allocates or locks. One thread at a time begins a recording, and the
//! others wait for a while; `FILE` is that of the recording of `STATE`.

use core::{
    ptr,
    sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering},
};

use orionrt_recording::{CHUNK_BYTES, HEADER_BYTES, MOST_COMMAND, Start, Writer};
use orionrt_sys::process::warn;

use crate::{
    environment::{errno, first_bytes, set_errno},
    generation::{self, generation},
    recording_calls::NoFile,
    recording_file::{KeptFile, RecordingFile},
    recording_modules,
    recording_name::{Naming, Scratch},
    recording_stacks,
    settings::{record_bytes, record_target},
    ticks,
};

const BEGINNING: usize = 1;
const RECORDING: usize = 2;
const REFUSED: usize = 3;
/// The bits of the states, below the number of forks.
const STATE_BITS: u32 = 2;

static STATE: AtomicUsize = AtomicUsize::new(0);
static FILE: KeptFile = KeptFile::new();
/// The ticks when the recording began.
static START: AtomicU64 = AtomicU64::new(0);
/// The number of threads so far.
static THREADS: AtomicU32 = AtomicU32::new(0);
/// How many events were lost that the recording does not know of yet.
static MISSED: AtomicU64 = AtomicU64::new(0);

/// How often a thread looks whether another one has begun the recording: for about a second.
const MOST_WAITS: u32 = 1000;

/// The recording of this process.
#[derive(Clone, Copy)]
pub(crate) struct Recording {
    pub(crate) writer: Writer<'static>,
    pub(crate) file: RecordingFile,
}

/// The recording of this process, begun now if there is none; `None` if it is refused, or if the
/// thread that begins it takes too long.
pub(crate) fn recording(generation: usize) -> Option<Recording> {
    let mut waits = 0;
    loop {
        let state = STATE.load(Ordering::Acquire);
        let of = |state| (generation << STATE_BITS) | state;
        if state == of(RECORDING) {
            // SAFETY: the file of this process's recording, mapped until a child begins its own.
            let file = unsafe { FILE.get() }?;
            let writer = Writer::attach(file.words)?;
            if MISSED.load(Ordering::Relaxed) > 0 {
                writer.count_lost(MISSED.swap(0, Ordering::Relaxed));
            }
            return Some(Recording { writer, file });
        }
        if state == of(REFUSED) {
            return None;
        }
        if state == of(BEGINNING) {
            // It may be this thread that begins it, interrupted by a signal.
            if waits == MOST_WAITS {
                MISSED.fetch_add(1, Ordering::Relaxed);
                return None;
            }
            waits += 1;
            wait();
            continue;
        }
        let begins =
            STATE.compare_exchange(state, of(BEGINNING), Ordering::Acquire, Ordering::Relaxed);
        if begins.is_ok() {
            let begun = begin();
            let next = if begun { RECORDING } else { REFUSED };
            STATE.store(of(next), Ordering::Release);
        }
    }
}

/// Lets other threads run for a millisecond, also those of a lower priority.
#[cold]
fn wait() {
    let time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 1_000_000,
    };
    let saved = errno();
    // SAFETY: a time, and nowhere to write what is left of it.
    unsafe { libc::syscall(libc::SYS_nanosleep, &raw const time, ptr::null_mut::<u8>()) };
    set_errno(saved);
}

/// What the names of this process's files are made of.
pub(crate) fn naming() -> Option<Naming<'static>> {
    Some(Naming {
        pattern: record_target()?,
        process: std::process::id(),
    })
}

/// Begins the recording of this process; `false` if there is no file for it.
#[cold]
#[inline(never)]
fn begin() -> bool {
    // SAFETY: mapped by the process that this one is a child of. The threads that used it are not
    // in this process, and this one no longer does.
    unsafe {
        if let Some(before) = FILE.get() {
            FILE.clear();
            before.unmap();
        }
    }
    THREADS.store(0, Ordering::Relaxed);
    MISSED.store(0, Ordering::Relaxed);
    recording_stacks::begin();
    recording_modules::begin();
    let Some(naming) = naming() else {
        return false;
    };
    let least = HEADER_BYTES + CHUNK_BYTES;
    let file = match RecordingFile::create(&naming, record_bytes(), least) {
        Ok(file) => file,
        Err(NoFile(number)) => {
            refused(naming.pattern, number);
            return false;
        }
    };
    generation::watch();
    let mut room = Scratch::new(MOST_COMMAND);
    let command = room.as_mut().map(|room| &mut room.bytes()[..MOST_COMMAND]);
    let start = Start {
        process: naming.process,
        // SAFETY: always allowed.
        parent: u32::try_from(unsafe { libc::getppid() }).unwrap_or(0),
        started_ns: wall_clock(),
        has_counter: ticks::has_counter(),
        command: command.map_or(&[], |room| first_bytes(c"/proc/self/cmdline", room)),
    };
    START.store(ticks::now(), Ordering::Relaxed);
    FILE.set(&file);
    Writer::begin(file.words, &start).is_some()
}

/// Says on standard error that there is no recording.
#[cold]
fn refused(target: &[u8], number: i32) {
    let why = match number {
        libc::EACCES | libc::EPERM => "permission denied",
        libc::ENOENT => "no such directory",
        libc::ENOSPC => "no space left",
        libc::ENOMEM => "no memory",
        libc::EFBIG => "the limit of file sizes is too low",
        libc::EEXIST => "there are too many files of that name",
        libc::ENAMETOOLONG => "the name is too long",
        libc::EROFS => "the file system is read-only",
        _ => "the system refuses it",
    };
    let target = core::str::from_utf8(target).unwrap_or("(not UTF-8)");
    warn(&["orionrt: no recording in ", target, ": ", why, "\n"]);
}

/// Nanoseconds since 1970.
fn wall_clock() -> u64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `now` is valid for a write.
    unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, &mut now) };
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    seconds * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}

/// The number of a thread that has none yet.
pub(crate) fn new_thread() -> u32 {
    THREADS.fetch_add(1, Ordering::Relaxed)
}

/// The ticks since the recording began.
pub(crate) fn since_start(ticks: u64) -> u64 {
    ticks.saturating_sub(START.load(Ordering::Relaxed))
}

/// Whether this process has a recording, not one that it is a child of.
pub(crate) fn is_recording() -> bool {
    STATE.load(Ordering::Acquire) == (generation() << STATE_BITS) | RECORDING
}

/// Says in the recording, if there is one, that the process exits by itself. The file keeps room
/// for a little of what comes after that.
pub(crate) fn end() {
    if !is_recording() {
        return;
    }
    if let (Some(Recording { writer, file }), Some(naming)) = (recording(generation()), naming()) {
        // A file that keeps its size is a recording, too.
        writer.end();
        writer.trim(|bytes| {
            let _ = file.cut(&naming, bytes);
        });
    }
}
