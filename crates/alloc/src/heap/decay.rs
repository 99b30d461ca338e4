//! Decay: how many free pages stay resident, so that a steady load does not fault, and for how
//! long.
//!
//! [`Decay`] is the public setting, [`DecayState`] what a heap learns while it runs. Free pages
//! above a limit go back to the system at once. The limit is the sum of:
//! - a *floor* and a share of the pages in use;
//! - a few *standard deviations* of the pages in use. Where blocks come and go at random, the
//!   variance is the sum of the squared sizes of what is live: it is small for many small objects,
//!   large for a few large ones, and zero once all is freed;
//! - *refault credit*: a large block placed on pages that had been given back shows that these went
//!   too early, and raises the limit. A program that allocates and frees its large blocks all at
//!   once faults in its first rounds only. A block below 256 KiB shows that only while less than
//!   half of what was lately in use is: then a program fills again what it had freed. In a
//!   program that has done so many times, a loop, all pages show it: see [`Swings`].
//!
//! Deviations never count for more than what is in use, and credit for no more than twice what
//! is, or lately was: the blocks of a loop may be spread over more pages than they take at once.
//!
//! Time takes the credit back: pages that stayed free throughout a *window* were not needed, and
//! go, unless they are only a few. A window is a period of the setting, or several where pages
//! have come back that went too early: see [`Recurrence`]. So a loop does not fault if an iteration
//! takes up to 32 periods, 8 seconds by default; and a spike that does not come again leaves
//! nothing behind, as long as the program goes on allocating or has a purger. (jemalloc lets the
//! limit follow a curve over time; here it falls in one step per window.)
//!
//! This is pure arithmetic in pages; the caller reads the clock.

#![forbid(unsafe_code)]

use core::time::Duration;

use super::{class::PAGE, recurrence::Recurrence, swings::Swings};

/// So many free pages may always stay, ...
const FLOOR: usize = 32;
/// ... and this share of the pages in use, ...
const SHARE: usize = 64;
/// ... and so many standard deviations of the pages in use.
const DEVIATIONS: usize = 6;
/// Fewer pages than this are not worth a system call.
const LEAST_PURGE: usize = 32;
/// A block of at least so many pages, 256 KiB, is big: beside the work on it, a look at the clock
/// costs nothing.
pub(super) const BIG_BLOCK: usize = 64;
/// The refaults of a block of at least so many pages, more than 32 KiB, earn credit without a loop.
const LEAST_EARNING: usize = 9;
/// After a refusal to take memory back, so many changes pass until the system is asked again; at
/// most so many after several refusals.
const FIRST_PAUSE: u32 = 16;
const LONGEST_PAUSE: u32 = 1 << 12;
/// The credit for each page of such a block that had been given back.
const REFAULT_GAIN: usize = 2;

/// When free memory goes back to the operating system by itself.
///
/// It is a setting of [`OrionAlloc`](crate::OrionAlloc::with_decay). Pages that a steady load needs
/// again stay; what is beyond that goes back at once, and what nobody has needed for a period
/// follows.
///
/// ```
/// use std::time::Duration;
/// use orionrt_alloc::{OrionAlloc, heap::Decay};
///
/// // For a program that allocates in bursts a few seconds apart.
/// static ALLOC: OrionAlloc = OrionAlloc::new().with_decay(Decay::After(Duration::from_secs(5)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decay {
    /// Never; only [`OrionAlloc::purge`](crate::OrionAlloc::purge) gives memory back.
    Never,
    /// Once free pages have not been needed for this period. Zero: at once.
    ///
    /// Where pages that went are asked for again, as in a loop whose iterations take longer than
    /// the period, it becomes longer by itself, up to 32 times as long, until they stay. It becomes
    /// short again once the program needs less for so long.
    ///
    /// Decay runs when large blocks are freed, and now and then when threads run out of cached
    /// objects. A program that does neither keeps the pages that are free at that moment, at most
    /// three to four times as many as it lately used, unless it has a thread that looks after them:
    /// see [`OrionAlloc::spawn_purger`](crate::OrionAlloc::spawn_purger). Or it calls
    /// [`OrionAlloc::purge`](crate::OrionAlloc::purge) before a long sleep.
    After(Duration),
}

