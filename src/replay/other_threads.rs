//! What other threads ask for while iterations run: those that take part in none.
//!
//! [`OtherThreadCounters`] knows how many iterations run, which is all that a request looks at
//! while there are none, and counts by thread, in slots. A [`Watch`] compares the slots at the
//! start and at the end of one iteration, so several can watch at once.
//!
//! ```text
//! thread ─► slot: number % 32 ─► requests, bytes, for ever         a watch = after − before
//! ```
//!
//! Invariant: in the child of a `fork` the number of iterations counts those that began there. So
//! the word with the number has the [generation](crate::fork) of its process, and that of another
//! one counts as 0.

#![forbid(unsafe_code)]

use super::{
    report::OtherThreads,
    trace::{UNNUMBERED, thread_number},
};
use crate::fork;
use orionrt_sys::sync::atomic::{AtomicU64, Ordering};

const SLOTS: usize = 32;
/// The lowest bit of the generation in the word. Below it is the number of iterations: threads.
const GENERATION: u32 = 32;
const _: () = assert!(GENERATION + fork::BITS <= u64::BITS);

#[derive(Debug)]
pub(super) struct OtherThreadCounters {
    /// 0, or the number of iterations that run and the generation of the process.
    running: AtomicU64,
    /// One bit for each slot that was ever used.
    used: AtomicU64,
    slots: [Slot; SLOTS],
}

/// What threads asked for. On a cache line of its own.
#[derive(Debug)]
#[repr(align(64))]
struct Slot {
    requests: AtomicU64,
    bytes: AtomicU64,
}

impl Slot {
    const fn new() -> Self {
        Self {
            requests: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        }
    }

    fn read(&self) -> SlotCounts {
        SlotCounts {
            requests: self.requests.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct SlotCounts {
    requests: u64,
    bytes: u64,
}

impl OtherThreadCounters {
    pub(super) const fn new() -> Self {
        Self {
            running: AtomicU64::new(0),
            used: AtomicU64::new(0),
            slots: [const { Slot::new() }; SLOTS],
        }
    }

    /// Whether no iteration seems to run: one load.
    #[inline(always)]
    pub(super) fn is_idle(&self) -> bool {
        self.running.load(Ordering::Relaxed) == 0
    }

    /// Counts a request of this thread, if an iteration runs.
    pub(super) fn count(&self, bytes: usize) {
        let running = self.running.load(Ordering::Relaxed);
        if running >> GENERATION != fork::generation() {
            // The parent's. (If another thread is faster, the word is its own by now.)
            let _ = self
                .running
                .compare_exchange(running, 0, Ordering::Relaxed, Ordering::Relaxed);
            return;
        }
        let number = thread_number();
        if number == UNNUMBERED {
            return;
        }
        let slot = number as usize % SLOTS;
        if self.used.load(Ordering::Relaxed) & 1 << slot == 0 {
            self.used.fetch_or(1 << slot, Ordering::Relaxed);
        }
        let slot = &self.slots[slot];
        slot.requests.fetch_add(1, Ordering::Relaxed);
        slot.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Begins to watch an iteration.
    pub(super) fn watch(&self) -> Watch<'_> {
        let generation = fork::generation();
        let begin = |word: u64| match word >> GENERATION == generation {
            true if word != 0 => Some(word + 1),
            _ => Some(generation << GENERATION | 1),
        };
        // Never refused.
        let _ = self
            .running
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, begin);
        let mut before = [SlotCounts::default(); SLOTS];
        for (slot, before) in self.used_slots().zip(&mut before) {
            *before = slot.map_or_else(SlotCounts::default, Slot::read);
        }
        Watch {
            counters: self,
            generation,
            before,
        }
    }

    /// The slots up to the last one used; `None` for those that never were.
    fn used_slots(&self) -> impl Iterator<Item = Option<&Slot>> {
        let used = self.used.load(Ordering::Relaxed);
        let count = (u64::BITS - used.leading_zeros()) as usize;
        let slots = self.slots.iter().take(count).enumerate();
        slots.map(move |(i, slot)| (used >> i & 1 == 1).then_some(slot))
    }
}

/// An iteration under way, until it is dropped.
#[derive(Debug)]
pub(super) struct Watch<'c> {
    counters: &'c OtherThreadCounters,
    generation: u64,
    before: [SlotCounts; SLOTS],
}

impl Watch<'_> {
    /// What other threads have asked for since the iteration began.
    pub(super) fn counts(&self) -> OtherThreads {
        let mut counts = OtherThreads::default();
        for (slot, before) in self.counters.used_slots().zip(&self.before) {
            let Some(now) = slot.map(Slot::read) else {
                continue;
            };
            let requests = now.requests.wrapping_sub(before.requests);
            counts.threads += u64::from(requests > 0);
            counts.requests += requests;
            counts.bytes += now.bytes.wrapping_sub(before.bytes);
        }
        counts
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        let generation = self.generation;
        let end = |word: u64| {
            // Otherwise the word is no longer that of the process in which the iteration began.
            let is_own = word >> GENERATION == generation && generation == fork::generation();
            let left = word.wrapping_sub(1);
            let is_last = left & ((1 << GENERATION) - 1) == 0;
            (is_own && word != 0).then_some(if is_last { 0 } else { left })
        };
        let _ = self
            .counters
            .running
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, end);
    }
}
