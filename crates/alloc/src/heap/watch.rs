//! The heap's side of a purger: what the thread looks at when it is awake, and how it is woken.
//!
//! ```text
//!              some pages are free            a release rings
//!   awake: looks once a period ◀───────────────────────────── asleep, without a wake-up
//!                         │  nothing has happened, nothing is left to give back   ▲
//!                         └───────────────────────────────────────────────────────┘
//! ```
//!
//! Whether the purger sleeps is a flag behind the page lock, so a release looks at it for the price
//! of a comparison: the purger sets it in the same critical section in which it finds that there is
//! nothing to do, and the release that changes that clears it and rings the bell. A ring that comes
//! before the purger has fallen asleep is not lost (see [`Bell`](orionrt_sys::bell::Bell)).
//!
//! Invariant: while the flag is set, fewer pages are free than are worth a purge, or the system has
//! taken none of them; the purger sleeps, or has been rung for.

use core::{
    sync::atomic::Ordering::{Acquire, Relaxed, Release},
    time::Duration,
};

use super::heap::Heap;
use orionrt_sys::clock;

/// The shortest time between two looks of a purger.
const SHORTEST: Duration = Duration::from_millis(50);

/// More than the clock that decay looks at may be late.
const RESOLUTION: Duration = Duration::from_millis(10);

impl Heap {
    /// Whether the calling thread may become the heap's purger: there is no other one.
    pub(crate) fn begin_watch(&self) -> bool {
        // Acquires the release in `end_watch`: a new thread reads no request to the last one.
        !self.purger.exists.swap(true, Acquire)
    }

    /// Notes that there is no purger any more.
    pub(crate) fn end_watch(&self) {
        self.pages.with(|pages| pages.forget_purger());
        self.purger.ends.store(false, Relaxed);
        self.purger.exists.store(false, Release);
    }

    /// Asks the purger to end.
    pub(crate) fn stop_watch(&self) {
        // The bell's ring makes it visible.
        self.purger.ends.store(true, Relaxed);
        self.purger.bell.ring();
    }

    /// Notes in a child after `fork` that the purger is a thread of the parent.
    pub(super) fn forget_watch(&self) {
        self.purger.ends.store(false, Relaxed);
        self.purger.exists.store(false, Relaxed);
    }

    /// Gives back what nobody needs, until it is asked to end. The whole work of a purger.
    pub(crate) fn watch(&'static self) {
        let mut wait = Some(SHORTEST);
        loop {
            self.purger.bell.wait(wait);
            if self.purger.ends.load(Relaxed) {
                return;
            }
            wait = self.look_after_pages();
        }
    }

    /// Gives back what nobody has needed for a window that has ended, and everything in silence;
    /// returns how long the purger is to wait until it looks again, for ever if it has nothing to
    /// do. With [`Decay::Never`](super::decay::Decay::Never) it never has: the flag stays clear
    /// then, so that no release rings.
    fn look_after_pages(&'static self) -> Option<Duration> {
        let now = clock::coarse();
        let look = self.pages.with(|pages| pages.look(now))?;
        let mut is_stuck = false;
        if look.pages > 0 {
            self.purging.acquire();
            // SAFETY: acquired just now.
            is_stuck = unsafe { self.purge_and_release(look.pages) } == 0;
        }
        if look.is_silent {
            self.flush_all_caches();
        }
        if look.is_silent || is_stuck {
            let sleeps = self.pages.with(|pages| pages.let_purger_sleep(is_stuck));
            if sleeps {
                self.purge_tables();
                return None;
            }
        }
        Some(look.next_in.saturating_add(RESOLUTION).max(SHORTEST))
    }
}