impl Default for Decay {
    /// A quarter of a second.
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Decay {
    pub(crate) const DEFAULT: Self = Self::After(Duration::from_millis(250));
}

/// The limit of free pages that stay resident, and what it is computed from.
#[derive(Debug)]
pub(crate) struct DecayState {
    decay: Decay,
    /// The variance of the bytes in use: the sum of the squared sizes of all objects that there is
    /// room for, in units of 256 bytes, squared. It may wrap; sums and differences stay right.
    variance: u64,
    refault_credit: usize,
    /// The most pages in use in this window, and in the one before.
    most_used: [usize; 2],
    swings: Swings,
    /// After how many changes the system is asked again, since it has refused to take memory back;
    /// 0 if it has not. And what `changes` was when it did.
    pause: u32,
    refused_at: u32,
    /// The fewest free resident pages that there were in this window, and the most that were seen
    /// when the clock was looked at.
    low_water: usize,
    high_water: usize,
    /// How often pages were allocated or freed; it may wrap.
    changes: u32,
    /// What `changes` was when a purger last looked, and since when it has been that.
    seen_changes: u32,
    silent_since: Duration,
    recurrence: Recurrence,
    window_end: Duration,
    /// The pages in use when the window started.
    used_at_start: usize,
}

impl DecayState {
    pub(crate) const fn new(decay: Decay) -> Self {
        Self {
            decay,
            variance: 0,
            refault_credit: 0,
            most_used: [0; 2],
            swings: Swings::new(),
            pause: 0,
            refused_at: 0,
            low_water: 0,
            high_water: 0,
            changes: 0,
            seen_changes: 0,
            silent_since: Duration::ZERO,
            recurrence: Recurrence::new(),
            window_end: Duration::ZERO,
            used_at_start: 0,
        }
    }

    /// Notes that `pages` pages were allocated for objects of `object` bytes.
    #[inline]
    pub(crate) fn note_allocated(&mut self, pages: usize, object: usize) {
        self.variance = self.variance.wrapping_add(variance(pages, object));
        self.changes = self.changes.wrapping_add(1);
    }

    /// Notes that `pages` pages with objects of `object` bytes were freed.
    #[inline]
    pub(crate) fn note_freed(&mut self, pages: usize, object: usize) {
        self.variance = self.variance.wrapping_sub(variance(pages, object));
        self.changes = self.changes.wrapping_add(1);
    }

    /// Notes that a block of so many pages, 0 for pages that objects share, was placed on pages of
    /// which `missing` had been given back before; `used` pages were in use.
    pub(crate) fn note_refault(&mut self, block: usize, missing: usize, used: usize) {
        // Blocks that come and go at random refault, too, with as much in use as ever.
        let is_in_swing = used < self.lately_used() / 2;
        let fills_again = block >= LEAST_EARNING && is_in_swing || self.swings.is_loop();
        let earns = block >= BIG_BLOCK || fills_again;
        self.recurrence.note_returned(missing, earns);
        if earns {
            let credit = REFAULT_GAIN * missing;
            self.refault_credit = self.refault_credit.saturating_add(credit);
        }
    }

    /// Notes that `used` pages are in use.
    #[inline]
    pub(crate) fn note_in_use(&mut self, used: usize) {
        self.most_used[0] = self.most_used[0].max(used);
        self.swings.note(used, self.lately_used());
    }

    /// Notes that `resident` free pages are left.
    #[inline]
    pub(crate) fn note_resident(&mut self, resident: usize) {
        self.low_water = self.low_water.min(resident);
    }

    /// Notes that the system has refused to take memory back. It is asked again after a few
    /// changes: the refusal may have been for want of memory for a moment. Each further one makes
    /// the pause longer.
    pub(crate) fn note_purge_failed(&mut self) {
        self.pause = (2 * self.pause).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        self.refused_at = self.changes;
    }

    /// Notes that the system has taken memory back.
    #[inline]
    pub(crate) fn note_purged(&mut self) {
        self.pause = 0;
    }

    /// Whether the system has refused to take memory back a short while ago.
    #[cold]
    fn is_paused(&self) -> bool {
        self.changes.wrapping_sub(self.refused_at) < self.pause
    }

    /// A few standard deviations of the pages in use.
    fn deviation(&self) -> usize {
        // The root is in units of 256 bytes.
        DEVIATIONS * (self.variance.isqrt() as usize / (PAGE / 256))
    }

