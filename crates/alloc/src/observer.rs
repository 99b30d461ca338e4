//! [`Observer`]: who is told of every call of a [`Malloc`](crate::Malloc).
//!
//! Invariant: a block is told of while it is the caller's, so nobody else is told of the same
//! address at the same time.

#![forbid(unsafe_code)]

use crate::heap::HeapStats;

/// Is told of every call of a [`Malloc`](crate::Malloc) that is
/// [observed](crate::OrionAlloc::observed).
///
/// It is called by the threads that allocate, at any time in their lives, and so must not allocate,
/// panic, or take a lock that a thread may hold while it allocates.
pub trait Observer: Sync {
    /// A block of this size and alignment was allocated; null if it was refused. `stats` tells what
    /// the heap has, for the price of taking its locks.
    fn allocated(&self, block: *mut u8, bytes: usize, align: usize, stats: &dyn Fn() -> HeapStats);

    /// A block was allocated as [`allocated`](Self::allocated) tells, out of the thread's own
    /// cache. Other threads were done with its bytes before this thread called the observer by
    /// another function for the last time.
    fn reused(&self, block: *mut u8, bytes: usize, align: usize, stats: &dyn Fn() -> HeapStats) {
        self.allocated(block, bytes, align, stats);
    }

    /// A block is about to be freed. It need not be one, if the program is wrong.
    fn frees(&self, block: *mut u8);

    /// A block is about to be resized.
    fn resizes(&self, block: *mut u8, bytes: usize);

    /// The block for which this thread last called `resizes` is here; null if it stays as it was.
    fn resized(&self, block: *mut u8, bytes: usize);
}
