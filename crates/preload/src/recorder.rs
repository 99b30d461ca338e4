//! [`Recorder`]: writes every call to a recording, as the observer of the heap.
//!
//! A process has a recording of its own, begun by its first event. A thread has a chunk of it,
//! claimed by its first event, and a new one when that is full: see [`orionrt_recording`]. A child
//! of `fork` finds that it is another process by [`forks`], and begins anew.
//!
//! ```text
//!   STATE    0 ── begin ──► BEGINNING ──► RECORDING      (each with the number of forks)
//!                                    └──► REFUSED        there is no file: said once
//! ```
//!
//! Invariant: nothing here allocates or locks. One thread at a time begins a recording, and the
//! others wait; `WORDS` and `LEN` are those of the recording of `STATE`.

use core::{
    cell::Cell,
    ptr, slice,
    sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering},
};
use std::thread_local;

use orionrt_alloc::{
    Observer,
    heap::{HeapStats, forks},
};
use orionrt_recording::{
    CHUNK_BYTES, Chunk, Event, HEADER_BYTES, Kind, MOST_COMMAND, Start, Writer,
};
use orionrt_sys::process::warn;

use crate::{
    environment::first_bytes,
    recording_file::{NoFile, RecordingFile},
    settings::{record_bytes, record_target},
    ticks,
};

const BEGINNING: usize = 1;
const RECORDING: usize = 2;
const REFUSED: usize = 3;
/// The bits of the states, below the number of forks.
const STATE_BITS: u32 = 2;

static STATE: AtomicUsize = AtomicUsize::new(0);
static WORDS: AtomicPtr<AtomicU64> = AtomicPtr::new(ptr::null_mut());
static LEN: AtomicUsize = AtomicUsize::new(0);
/// The ticks when the recording began.
static START: AtomicU64 = AtomicU64::new(0);
/// The number of threads so far.
static THREADS: AtomicU32 = AtomicU32::new(0);

/// How many events there are between two looks at the system's clock.
const EVENTS_PER_CLOCK: usize = 256;

/// A thread's part of a recording.
struct Part {
    chunk: Option<Chunk<'static>>,
    /// The number of forks in whose recording that is.
    forks: usize,
    number: Option<u32>,
}

thread_local! {
    static PART: Cell<Part> = const { Cell::new(Part::NONE) };
}

impl Part {
    const NONE: Self = Self {
        chunk: None,
        forks: 0,
        number: None,
    };

    /// Adds an event, in a new chunk if it has to be; returns whether the chunk is new.
    fn push(&mut self, event: &Event) -> bool {
        if self.chunk.as_mut().is_some_and(|chunk| chunk.push(event)) {
            return false;
        }
        let Some(writer) = recording(self.forks) else {
            return false;
        };
        self.chunk = self.new_chunk(writer);
        if !self.chunk.as_mut().is_some_and(|chunk| chunk.push(event)) {
            writer.count_lost();
            return false;
        }
        true
    }