    /// How many of `resident` free pages are above the limit, with `used` pages in use; 0 for few.
    #[inline]
    pub(crate) fn excess(&self, resident: usize, used: usize) -> usize {
        match self.decay {
            Decay::Never => 0,
            Decay::After(_) if self.pause > 0 && self.is_paused() => 0,
            Decay::After(Duration::ZERO) => resident,
            Decay::After(_) if resident < FLOOR + LEAST_PURGE => 0,
            Decay::After(_) => {
                let deviation = self.deviation().min(used);
                let credit = self.refault_credit.min(self.most_credit());
                let limit = FLOOR + used / SHARE + deviation + credit;
                let excess = resident.saturating_sub(limit);
                if excess < LEAST_PURGE + deviation / 2 {
                    0
                } else {
                    excess
                }
            }
        }
    }

    /// The most pages in use in this window and the one before.
    #[inline]
    fn lately_used(&self) -> usize {
        self.most_used[0].max(self.most_used[1])
    }

    /// The most that the refault credit counts for.
    #[inline]
    fn most_credit(&self) -> usize {
        2 * self.lately_used()
    }

    /// If a window has ended at `now`, starts the next one and returns how many of the pages that
    /// stayed free and resident throughout are to go back. Their share of the refault credit is
    /// taken off.
    #[inline]
    pub(crate) fn end_window(&mut self, now: Duration, resident: usize, used: usize) -> usize {
        self.high_water = self.high_water.max(resident);
        if now < self.window_end {
            return 0;
        }
        self.start_window(now, resident, used)
    }

    #[cold]
    fn start_window(&mut self, now: Duration, resident: usize, used: usize) -> usize {
        let Decay::After(period) = self.decay else {
            self.window_end = Duration::MAX;
            return 0;
        };
        let lately_used = self.lately_used();
        let low_water = self.low_water.min(resident);
        let risen = self.most_used[0].saturating_sub(self.used_at_start);
        let swing = risen.max(self.high_water - low_water);
        self.recurrence.end_window(now, period, swing, lately_used);
        let idle = self.recurrence.give_back(now, low_water);
        let credit = self.refault_credit.min(self.most_credit());
        self.refault_credit = credit.saturating_sub(idle);
        self.most_used = [used, self.most_used[0]];
        self.swings.end_window();
        (self.low_water, self.high_water) = (resident, resident - idle);
        self.refused_at = self.changes.wrapping_sub(self.pause);
        self.used_at_start = used;
        self.window_end = now.saturating_add(self.recurrence.window(period));
        idle
    }

    /// Looks after the pages for a purger, once a period: if no page was allocated or freed for so
    /// long that a loop must be over, returns `true`, and all `resident` pages are to go.
    pub(crate) fn has_fallen_silent(&mut self, now: Duration, resident: usize) -> bool {
        let Decay::After(period) = self.decay else {
            return false;
        };
        if self.seen_changes != self.changes {
            (self.seen_changes, self.silent_since) = (self.changes, now);
        }
        let is_silent = now.saturating_sub(self.silent_since) >= self.recurrence.silence(period);
        if is_silent {
            self.recurrence.give_back_in_silence(now, resident);
            self.refault_credit = 0;
        }
        is_silent
    }

    /// How often a purger is to look; `None` for never.
    pub(crate) fn period(&self) -> Option<Duration> {
        match self.decay {
            Decay::Never => None,
            Decay::After(period) => Some(period),
        }
    }

