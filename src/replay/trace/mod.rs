//! Traces: what a program asked of its allocator, in order, and what can be learnt from that.
//!
//! ```text
//! event log ─► events ─► recording ─► lifetimes ─► planner
//!                           └───────► CSV, JSON, Chrome trace
//! ```
//!
//! An [`EventLog`] takes events from any thread while the program runs, without allocating or
//! waiting. Its contents become a [`Recording`]: every request of an iteration with its lifetime.
//! [`Recorder`](crate::Recorder) keeps a log of a whole program,
//! [`ReplayAlloc`](crate::ReplayAlloc) one of a single iteration.

// A file uses only files above it in this list.
mod event;
mod thread_number;
mod event_log;
mod recording;
#[cfg(feature = "files")]
mod forms;

pub use event::{Event, EventKind};
pub use event_log::OverflowPolicy;
pub(super) use event_log::{EventLog, log_resize};
pub(super) use recording::MAX_ALIGNMENT;
pub use recording::{Recording, Request};
pub(super) use thread_number::{UNNUMBERED, thread_number};
