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
//! forgotten once the number of pages has swung less for as long as the longest window. And where
//! nothing at all happens for a few periods, the loop is taken to be over, if somebody looks at the
//! clock then; unless pages come back that went for that reason.
//!
//! This is pure arithmetic in pages and periods; the caller reads the clock.

#![forbid(unsafe_code)]

use core::time::Duration;

/// The most periods in a window: with the default period, 8 seconds.
const MOST_PATIENCE: u32 = 32;
/// The fewest periods in which nothing happens that end a loop.
const LEAST_SILENCE: u32 = 4;
/// Fewer pages than this that come back in a window do not make it longer; so no fewer go.
const LEAST_RETURN: usize = 32;
/// In each window this share of the pages that are gone is taken not to come back any more.
const FORGOTTEN: usize = 16;

/// Pages that come back, and what follows from them.
#[derive(Debug)]
pub(super) struct Recurrence {
    /// The number of periods in a window.
    patience: u32,
    /// The number of periods in which nothing happens that end a loop, and whether that has just
    /// been the case.
    silence: u32,
    was_silent: bool,
    /// Pages that went because they were idle, and have not come back yet; and when the
    /// last ones went.
    gone: usize,
    last_gone: Duration,
    /// Pages asked for in this window that had been given back before, and those of them that were
    /// asked for in blocks that earn credit.
    returned: usize,
    big_returned: usize,
    /// As many idle pages are not given back.
    kept: usize,
    /// How far the number of pages has swung in a window in which something was learned, and when
    /// it last did so.
    swing: usize,
    last_swing: Duration,
}

impl Recurrence {
    pub(super) const fn new() -> Self {
        Self {
            patience: 1,
            silence: LEAST_SILENCE,
            was_silent: false,
            gone: 0,
            last_gone: Duration::ZERO,
            returned: 0,
            big_returned: 0,
            kept: 0,
            swing: 0,
            last_swing: Duration::ZERO,
        }
    }

    /// Notes that so many pages were asked for that had been given back before.
    #[inline]
    pub(super) fn note_returned(&mut self, pages: usize, earns: bool) {
        self.returned += pages;
        if earns {
            self.big_returned += pages;
        }
    }

    /// How long pages must be free until they are idle.
    pub(super) fn window(&self, period: Duration) -> Duration {
        period.saturating_mul(self.patience)
    }

    /// Learns from a window that ends at `now`, in which the number of free pages has swung by
    /// `swing`, or that of pages in use; at most `lately_used` of these were there in it and in the
    /// one before.
    pub(super) fn end_window(
        &mut self,
        now: Duration,
        period: Duration,
        swing: usize,
        lately_used: usize,
    ) {
        if swing >= self.swing - self.swing / 4 {
            self.last_swing = now;
        } else if now.saturating_sub(self.last_swing) >= period.saturating_mul(MOST_PATIENCE) {
            self.forget();
        }
        if now.saturating_sub(self.last_gone) > period.saturating_mul(2 * MOST_PATIENCE) {
            // No window could have spanned that time.
            self.gone = 0;
        }
        let too_early = self.returned.min(self.gone);
        let big = self.big_returned.min(too_early);
        (self.returned, self.big_returned) = (0, 0);
        self.gone -= too_early;
        self.gone -= self.gone / FORGOTTEN;
        if too_early >= LEAST_RETURN {
            self.grow_patience();
        }
        if too_early > 0 {
            self.kept += big;
            self.swing = self.swing.max(swing);
        }
        self.kept = self.kept.min(lately_used);
    }

    fn grow_patience(&mut self) {
        self.patience = (2 * self.patience).min(MOST_PATIENCE);
        if core::mem::take(&mut self.was_silent) {
            self.silence = (2 * self.silence).min(MOST_PATIENCE);
        }
    }

    fn forget(&mut self) {
        (self.patience, self.silence) = (1, LEAST_SILENCE);
        (self.kept, self.swing) = (0, 0);
    }

    /// How many of `free` pages, which stayed free for a window, are to go; notes that they go.
    pub(super) fn give_back(&mut self, now: Duration, free: usize) -> usize {
        let idle = free.saturating_sub(self.kept);
        if idle < LEAST_RETURN {
            // If they came back, nothing would be learned, and they would go again and again.
            return 0;
        }
        (self.gone, self.last_gone) = (self.gone + idle, now);
        idle
    }

    /// How long nothing must happen until a loop is taken to be over.
    pub(super) fn silence(&self, period: Duration) -> Duration {
        period.saturating_mul(self.silence)
    }

    /// Notes that all of `free` pages go, because nothing has happened for so long.
    pub(super) fn give_back_in_silence(&mut self, now: Duration, free: usize) {
        if free > 0 {
            (self.gone, self.last_gone, self.was_silent) = (self.gone + free, now, true);
        }
    }

