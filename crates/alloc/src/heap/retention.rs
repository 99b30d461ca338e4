//! How many free pages stay resident: enough that steady work does not fault, no more, and not for long.
//!
//! Three parts make the limit:
//! - a *floor*, and a share of what is in use;
//! - the *swing*: where blocks come and go at random, the bytes in use vary, with a standard deviation that is the root of the sum
//!   of the squared sizes of what is live. A few of these stay, so that what is freed now is there when it is needed again. Many small objects
//!   hardly swing, a few large ones do, and nothing does when all is freed;
//! - what is *earned*: a large block that finds its pages gone shows that they went too early, and raises the limit. A program
//!   whose large blocks come and go all at once faults in its first rounds only.
//!
//! The last two never exceed what is, or lately was, in use. Free pages above the limit go back at once. Time takes back what was earned:
//! pages that stayed free throughout a whole period were not needed, and go. So a spike that does not come again leaves nothing
//! behind, as long as the program goes on allocating: nobody looks at the clock for one that sleeps.
//!
//! Pure arithmetic, in pages; the caller brings the clock.

#![forbid(unsafe_code)]

use core::time::Duration;

use super::class::PAGE;

/// Free pages that always may stay.
const FLOOR: usize = 32;
/// And this share of the pages in use.
const SHARE: usize = 64;
/// And so many standard deviations of what is in use.
const DEVIATIONS: usize = 6;
/// Fewer than this are not worth a system call.
const LEAST: usize = 32;
/// Blocks of so many pages, 256 KiB, are big: they earn.
pub(super) const BIG: usize = 64;
/// How often a big block's missing pages count.
const GAIN: usize = 2;

/// When free memory goes back to the operating system; see [`OrionAlloc::with_decay`](crate::OrionAlloc::with_decay).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decay {
    /// Never by itself; [`OrionAlloc::purge`](crate::OrionAlloc::purge) gives it back.
    Never,
    /// Free pages go back when this has passed without need of them. Zero: at once.
    ///
    /// There is no thread for that: the clock is looked at when large blocks are given back, and now and then when threads run out of cached
    /// objects. A program that stops doing either keeps what is free then, at most about as much as it lately used;
    /// [`OrionAlloc::purge`](crate::OrionAlloc::purge) gives it back.
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

/// The limit of free pages that stay resident, and what it learns from.
#[derive(Debug)]
pub(crate) struct Retention {
    decay: Decay,
    /// The sum of the squared sizes of all objects that there is room for, in units of 256 bytes, squared. It may
    /// wrap; sums and differences stay right.
    squares: u64,
    earned: usize,
    /// The most pages in use in this period, and in the one before.
    most_used: [usize; 2],
    /// Whether the system has refused to take memory back in this period.
    refused: bool,
    /// The fewest free resident pages that there were in this period.
    low_water: usize,
    period_start: Duration,
}

impl Retention {
    pub(crate) const fn new(decay: Decay) -> Self {
        Self {
            decay,
            squares: 0,
            earned: 0,
            most_used: [0; 2],
            refused: false,
            low_water: 0,
            period_start: Duration::ZERO,
        }
    }

    /// `pages` pages were taken for objects of so many bytes.
    #[inline]
    pub(crate) fn placed(&mut self, pages: usize, object: usize) {
        self.squares = self.squares.wrapping_add(squares(pages, object));
    }

    /// They were given back.
    #[inline]
    pub(crate) fn removed(&mut self, pages: usize, object: usize) {
        self.squares = self.squares.wrapping_sub(squares(pages, object));
    }

    /// A block of `pages` was placed on pages of which `missing` had been given back before.
    pub(crate) fn refaulted(&mut self, pages: usize, missing: usize) {
        if pages >= BIG {
            self.earned = self.earned.saturating_add(GAIN * missing);
        }
    }

    /// Takes note that `used` pages are in use.
    #[inline]
    pub(crate) fn in_use(&mut self, used: usize) {
        self.most_used[0] = self.most_used[0].max(used);
    }

    /// The system has refused to take memory back.
    pub(crate) fn refused(&mut self) {
        self.refused = true;
    }

    /// Takes note that `resident` free pages are left.
    #[inline]
    pub(crate) fn left(&mut self, resident: usize) {
        self.low_water = self.low_water.min(resident);
    }

    /// A few standard deviations of the pages in use.
    pub(super) fn swing(&self) -> usize {
        // The root is in units of 256 bytes.
        DEVIATIONS * (self.squares.isqrt() as usize / (PAGE / 256))
    }

