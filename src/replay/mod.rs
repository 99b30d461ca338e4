//! Record → plan → replay: planned memory for any engine, with no change to it.
//!
//! [`ReplayAlloc`] wraps the program's global allocator. Outside of iterations it is that allocator. Within one, it writes down what is asked for (recording),
//! or serves each request with the bytes that a plan has for it (replay), and passes on the rest.
//!
//! ```text
//! request ─► idle? ─────────────────────────────────────────► inner allocator
//!              └► scope (this thread's) or lanes (helpers)        ▲
//!                   ├► recording: note it ────────────────────────┤
//!                   └► replay: cursor ─► place ─► claim ─► bytes  │
//!                                  └ unmatched └ occupied ────────┘
//! release ─► in the planned range? ─► region ─► claim released
//!              └► recording: note it ─► inner allocator
//! ```
//!
//! Files, each standing on those above it: `error`, `report` and `matching` are plain; `region` is planned bytes and their claims,
//! `range` the addresses of all regions; `lane` is one thread's track and region, `scope` what a thread is doing; `session` keeps a plan
//! for every key. Here are the allocator itself, how iterations are run, and [`Replay`]; `serve` is what becomes of every request and release.
//!
//! Invariants: a block lies in the planned range if and only if it was granted by a claim, and it is released to that claim by
//! whoever gives it back, on any thread, at any time. On the way nothing is allocated, nothing unwinds, and nobody waits.

// A file uses only files above it in this list.
pub(crate) mod lend;
#[cfg(not(loom))]
pub(crate) mod trace;
#[cfg(not(loom))]
mod recorder;
#[cfg(not(loom))]
mod error;
#[cfg(not(loom))]
mod report;
#[cfg(not(loom))]
mod matching;
#[cfg(not(loom))]
mod region;
#[cfg(not(loom))]
mod range;
#[cfg(not(loom))]
mod lane;
#[cfg(not(loom))]
mod scope;
#[cfg(not(loom))]
mod serve;
#[cfg(not(loom))]
mod session;
#[cfg(not(loom))]
mod allocator;
#[cfg(all(test, not(loom)))]
mod tests;

#[cfg(not(loom))]
pub use {
    allocator::{Replay, ReplayAlloc},
    error::ReplayError,
    recorder::Recorder,
    report::{Counts, KeyReport, Misses, Report},
    session::Session,
    trace::{Event, EventKind, OverflowPolicy, Recording, Request},
};
