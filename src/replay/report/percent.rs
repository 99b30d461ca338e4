//! A share in percent, as text.
//!
//! Invariant: it is rounded down, so nothing but the whole is 100 %.

#![forbid(unsafe_code)]

use core::fmt;

/// A share in hundredths of a percent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Percent(u64);

impl Percent {
    /// The share of `part` in `all`, at most the whole; the whole if there is nothing.
    pub(super) fn new(part: u64, all: u64) -> Self {
        let (part, all) = (u128::from(part.min(all)), u128::from(all));
        let share = (part * 10_000).checked_div(all).unwrap_or(10_000);
        Self(share as u64)
    }

    /// Without the digits behind the point.
    pub(super) fn whole(self) -> u64 {
        self.0 / 100
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn nothing_but_the_whole_is_all_of_it() {
        let text = |part, all| Percent::new(part, all).to_string();
        assert_eq!(text(u64::MAX - 1, u64::MAX), "99.99");
        assert_eq!(text(u64::MAX, u64::MAX), "100.00");
        assert_eq!(text(1, 3), "33.33");
        assert_eq!(text(7, 10_000), "0.07");
        assert_eq!(text(0, 0), "100.00");
        assert_eq!(Percent::new(999, 1000).whole(), 99);
    }
}
