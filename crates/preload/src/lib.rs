//! The C library's `malloc` and C++'s `operator new` on OrionRT's heap, for programs in any
//! language.
//!
//! `liborionrt.so` is preloaded (`LD_PRELOAD=liborionrt.so python3 …`) or linked, `liborionrt.a` is
//! linked. Either one replaces the allocation functions of the whole process; blocks are known by
//! their addresses alone, see [`Malloc`](orionrt_alloc::Malloc).
//!
//! ```text
//!   c.rs       malloc, free, realloc, …       cxx.rs    operator new, operator delete
//!        └──────────────┬───────────────────────────────────┘
//!   heap.rs    the one heap, and what refusal means (errno)      report.rs   statistics
//!                       │                                        extended.rs limits, purging, …
//!                       │                                        profile.rs  heap profiles
//!   recorder.rs         every call written to a file                  │
//!     recording_*.rs, ticks.rs, thread_word.rs                        │
//!                       │                                             │
//!   file_name.rs        names of files, with %p ──────────────────────┤
//!   settings.rs         ORIONRT_DECAY, ORIONRT_STATS, … ──────────────┘
//!   environment.rs      the variables of the process, without the C library
//! ```
//!
//! # When it is called
//!
//! At any time: by the loader before the C library has initialised itself, by static initialisers,
//! while threads start and end, and after `main` has returned. So nothing here needs an
//! initialiser, looks up symbols on the way, or forwards to another allocator.
//!
//! Invariants:
//! - every function keeps `errno` unless it fails, and then it is what POSIX says;
//! - nothing unwinds into C; `operator new` alone throws, and what C++ throws;
//! - nothing on the way of an allocation allocates or formats.

#[cfg(not(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64")))]
compile_error!("orionrt-preload is for Linux with glibc, on 64-bit processors");

// A file uses only files above it in this list.
mod environment;
mod values;
mod profile_settings;
mod settings;
mod recording_start;
mod ticks;
mod thread_word;
mod generation;
mod recording_calls;
mod file_name;
mod recording_name;
mod recording_file;
mod recording_stacks;
mod recording_modules;
mod process_recording;
mod recorder;
mod heap;
mod c;
mod cxx;
mod report;
mod profile_file;
mod profile_report;
mod profile;
mod extended;
