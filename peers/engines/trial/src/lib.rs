//! What a process measures about an engine and the heap beneath it.
//!
//! An engine's program names its global allocator, and calls [`plain`], [`replayed`] or [`counted`]
//! with a function that loads a [`Workload`]. The program gets a [`Task`] as its only argument,
//! prints a [`Measured`] as JSON, and ends: every figure comes from a process of its own.
//!
//! ```text
//! trial (the driver) ── Task ──► rten-orion, candle-replay-system, ...: one program for each
//!                    ◄ Measured ─  engine and heap, whose global allocator is a plain static
//! ```
//!
//! Invariant: OrionRT runs with its default settings unless the task says otherwise.

// A file uses only files above it in this list.
mod task;
mod process;
mod counted;
mod workload;
mod inference;
mod random;
mod measure;
mod program;

pub use {
    counted::{Counted, Counts},
    inference::{Forward, Inference},
    program::{counted, plain, replayed},
    random::Random,
    task::{Figures, Heap, Measured, Model, Planned, Task},
    workload::{Digest, Key, Load, Workload},
};
