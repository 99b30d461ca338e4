//! The clock of a recording: the processor's counter where it runs at one rate on all cores, and
//! the system's clock in nanoseconds elsewhere.
//!
//! A time is taken when all before it in the thread is done, what it has read of other threads
//! included. Else a release could be timed before the allocation, in another thread, of the block
//! whose address has just been read.
//!
//! Invariant: in a process that runs, [`now`] always means the same clock.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use orionrt_sys::clock;

const UNKNOWN: u8 = 0;
const COUNTER: u8 = 1;
const SYSTEM: u8 = 2;

static SOURCE: AtomicU8 = AtomicU8::new(UNKNOWN);

/// Whether the clock is the processor's counter.
pub(crate) fn has_counter() -> bool {
    match SOURCE.load(Relaxed) {
        UNKNOWN => {
            let has_counter = counter::is_invariant();
            SOURCE.store(if has_counter { COUNTER } else { SYSTEM }, Relaxed);
            has_counter
        }
        source => source == COUNTER,
    }
}

/// The time after all that this thread has done, and before whatever comes next.
#[inline]
pub(crate) fn now() -> u64 {
    if SOURCE.load(Relaxed) == COUNTER {
        counter::now()
    } else {
        first_or_without_counter()
    }
}

#[cold]
#[inline(never)]
fn first_or_without_counter() -> u64 {
    if has_counter() {
        counter::now()
    } else {
        nanoseconds()
    }
}

/// The system's clock.
pub(crate) fn nanoseconds() -> u64 {
    u64::try_from(clock::precise().as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(target_arch = "x86_64")]
mod counter {
    use core::arch::x86_64::{__cpuid, __rdtscp};

    /// The leaf that says what else there is, the one about the counter, and its bit.
    const LEAVES: u32 = 0x8000_0000;
    const POWER: u32 = 0x8000_0007;
    const INVARIANT: u32 = 1 << 8;

    /// Intel's manual, volume 3, "Invariant TSC".
    #[allow(unused_unsafe, reason = "safe from Rust 1.94 on")]
    pub(super) fn is_invariant() -> bool {
        // SAFETY: every 64-bit processor has this instruction.
        let (leaves, power) = unsafe { (__cpuid(LEAVES).eax, __cpuid(POWER).edx) };
        leaves >= POWER && power & INVARIANT != 0
    }

    #[inline]
    pub(super) fn now() -> u64 {
        let mut processor = 0;
        // SAFETY: processors with an invariant counter have this instruction. It waits for all
        // before it, loads included, as `_rdtsc` does not. What comes later in this thread may
        // begin before the counter is read, but is seen by no other thread until then.
        unsafe { __rdtscp(&mut processor) }
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod counter {
    pub(super) fn is_invariant() -> bool {
        false
    }

    pub(super) fn now() -> u64 {
        0
    }
}
