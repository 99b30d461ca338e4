//! What a heap has learned about pages that come back: given back to the system because nobody
//! needed them, and then asked for again.
//!
//! A loop is recognised by that. While its pages come back, a heap becomes more *patient*: it waits
//! for a longer time until it takes pages for idle, until the time covers an iteration. And it
//! *keeps* as many pages as came back: where blocks are placed, there may be more free pages than
//! the loop needs at once, and yet it needs these.
//!
//! ```text
//! window   ├────┼────┼─────────┼─────────┼───────────────────┼───────── …
//! use      ▁▂▇▃▁▁▁▁▁▁▁▁▁▂▇▃▁▁▁▁▁▁▁▁▁▂▇▃▁▁▁▁▁▁▁▁▁▂▇▃▁▁▁▁▁▁▁▁▁▂▇▃▁▁▁▁▁▁
//! idle?         yes  yes    back!      yes back!     no: it holds an iteration
//! ```
//!
//! What does not come back teaches nothing, so a spike is gone after a window. What was learned is
//! forgotten once the program has used less for as long as the longest window.
//!
//! This is pure arithmetic in pages and periods; the caller reads the clock.

#![forbid(unsafe_code)]

use core::time::Duration;

/// The most periods in a window: with the default period, 16 seconds.
pub(super) const MOST_PATIENCE: u32 = 64;
/// Fewer pages than this that come back in a window do not make it longer.
const LEAST_RETURN: usize = 32;
/// In each window this share of the pages that are gone is taken not to come back any more.
const FORGOTTEN: usize = 16;

/// Pages that come back, and what follows from them.
#[derive(Debug)]
pub(super) struct Recurrence {
    /// The number of periods in a window.
    patience: u32,
    /// Pages that went because they were idle, and have not come back yet.
    gone: usize,
    /// Pages asked for in this window that had been given back before.
    returned: usize,
    /// As many idle pages are not given back.
    kept: usize,
    /// The most pages in use when something was last learned, and when there last were about as
    /// many.
    level: usize,
    at_level: Duration,
}

impl Recurrence {
    pub(super) const fn new() -> Self {
        Self {
            patience: 1,
            gone: 0,
            returned: 0,
            kept: 0,
            level: 0,
            at_level: Duration::ZERO,
        }
    }

    /// Notes that so many pages were asked for that had been given back before.
    #[inline]
    pub(super) fn note_returned(&mut self, pages: usize) {
        self.returned += pages;
    }

    /// How long pages must be free until they are idle.
    pub(super) fn window(&self, period: Duration) -> Duration {
        period.saturating_mul(self.patience)
    }

    /// Learns from a window that ends at `now`; `most_used` are the most pages in use in it, and
    /// in the one before.
    pub(super) fn end_window(&mut self, now: Duration, period: Duration, most_used: [usize; 2]) {
        let lately_used = most_used[0].max(most_used[1]);
        if most_used[0] >= self.level - self.level / 4 {
            self.at_level = now;
        } else if now.saturating_sub(self.at_level) > period.saturating_mul(MOST_PATIENCE) {
            (self.patience, self.kept, self.level) = (1, 0, 0);
        }
        let too_early = self.returned.min(self.gone);
        self.returned = 0;
        self.gone -= too_early;
        self.gone -= self.gone / FORGOTTEN;
        if too_early >= LEAST_RETURN {
            self.patience = (2 * self.patience).min(MOST_PATIENCE);
        }
        if too_early > 0 {
            self.kept += too_early;
            self.level = self.level.max(lately_used);
        }
        self.kept = self.kept.min(lately_used);
    }

    /// How many of `free` pages, which stayed free for a window, are to go; notes that they go.
    pub(super) fn give_back(&mut self, free: usize) -> usize {
        let mut idle = free.saturating_sub(self.kept);
        if self.kept > 0 && idle < LEAST_RETURN {
            idle = 0;
        }
        self.gone += idle;
        idle
    }

    /// Notes that all free pages go on request: that they come back teaches nothing.
    pub(super) fn note_purged(&mut self) {
        (self.gone, self.returned) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Ends a window at `now` in which 1000 pages were used.
    fn end(recurrence: &mut Recurrence, now: u32) {
        recurrence.end_window(now * SECOND, SECOND, [1000; 2]);
    }

    #[test]
    fn pages_that_come_back_make_the_window_longer_and_stay() {
        let mut recurrence = Recurrence::new();
        assert_eq!(recurrence.give_back(100), 100);
        recurrence.note_returned(80);
        end(&mut recurrence, 1);
        assert_eq!(recurrence.window(SECOND), 2 * SECOND);
        assert_eq!(recurrence.give_back(200), 120);
    }

    #[test]
    fn pages_that_were_not_idle_teach_nothing_when_they_come_back() {
        let mut recurrence = Recurrence::new();
        recurrence.note_returned(500);
        end(&mut recurrence, 1);
        assert_eq!(recurrence.window(SECOND), SECOND);
        recurrence.give_back(500);
        recurrence.note_purged();
        recurrence.note_returned(500);
        end(&mut recurrence, 2);
        assert_eq!(recurrence.give_back(500), 500);
    }

    #[test]
    fn no_window_is_longer_than_the_longest() {
        let mut recurrence = Recurrence::new();
        for now in 0..20 {
            recurrence.give_back(10_000);
            recurrence.note_returned(10_000);
            end(&mut recurrence, now);
        }
        assert_eq!(recurrence.window(SECOND), MOST_PATIENCE * SECOND);
        assert_eq!(recurrence.window(Duration::MAX), Duration::MAX);
    }

    #[test]
    fn no_more_is_kept_than_was_lately_used() {
        let mut recurrence = Recurrence::new();
        recurrence.give_back(5000);
        recurrence.note_returned(5000);
        end(&mut recurrence, 1);
        assert_eq!(recurrence.give_back(6000), 5000);
        recurrence.end_window(2 * SECOND, SECOND, [10, 20]);
        assert_eq!(recurrence.give_back(6000), 5980);
    }

    #[test]
    fn what_was_learned_is_forgotten_once_the_load_is_gone_for_long() {
        let mut recurrence = Recurrence::new();
        recurrence.give_back(100);
        recurrence.note_returned(100);
        end(&mut recurrence, 1);
        for now in 2..=65 {
            recurrence.end_window(now * SECOND, SECOND, [700; 2]);
            assert_eq!(recurrence.window(SECOND), 2 * SECOND);
        }
        recurrence.end_window(66 * SECOND, SECOND, [700; 2]);
        assert_eq!(recurrence.window(SECOND), SECOND);
        assert_eq!(recurrence.give_back(100), 100);
    }
}