    /// How many of `resident` free pages go back now, with `used` pages in use; 0 for few.
    #[inline]
    pub(crate) fn excess(&self, resident: usize, used: usize) -> usize {
        match self.decay {
            Decay::Never => 0,
            Decay::After(_) if self.refused => 0,
            Decay::After(Duration::ZERO) => resident,
            Decay::After(_) if resident < FLOOR + LEAST => 0,
            Decay::After(_) => {
                let swing = self.swing().min(used);
                let earned = self.earned.min(self.most_used[0].max(self.most_used[1]));
                let limit = FLOOR + used / SHARE + swing + earned;
                let excess = resident.saturating_sub(limit);
                if excess < LEAST + swing / 2 {
                    0
                } else {
                    excess
                }
            }
        }
    }

    /// At the end of a period, how many pages stayed free and resident throughout: they go, and with them their share of what was earned.
    pub(crate) fn idle(&mut self, now: Duration, resident: usize, used: usize) -> usize {
        let Decay::After(period) = self.decay else {
            return 0;
        };
        if now.saturating_sub(self.period_start) < period {
            return 0;
        }
        let idle = self.low_water.min(resident);
        self.period_start = now;
        self.refused = false;
        self.most_used = [used, self.most_used[0]];
        self.earned = self.earned.min(self.most_used[1]);
        self.low_water = resident - idle;
        self.earned = self.earned.saturating_sub(idle);
        idle
    }

    /// Forgets what was earned: everything has been given back on request.
    pub(crate) fn forget(&mut self) {
        (self.earned, self.low_water) = (0, 0);
    }
}

/// Exact: pages are multiples of 4096 bytes, objects of 16.
#[inline]
fn squares(pages: usize, object: usize) -> u64 {
    ((pages * PAGE / 4096) as u64).wrapping_mul((object / 16) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn retention() -> Retention {
        Retention::new(Decay::After(SECOND))
    }

    #[test]
    fn nothing_stays_when_nothing_is_left_in_use() {
        let mut retention = retention();
        retention.placed(25_600, 100 << 20);
        assert_eq!(retention.excess(1000, 25_600), 0);
        retention.removed(25_600, 100 << 20);
        assert!(retention.excess(25_600, 0) >= 25_600 - FLOOR);
    }

    #[test]
    fn few_large_blocks_swing_more_than_many_small_ones() {
        let (mut large, mut small) = (retention(), retention());
        for _ in 0..64 {
            large.placed(256, 1 << 20);
            small.placed(256, 64);
        }
        assert_eq!(large.swing(), DEVIATIONS * 8 * 256);
        assert!(small.swing() <= 16 * DEVIATIONS);
    }

    #[test]
    fn big_blocks_that_come_and_go_earn_their_pages() {
        let mut retention = retention();
        assert!(retention.excess(4096, 0) > 0);
        retention.in_use(4096);
        retention.refaulted(4096, 4096);
        assert_eq!(retention.excess(4096, 0), 0);
    }

    #[test]
    fn what_nobody_needs_for_a_period_goes() {
        let mut retention = retention();
        retention.in_use(4096);
        retention.refaulted(4096, 4096);
        assert_eq!(retention.idle(10 * SECOND, 4000, 0), 0);
        retention.left(1500);
        assert_eq!(retention.idle(10 * SECOND + SECOND / 2, 3000, 0), 0);
        assert_eq!(retention.idle(11 * SECOND, 3000, 0), 1500);
        assert_eq!(retention.idle(12 * SECOND, 1500, 0), 1500);
    }

    #[test]
    fn what_was_earned_is_worth_no_more_than_was_lately_in_use() {
        let mut retention = retention();
        retention.in_use(4096);
        (0..3).for_each(|_| retention.refaulted(4096, 4096));
        assert_eq!(retention.excess(4096, 0), 0);
        assert!(retention.excess(6000, 0) > 0);
        retention.idle(10 * SECOND, 0, 100);
        assert_eq!(retention.excess(4096, 100), 0);
        retention.idle(11 * SECOND, 0, 100);
        assert!(retention.excess(4096, 100) > 3500);
    }

    #[test]
    fn one_huge_block_does_not_keep_more_than_itself() {
        let mut retention = retention();
        retention.placed(1 << 20, 4 << 30);
        assert!(retention.excess(3 << 20, 1 << 20) > 1 << 20);
    }

    #[test]
    fn a_refusal_holds_for_a_period() {
        let mut retention = retention();
        retention.refused();
        assert_eq!(retention.excess(1 << 20, 0), 0);
        retention.idle(10 * SECOND, 0, 0);
        assert!(retention.excess(1 << 20, 0) > 0);
    }

    #[test]
    fn never_is_never_and_zero_is_at_once() {
        assert_eq!(Retention::new(Decay::Never).excess(1 << 20, 0), 0);
        assert_eq!(
            Retention::new(Decay::After(Duration::ZERO)).excess(3, 100),
            3
        );
    }
}
