//! One thing that a program asked of its allocator.

#![forbid(unsafe_code)]

/// What was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EventKind {
    /// A block was granted.
    Allocate,
    /// A block is released.
    Free,
    /// A block is about to be resized; the next event of the same thread is a
    /// [`Resized`](Self::Resized).
    Resize,
    /// The block after its resize: larger or smaller, moved or not, or unchanged if the resize was
    /// refused.
    Resized,
}

/// An event of a trace. Events are ordered by their position in the trace: a block is granted
/// before it is released, and released before its address is granted again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Event {
    /// What was asked.
    pub kind: EventKind,
    /// Nanoseconds on a monotonic clock.
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

impl Event {
    /// An event of a block of `size` bytes, on thread 0 at time 0.
    #[must_use]
    pub fn new(kind: EventKind, address: usize, size: usize, alignment: usize) -> Self {
        Self {
            kind,
            time_ns: 0,
            thread: 0,
            address,
            size,
            alignment,
        }
    }

    /// The event on this thread.
    #[must_use]
    pub fn on_thread(self, thread: u32) -> Self {
        Self { thread, ..self }
    }

    /// The event at this time.
    #[must_use]
    pub fn at(self, time_ns: u64) -> Self {
        Self { time_ns, ..self }
    }
}