    /// Notes that all free pages go on request: that they come back teaches nothing.
    pub(super) fn note_purged(&mut self) {
        (self.gone, self.returned, self.big_returned) = (0, 0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Ends a window at `now` in which 1000 pages were used and freed.
    fn end(recurrence: &mut Recurrence, now: u32) {
        recurrence.end_window(now * SECOND, SECOND, 1000, 1000);
    }

    #[test]
    fn pages_that_come_back_make_the_window_longer_and_stay() {
        let mut recurrence = Recurrence::new();
        assert_eq!(recurrence.give_back(SECOND, 100), 100);
        recurrence.note_returned(80, true);
        end(&mut recurrence, 1);
        assert_eq!(recurrence.window(SECOND), 2 * SECOND);
        assert_eq!(recurrence.give_back(SECOND, 200), 120);
    }

    #[test]
    fn small_blocks_make_the_window_longer_and_nothing_is_kept_for_them() {
        let mut recurrence = Recurrence::new();
        recurrence.give_back(SECOND, 100);
        recurrence.note_returned(80, false);
        end(&mut recurrence, 1);
        assert_eq!(recurrence.window(SECOND), 2 * SECOND);
        assert_eq!(recurrence.give_back(SECOND, 200), 200);
    }

    #[test]
    fn pages_too_few_to_learn_from_stay() {
        let mut recurrence = Recurrence::new();
        assert_eq!(recurrence.give_back(SECOND, LEAST_RETURN - 1), 0);
        assert_eq!(recurrence.give_back(SECOND, LEAST_RETURN), LEAST_RETURN);
    }

    #[test]
    fn pages_that_were_not_idle_teach_nothing_when_they_come_back() {
        let mut recurrence = Recurrence::new();
        recurrence.note_returned(500, true);
        end(&mut recurrence, 1);
        assert_eq!(recurrence.window(SECOND), SECOND);
        recurrence.give_back(SECOND, 500);
        recurrence.note_purged();
        recurrence.note_returned(500, true);
        end(&mut recurrence, 2);
        assert_eq!(recurrence.give_back(SECOND, 500), 500);
    }

    #[test]
    fn silence_must_last_longer_once_pages_came_back_after_it() {
        let mut recurrence = Recurrence::new();
        assert_eq!(recurrence.silence(SECOND), LEAST_SILENCE * SECOND);
        recurrence.give_back_in_silence(SECOND, 100);
        recurrence.note_returned(100, true);
        end(&mut recurrence, 2);
        assert_eq!(recurrence.silence(SECOND), 2 * LEAST_SILENCE * SECOND);
        recurrence.give_back(SECOND, 100);
        recurrence.note_returned(100, true);
        end(&mut recurrence, 3);
        assert_eq!(recurrence.silence(SECOND), 2 * LEAST_SILENCE * SECOND);
    }

    #[test]
    fn pages_that_come_back_after_a_long_time_teach_nothing() {
        let mut recurrence = Recurrence::new();
        recurrence.give_back(SECOND, 100);
        recurrence.note_returned(100, true);
        end(&mut recurrence, 2 * MOST_PATIENCE + 2);
        assert_eq!(recurrence.window(SECOND), SECOND);
        assert_eq!(recurrence.give_back(SECOND, 100), 100);
    }

    #[test]
    fn no_window_is_longer_than_the_longest() {
        let mut recurrence = Recurrence::new();
        for now in 0..20 {
            recurrence.give_back(now * SECOND, 10_000);
            recurrence.note_returned(10_000, true);
            end(&mut recurrence, now);
        }
        assert_eq!(recurrence.window(SECOND), MOST_PATIENCE * SECOND);
        assert_eq!(recurrence.window(Duration::MAX), Duration::MAX);
    }

    #[test]
    fn no_more_is_kept_than_was_lately_used() {
        let mut recurrence = Recurrence::new();
        recurrence.give_back(SECOND, 5000);
        recurrence.note_returned(5000, true);
        end(&mut recurrence, 1);
        assert_eq!(recurrence.give_back(SECOND, 6000), 5000);
        recurrence.end_window(2 * SECOND, SECOND, 10, 20);
        assert_eq!(recurrence.give_back(SECOND, 6000), 5980);
    }

    #[test]
    fn what_was_learned_is_forgotten_once_the_swing_is_gone_for_long() {
        let mut recurrence = Recurrence::new();
        recurrence.give_back(SECOND, 100);
        recurrence.note_returned(100, true);
        end(&mut recurrence, 1);
        for now in 2..1 + MOST_PATIENCE {
            recurrence.end_window(now * SECOND, SECOND, 700, 1000);
            assert_eq!(recurrence.window(SECOND), 2 * SECOND);
        }
        recurrence.end_window((1 + MOST_PATIENCE) * SECOND, SECOND, 700, 1000);
        assert_eq!(recurrence.window(SECOND), SECOND);
        assert_eq!(recurrence.give_back(50 * SECOND, 100), 100);
    }
}
