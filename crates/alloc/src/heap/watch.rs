//! The heap's side of a purger: what the thread looks at when it is awake, and how it is woken.
//!
//! ```text
//!              some pages are free            a release rings
//!   awake: looks once a period ◀───────────────────────────── asleep, without a wake-up
//!                         │  nothing has happened, nothing is left to give back   ▲
//!                         └───────────────────────────────────────────────────────┘
//! ```
//!
//! While the purger sleeps, a number of pages lies behind the page lock (see `surplus.rs`), and a
//! release compares the free ones with it: the purger sets it in the same critical section in which
//! it finds that there is nothing to do, and the release that leaves so many pages clears it and
//! rings the bell. A ring that comes before the purger has fallen asleep is not lost (see
//! [`Bell`](orionrt_sys::bell::Bell)).
//!
//! If the system takes no page back, the purger tries again a few times, after longer and longer
//! waits. Then it sleeps until twice as many pages are free.
//!
//! Invariant: while the purger sleeps, fewer pages are free than wake it, or it has been rung for.

use core::time::Duration;

use super::heap::Heap;
use orionrt_sys::clock;

/// The shortest time between two looks of a purger.
const SHORTEST: Duration = Duration::from_millis(50);

/// So many purges in vain, one after the other, have the purger sleep.
const MOST_IN_VAIN: u32 = 5;

/// More than the clock that decay looks at may be late.
const RESOLUTION: Duration = Duration::from_millis(10);

impl Heap {
    /// If there is no purger: notes that there is one now, and returns the [generation] of the
    /// process that has its thread.
    ///
    /// [generation]: Self::generation
    pub(crate) fn begin_watch(&self) -> Option<u32> {
        self.purger.begin().then(|| self.generation())
    }

    /// A number that differs from that of the parent process, and of its parents.
    pub(crate) fn generation(&self) -> u32 {
        self.purger.generation()
    }

    /// Notes that there is no purger any more.
    pub(crate) fn end_watch(&self) {
        self.pages.with(|pages| pages.forget_purger());
        self.purger.end();
    }

    /// Asks the purger to end.
    pub(crate) fn stop_watch(&self) {
        self.purger.ask_to_end();
    }

    /// Gives back what nobody needs, until it is asked to end. The whole work of a purger.
    pub(crate) fn watch(&'static self) {
        let (mut wait, mut in_vain) = (Some(SHORTEST), 0);
        loop {
            self.purger.wait(wait);
            if self.purger.is_to_end() {
                return;
            }
            wait = self.look_after_pages(&mut in_vain);
        }
    }

    /// Gives back what nobody has needed for a window that has ended, and everything in silence;
    /// counts how often the last purges were `in_vain`. Returns how long the purger is to wait
    /// until it looks again, for ever if it has nothing to do. With
    /// [`Decay::Never`](super::decay::Decay::Never) it never has, and no release rings.
    fn look_after_pages(&'static self, in_vain: &mut u32) -> Option<Duration> {
        let now = clock::coarse();
        let look = self.pages.with(|pages| pages.look(now))?;
        if look.pages > 0 {
            self.purging.acquire();
            // SAFETY: acquired just now.
            let done = unsafe { self.purge_and_release(look.pages) };
            *in_vain = if done == 0 { *in_vain + 1 } else { 0 };
            *in_vain = (*in_vain).min(MOST_IN_VAIN);
        }
        if look.is_silent {
            self.flush_all_caches();
        }
        let is_stuck = *in_vain == MOST_IN_VAIN;
        if look.is_silent || is_stuck {
            let sleeps = self.pages.with(|pages| pages.let_purger_sleep(is_stuck));
            if sleeps {
                self.purge_tables();
                return None;
            }
        }
        let next_in = look.next_in.saturating_mul(1 << *in_vain);
        Some(next_in.saturating_add(RESOLUTION).max(SHORTEST))
    }
}
