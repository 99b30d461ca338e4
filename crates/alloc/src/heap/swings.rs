//! How often a program has freed most of what it uses, and taken as much again.
//!
//! [`Swings`] tells a loop from a program that goes through a few phases of its own: both fill
//! pages again that they had freed, but only a loop will go on doing so. It is pure arithmetic in
//! pages, and knows nothing of time but the ends of windows.

#![forbid(unsafe_code)]

/// A program that has swung so often runs a loop.
const SWINGS_OF_A_LOOP: u32 = 16;
/// No more swings are counted, so that a loop that has ended is soon forgotten.
const MOST_SWINGS: u32 = 4 * SWINGS_OF_A_LOOP;

/// Counts the rises of the pages in use, from below half of the most to three quarters of it.
#[derive(Debug)]
pub(super) struct Swings {
    count: u32,
    /// Whether there was a swing in this window.
    has_swung: bool,
    /// Whether less than half was in use, and three quarters have not been since.
    is_low: bool,
}

impl Swings {
    pub(super) const fn new() -> Self {
        Self {
            count: 0,
            has_swung: false,
            is_low: false,
        }
    }

    /// Notes that `used` pages are in use, and were at most `most` lately.
    #[inline]
    pub(super) fn note(&mut self, used: usize, most: usize) {
        if !self.is_low {
            self.is_low = used < most / 2;
        } else if used >= most - most / 4 {
            (self.is_low, self.has_swung) = (false, true);
            self.count = (self.count + 1).min(MOST_SWINGS);
        }
    }

    /// Notes the end of a window: if there was no swing in it, half of them are forgotten.
    pub(super) fn end_window(&mut self) {
        if !core::mem::take(&mut self.has_swung) {
            self.count /= 2;
        }
    }

    /// Whether the program runs a loop.
    pub(super) fn is_loop(&self) -> bool {
        self.count >= SWINGS_OF_A_LOOP
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rises to 100 pages and falls to 10, so often.
    fn swing(swings: &mut Swings, times: u32) {
        for _ in 0..times {
            (10..=100).for_each(|used| swings.note(used, 100));
            (10..=100).rev().for_each(|used| swings.note(used, 100));
        }
    }

    #[test]
    fn a_loop_is_a_program_that_has_swung_many_times() {
        let mut swings = Swings::new();
        swing(&mut swings, SWINGS_OF_A_LOOP - 1);
        assert!(!swings.is_loop());
        swing(&mut swings, 1);
        assert!(swings.is_loop());
    }

    #[test]
    fn use_that_falls_or_rises_too_little_is_no_loop() {
        let mut swings = Swings::new();
        for _ in 0..100 {
            [50, 100, 50]
                .into_iter()
                .for_each(|used| swings.note(used, 100));
        }
        for _ in 0..100 {
            [49, 74, 49]
                .into_iter()
                .for_each(|used| swings.note(used, 100));
        }
        assert!(!swings.is_loop());
    }

    #[test]
    fn windows_without_a_swing_end_a_loop() {
        let mut swings = Swings::new();
        swing(&mut swings, 10_000);
        swings.end_window();
        assert!(swings.is_loop());
        (0..3).for_each(|_| swings.end_window());
        assert!(!swings.is_loop());
    }
}
