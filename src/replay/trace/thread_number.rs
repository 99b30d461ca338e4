//! Numbers of threads: small, never used again within the process, and had without allocating.

#![forbid(unsafe_code)]

use core::cell::Cell;

use orionrt_sys::sync::atomic::{AtomicU32, Ordering};

/// The number of the threads that came after numbers had run out.
pub(crate) const UNNUMBERED: u32 = u32::MAX;

/// The number of this thread, from 1 on, given on first use. There are enough for any program;
/// should they ever run out, all further threads are [`UNNUMBERED`].
#[inline]
pub(crate) fn thread_number() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    std::thread_local! {
        static NUMBER: Cell<u32> = const { Cell::new(0) };
    }
    if NUMBER.get() == 0 {
        let next = |next: u32| (next < UNNUMBERED).then_some(next + 1);
        let number = NEXT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        NUMBER.set(number.unwrap_or(UNNUMBERED));
    }
    NUMBER.get()
}
