//! One thing that a program asked of its allocator.

#![forbid(unsafe_code)]

/// What was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// A block was granted.
    Allocate,
    /// A block is given back.
    Free,
    /// A block is about to be resized: by the next event of the same thread, which is a [`Resized`](Self::Resized).
    Resize,
    /// The block that was about to be resized is this one now: larger or smaller, moved or not, or just as it was if the resize was refused.
    Resized,
}

/// An event of a trace. Its position in the trace is its order: a block is granted before it is given back, and given back
/// before its address is granted again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Event {
    /// What was asked.
    pub kind: EventKind,
    /// Nanoseconds, on a clock that only grows.
    pub time_ns: u64,
    /// The thread: a number that no other thread of the process ever has.
    pub thread: u32,
    /// The address of the block.
    pub address: usize,
    /// The bytes asked for.
    pub size: usize,
    /// The alignment asked for, in bytes: a power of two.
    pub alignment: usize,
}