    fn new_chunk(&mut self, writer: Writer<'static>) -> Option<Chunk<'static>> {
        let index = writer.claim()?;
        if !writer.chunk(index).is_some_and(RecordingFile::back) {
            // The disk is full, and stays so for all that is known.
            writer.close();
            return None;
        }
        let number = self
            .number
            .get_or_insert_with(|| THREADS.fetch_add(1, Ordering::Relaxed));
        // SAFETY: a number that every thread has.
        let system = unsafe { libc::syscall(libc::SYS_gettid) };
        let mut chunk = writer.open(index, *number, u32::try_from(system).unwrap_or(0))?;
        chunk.push(&clock_event());
        Some(chunk)
    }

    /// Adds the time of the system's clock now and then: often at first, so that short recordings
    /// have it, too.
    fn push_clock(&mut self) {
        if let Some(chunk) = &mut self.chunk {
            if chunk.len().is_power_of_two() || chunk.len() % EVENTS_PER_CLOCK == 0 {
                chunk.push(&clock_event());
            }
        }
    }
}

/// The recording of this process, begun now if there is none; `None` if it is refused.
fn recording(forks: usize) -> Option<Writer<'static>> {
    loop {
        let state = STATE.load(Ordering::Acquire);
        let of = |state| (forks << STATE_BITS) | state;
        if state == of(RECORDING) {
            // SAFETY: the words of this process's recording, mapped until the next fork's child.
            let words = unsafe {
                slice::from_raw_parts(WORDS.load(Ordering::Relaxed), LEN.load(Ordering::Relaxed))
            };
            return Writer::attach(words);
        }
        if state == of(REFUSED) {
            return None;
        }
        if state == of(BEGINNING) {
            // SAFETY: always allowed.
            unsafe { libc::sched_yield() };
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

/// Begins the recording of this process; `false` if there is no file for it.
fn begin() -> bool {
    let before = WORDS.swap(ptr::null_mut(), Ordering::Relaxed);
    if !before.is_null() {
        // SAFETY: mapped with this length by the process that this one is a child of. The threads
        // that used it are not in this process, and this one no longer does.
        unsafe {
            let words = slice::from_raw_parts(before, LEN.load(Ordering::Relaxed));
            RecordingFile { words }.unmap();
        }
    }
    THREADS.store(0, Ordering::Relaxed);
    let Some(target) = record_target() else {
        return false;
    };
    let process = std::process::id();
    let bytes = record_bytes();
    let least = HEADER_BYTES + CHUNK_BYTES;
    let words = match RecordingFile::create(target, process, bytes, least) {
        Ok(file) => file.words,
        Err(NoFile(number)) => {
            refused(target, number);
            return false;
        }
    };
    let mut command = [0; MOST_COMMAND];
    let start = Start {
        process,
        // SAFETY: always allowed.
        parent: u32::try_from(unsafe { libc::getppid() }).unwrap_or(0),
        started_ns: wall_clock(),
        has_counter: ticks::has_counter(),
        command: first_bytes(c"/proc/self/cmdline", &mut command),
    };
    START.store(ticks::now(), Ordering::Relaxed);
    LEN.store(words.len(), Ordering::Relaxed);
    WORDS.store(words.as_ptr().cast_mut(), Ordering::Relaxed);
    Writer::begin(words, &start).is_some()
}

/// Says on standard error that there is no recording.
#[cold]
fn refused(target: &[u8], number: i32) {
    let why = match number {
        libc::EACCES | libc::EPERM => "permission denied",
        libc::ENOENT => "no such directory",
        libc::ENOSPC => "no space left",
        libc::ENOMEM => "no memory",
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

/// The ticks since the recording began.
fn since_start(ticks: u64) -> u64 {
    ticks.saturating_sub(START.load(Ordering::Relaxed))
}

fn clock_event() -> Event {
    Event {
        ticks: since_start(ticks::now()),
        kind: Kind::Clock,
        alignment: 1,
        address: ticks::nanoseconds(),
        size: 0,
    }
}

/// Writes an event of this thread; returns whether it begins a chunk.
fn write(ticks: u64, kind: Kind, address: *mut u8, size: usize, alignment: usize) -> bool {
    let mut part = PART.replace(Part::NONE);
    let forks = forks();
    if part.forks != forks {
        part = Part {
            forks,
            ..Part::NONE
        };
    }
    if part.chunk.is_none() {
        // The first event of a recording is not before it begins.
        let _ = recording(forks);
    }
    let event = Event {
        ticks: since_start(ticks),
        kind,
        alignment: alignment as u64,
        address: address.addr() as u64,
        size: size as u64,
    };
    let is_new = part.push(&event);
    part.push_clock();
    PART.set(part);
    is_new
}

/// The observer that records.
pub(crate) struct Recorder;

impl Observer for Recorder {
    fn allocated(&self, block: *mut u8, bytes: usize, align: usize, stats: &dyn Fn() -> HeapStats) {
        let now = ticks::after();
        let kind = if block.is_null() {
            Kind::Refused
        } else {
            Kind::Allocate
        };
        if write(now, kind, block, bytes, align) {
            let stats = stats();
            let resident = ptr::without_provenance_mut(stats.resident_bytes);
            write(now, Kind::Heap, resident, stats.used_bytes, 1);
        }
    }

    fn frees(&self, block: *mut u8) {
        write(ticks::now(), Kind::Free, block, 0, 1);
    }

    fn resizes(&self, block: *mut u8, bytes: usize) {
        write(ticks::now(), Kind::Resize, block, bytes, 1);
    }

    fn resized(&self, block: *mut u8, bytes: usize) {
        let kind = if block.is_null() {
            Kind::Refused
        } else {
            Kind::Resized
        };
        write(ticks::after(), kind, block, bytes, 1);
    }
}

/// Says in the recording that the process exits by itself; `false` if there is none.
pub(crate) fn end() -> bool {
    if STATE.load(Ordering::Acquire) != (forks() << STATE_BITS) | RECORDING {
        return false;
    }
    recording(forks()).map(|writer| writer.end()).is_some()
}
