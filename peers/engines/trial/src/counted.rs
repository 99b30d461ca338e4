//! An allocator that counts what it is asked for.
//!
//! One counts what the engine asks for, around replay; another, beneath replay, counts what replay
//! did not serve. The difference is what it served: figures that do not depend on its own report.
//! Invariant: requests of all threads count, and a resized block counts as a request of its new
//! size.

use std::{
    alloc::{GlobalAlloc, Layout},
    ops::{Add, AddAssign, Sub},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use serde::{Deserialize, Serialize};

/// What an engine asked for, and what reached the heap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Requests of the engine.
    pub asked: Sum,
    /// Requests that reached the heap beneath.
    pub heap: Sum,
    /// Blocks that the engine released. A resized block was released with its old size.
    pub released: Sum,
}

/// A number of blocks and of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    /// Blocks.
    pub blocks: u64,
    /// Bytes.
    pub bytes: u64,
}

impl Counts {
    /// The share of the engine's requests and of its bytes that the plan served, from 0 to 1. What
    /// outlives its iteration cannot be planned and does not count.
    #[must_use]
    pub fn hit_rates(&self) -> (f64, f64) {
        let rate = |asked: u64, heap: u64, released: u64| {
            let served = asked.saturating_sub(heap);
            let outliving = asked.saturating_sub(released);
            let missed = heap.saturating_sub(outliving);
            match served + missed {
                0 => 1.0,
                all => served as f64 / all as f64,
            }
        };
        let Self {
            asked,
            heap,
            released,
        } = *self;
        (
            rate(asked.blocks, heap.blocks, released.blocks),
            rate(asked.bytes, heap.bytes, released.bytes),
        )
    }

    /// Applies `operation` to each number and that of `other`.
    fn each(self, other: Self, operation: fn(u64, u64) -> u64) -> Self {
        let each = |own: Sum, other: Sum| Sum {
            blocks: operation(own.blocks, other.blocks),
            bytes: operation(own.bytes, other.bytes),
        };
        Self {
            asked: each(self.asked, other.asked),
            heap: each(self.heap, other.heap),
            released: each(self.released, other.released),
        }
    }
}

impl Sub for Counts {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        self.each(earlier, u64::sub)
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        *self = self.each(other, u64::add);
    }
}

/// A global allocator that passes everything on to another one and counts it.
#[derive(Debug)]
pub struct Counted<A> {
    inner: A,
    asked: Counter,
    released: Counter,
}

#[derive(Debug)]
struct Counter {
    blocks: AtomicU64,
    bytes: AtomicU64,
}

impl Counter {
    const fn new() -> Self {
        Self {
            blocks: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        }
    }

    fn add(&self, bytes: usize) {
        self.blocks.fetch_add(1, Relaxed);
        self.bytes.fetch_add(bytes as u64, Relaxed);
    }

    fn sum(&self) -> Sum {
        Sum {
            blocks: self.blocks.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
        }
    }
}

impl<A> Counted<A> {
    /// Counts from zero.
    #[must_use]
    pub const fn new(inner: A) -> Self {
        Self {
            inner,
            asked: Counter::new(),
            released: Counter::new(),
        }
    }

    /// The wrapped allocator.
    pub const fn inner(&self) -> &A {
        &self.inner
    }

    /// All requests so far.
    pub fn asked(&self) -> Sum {
        self.asked.sum()
    }

    /// All releases so far.
    pub fn released(&self) -> Sum {
        self.released.sum()
    }
}

// SAFETY: everything is passed on unchanged.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Counted<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.asked.add(layout.size());
        // SAFETY: the caller's duty, passed on.
        unsafe { self.inner.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        self.asked.add(layout.size());
        // SAFETY: the caller's duty, passed on.
        unsafe { self.inner.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        self.released.add(layout.size());
        // SAFETY: the caller's duty, passed on.
        unsafe { self.inner.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        self.released.add(layout.size());
        self.asked.add(size);
        // SAFETY: the caller's duty, passed on.
        unsafe { self.inner.realloc(block, layout, size) }
    }
}
