//! Traces: what a program asked of its allocator, in order, and what can be learnt from that.
//!
//! ```text
//! tape ─► events ─► recording ─► lifetimes ─► planner
//!                       └──────► CSV, JSON, Chrome trace
//! ```
//!
//! A [`Tape`] takes events from any thread while the program runs, without allocating or waiting. What it holds becomes a
//! [`Recording`]: every request of an iteration with its lifetime. [`Recorder`](crate::Recorder) puts a tape under a whole program,
//! [`ReplayAlloc`](crate::ReplayAlloc) under one iteration.

mod event;
mod tape;
mod recording;
#[cfg(feature = "files")]
mod forms;

pub use event::{Event, EventKind};
pub(crate) use recording::MOST_ALIGNMENT;
pub use recording::{Recording, Request};
pub use tape::OverflowPolicy;
pub(crate) use tape::{NAMELESS, Tape, note_resize, thread_number};