    /// Forgets the refault credit: everything is given back on request.
    pub(crate) fn reset(&mut self) {
        (self.refault_credit, self.low_water, self.high_water) = (0, 0, 0);
        self.recurrence.note_purged();
    }
}

/// The variance of `pages` pages with objects of `object` bytes. It is exact: pages are multiples
/// of 4096 bytes, objects of 16.
#[inline]
fn variance(pages: usize, object: usize) -> u64 {
    ((pages * (PAGE / 4096)) as u64).wrapping_mul((object / 16) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn state() -> DecayState {
        DecayState::new(Decay::After(SECOND))
    }

    #[test]
    fn little_stays_once_nothing_is_in_use() {
        let mut state = state();
        state.note_allocated(25_600, 100 << 20);
        assert_eq!(state.excess(1000, 25_600), 0);
        state.note_freed(25_600, 100 << 20);
        assert!(state.excess(25_600, 0) >= 25_600 - FLOOR);
    }

    #[test]
    fn few_large_blocks_deviate_more_than_many_small_ones() {
        let (mut large, mut small) = (state(), state());
        for _ in 0..64 {
            large.note_allocated(256, 1 << 20);
            small.note_allocated(256, 64);
        }
        assert_eq!(large.deviation(), DEVIATIONS * 8 * 256);
        assert!(small.deviation() <= 16 * DEVIATIONS);
    }

    #[test]
    fn big_blocks_that_refault_earn_credit() {
        let mut state = state();
        assert!(state.excess(4096, 0) > 0);
        state.note_in_use(4096);
        state.note_refault(4096, 4096, 0);
        assert_eq!(state.excess(4096, 0), 0);
    }

    #[test]
    fn pages_that_stay_free_for_a_period_go_back() {
        let mut state = state();
        state.note_in_use(4096);
        state.note_refault(4096, 4096, 0);
        assert_eq!(state.end_window(10 * SECOND, 4000, 0), 0);
        state.note_resident(1500);
        assert_eq!(state.end_window(10 * SECOND + SECOND / 2, 3000, 0), 0);
        assert_eq!(state.end_window(11 * SECOND, 3000, 0), 1500);
        assert_eq!(state.end_window(12 * SECOND, 1500, 0), 1500);
    }

    #[test]
    fn credit_counts_for_no_more_than_twice_what_was_lately_in_use() {
        let mut state = state();
        state.note_in_use(4096);
        (0..3).for_each(|_| state.note_refault(4096, 4096, 0));
        assert_eq!(state.excess(4096, 0), 0);
        assert!(state.excess(9000, 0) > 0);
        state.end_window(10 * SECOND, 0, 100);
        assert_eq!(state.excess(4096, 100), 0);
        state.end_window(11 * SECOND, 0, 100);
        assert!(state.excess(4096, 100) > 3000);
    }

    #[test]
    fn one_huge_block_does_not_keep_more_than_itself() {
        let mut state = state();
        state.note_allocated(1 << 20, 4 << 30);
        assert!(state.excess(3 << 20, 1 << 20) > 1 << 20);
    }

    /// The first of 40 looks, one per period, that finds silence after `act` was called before each
    /// of them; `act` changes nothing in the number of free pages.
    fn first_silent_look(mut act: impl FnMut(&mut DecayState)) -> Option<u32> {
        let mut state = state();
        state.note_freed(4096, PAGE);
        state.note_resident(4096);
        (1..=40).find(|&look| {
            act(&mut state);
            state.has_fallen_silent(look * SECOND, 4096)
        })
    }

    #[test]
    fn silence_is_that_no_page_is_allocated_or_freed() {
        assert_eq!(first_silent_look(|_| {}), Some(5));
        let releases_and_takes_again = |state: &mut DecayState| {
            state.note_freed(100, 100 * PAGE);
            state.note_resident(4196);
            state.note_allocated(100, 100 * PAGE);
            state.note_resident(4096);
        };
        assert_eq!(first_silent_look(releases_and_takes_again), None);
        // Clean pages are not resident before they are allocated, nor after they are freed.
        let takes_clean = |state: &mut DecayState| state.note_allocated(100, 100 * PAGE);
        assert_eq!(first_silent_look(takes_clean), None);
        let frees_clean = |state: &mut DecayState| state.note_freed(100, 100 * PAGE);
        assert_eq!(first_silent_look(frees_clean), None);
    }

    #[test]
    fn a_refused_purge_is_tried_again_after_a_few_changes_each_time_after_more() {
        let mut state = state();
        let changes_until_tried = |state: &mut DecayState| {
            state.note_purge_failed();
            (0u32..)
                .find(|_| {
                    let tried = state.excess(1 << 20, 0) > 0;
                    state.note_freed(1, PAGE);
                    tried
                })
                .unwrap()
        };
        assert_eq!(changes_until_tried(&mut state), FIRST_PAUSE);
        assert_eq!(changes_until_tried(&mut state), 2 * FIRST_PAUSE);
        for _ in 0..20 {
            assert!(changes_until_tried(&mut state) <= LONGEST_PAUSE);
        }
        state.note_purge_failed();
        state.end_window(10 * SECOND, 0, 0);
        assert!(state.excess(1 << 20, 0) > 0);
        state.note_purged();
        assert_eq!(changes_until_tried(&mut state), FIRST_PAUSE);
    }

    #[test]
    fn never_purges_nothing_and_zero_purges_all() {
        assert_eq!(DecayState::new(Decay::Never).excess(1 << 20, 0), 0);
        assert_eq!(
            DecayState::new(Decay::After(Duration::ZERO)).excess(3, 100),
            3
        );
    }
}
