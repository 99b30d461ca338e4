//! Recordings of what a process asks of its allocator: every allocation, resize and release, with
//! its time, thread, size and address.
//!
//! A recording is a file of bounded size, which the process has mapped into its memory. Threads
//! write to it without locks, without allocating, and without telling each other; what is written
//! is in the file even if the process is killed. Afterwards, a [`Reader`] checks the file and gives
//! the events of all threads in the order of their times.
//!
//! ```text
//!            64 KiB     4 KiB     4 KiB     8 KiB to 64 KiB
//!          ┌──────────┬─────────┬─────────┬─────────────────┬─────────────────
//!   file   │ header   │ chunk 0 │ chunk 1 │ chunk 2         │ not claimed yet
//!          └──────────┴─────────┴─────────┴─────────────────┴─────────────────
//!            process,   thread 1  thread 2  thread 1
//!            command,   ┌─ words of events in use, stored after each event
//!            claimed    └─ events of 8 to 24 bytes: time and kind, address, size
//! ```
//!
//! A thread claims a chunk by adding to a number in the header, and is from then on the only one
//! that writes to it. Its first chunk has 4 KiB, each further one twice as much, up to 64 KiB. An
//! event counts from the moment at which the chunk's number of words in use includes it, so a file
//! never shows half of one. When no chunk is left, events are lost, and counted.
//!
//! ```
//! use orionrt_recording::{Event, Kind, Reader, Start, Writer, words_for};
//! use std::sync::atomic::{AtomicU64, Ordering};
//!
//! let memory: Vec<AtomicU64> = (0..words_for(1)).map(|_| AtomicU64::new(0)).collect();
//! let writer = Writer::begin(&memory, &Start::default()).expect("there is room for a chunk");
//! let mut chunk = writer.claim().and_then(|index| writer.open(index, 7, 0)).expect("a chunk");
//! chunk.push(&Event { ticks: 5, kind: Kind::Allocate, alignment: 16, address: 64, size: 10 });
//!
//! let words = memory.iter().map(|word| word.load(Ordering::Relaxed));
//! let bytes: Vec<u8> = words.flat_map(u64::to_ne_bytes).collect();
//! let reader = Reader::new(&bytes)?;
//! let events: Vec<_> = reader.events().collect();
//! assert_eq!((events[0].thread, events[0].event.size), (7, 10));
//! # Ok::<(), orionrt_recording::RecordingError>(())
//! ```
//!
//! # Stacks
//!
//! An event may have a stack: the return addresses of the calls that led to it. Each stack is in
//! the recording once, under a number that [`StackNumbers`] gives, in the chunk of whoever had it
//! first, and so are the files that the addresses are in, so that they can be named afterwards.
//!
//! # Order
//!
//! The time of an allocation is taken after it, and that of a release before it. So where all
//! threads read one clock, a block that another thread gets at the same address begins after the
//! former one has ended. Events of one thread keep their order whatever the clock says.
//!
//! An allocation need not have a time of its own: [`Chunk::push_untimed`] gives it the time *t* of
//! the thread's event before. That keeps the order if all that other threads did with these bytes
//! before happened before *t*, as where an allocator gives a thread what it has freed itself:
//!
//! ```text
//!   thread 1    frees a at t₁ ──► a goes to all ──┐
//!   thread 2                                      └──► gets a and b, a is allocated at t₂
//!                                                      b is allocated, untimed: at t₂ as well
//!                                                      b goes to thread 3 ──┐
//!   thread 3                                                                └──► frees b at t₃
//! ```
//!
//! Whoever had the bytes before released them before *t*, and an earlier time cannot put the
//! allocation behind the release of the block, which has a time of its own.
//!
//! Numbers are in the byte order of the machine. On one of the other order, reading a recording is
//! an error that says so: [`RecordingError::ByteOrder`].

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

// A file uses only files above it in this list.
mod sync;
mod stack_numbers;
mod event;
mod item;
mod layout;
mod writer;
#[cfg(not(loom))]
mod error;
#[cfg(not(loom))]
mod header;
#[cfg(not(loom))]
mod clock;
#[cfg(not(loom))]
mod chunks;
#[cfg(not(loom))]
mod merge;
#[cfg(not(loom))]
mod stacks;
#[cfg(not(loom))]
mod reader;
#[cfg(all(test, not(loom)))]
mod tests;

pub use event::{Event, Kind};
pub use layout::{CHUNK_BYTES, EVENTS_PER_CHUNK, HEADER_BYTES, MOST_COMMAND, looks_like_recording};
pub use stack_numbers::{StackHash, StackNumbers};
pub use writer::{Chunk, Claim, Start, Writer, words_for};
#[cfg(not(loom))]
pub use {
    error::RecordingError,
    header::{Header, prefix_len},
    merge::{Events, Recorded},
    reader::Reader,
    stacks::{Module, Stack},
};
