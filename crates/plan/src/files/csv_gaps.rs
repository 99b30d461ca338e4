//! Gaps in a field of CSV, in MiniMalloc's form: `lower-upper`, separated by blanks.
//!
//! Stands on the errors of files. Invariant: what is written is read back. MiniMalloc's windows,
//! `lower-upper@window_lower:window_upper`, say which bytes of a tensor are needed in a gap. They
//! are not planned: a gap with windows is ignored, and the reader reports how many there are.
//!
//! ```text
//! id,lower,upper,size,gaps
//! a,-9,12,1024,-7--5 3-4        two gaps: -7..-5 and 3..4
//! b,0,4,512,                    none
//! ```

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::{fmt::Write as _, ops::Range};

use super::error::FileMistake;

const EXPECTED: &str = "ranges of steps lower-upper or lower-upper@window_lower:window_upper, \
                        separated by blanks";

/// The gaps that a field lists.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct FieldGaps {
    /// Those without a window.
    pub(super) gaps: Vec<Range<i64>>,
    /// The first with a window, and how many there are.
    pub(super) windows: Option<(String, u64)>,
}

/// The gaps that a field lists; none if it is blank. If they are inclusive, the upper step is still
/// part of a gap.
pub(super) fn parse_gaps(field: &str, is_inclusive: bool) -> Result<FieldGaps, FileMistake> {
    let mut all = FieldGaps::default();
    for gap in field.split_whitespace() {
        let (steps, window) = match gap.split_once('@') {
            Some((steps, window)) => (steps, Some(window)),
            None => (gap, None),
        };
        let range = parse_gap(steps, is_inclusive);
        let is_window = window.is_none_or(|window| parse_window(window).is_some());
        let range = range
            .filter(|_| is_window)
            .ok_or_else(|| FileMistake::BadGap {
                value: gap.to_string(),
                expected: EXPECTED,
            })?;
        match window {
            None => all.gaps.push(range),
            Some(_) => all.windows.get_or_insert_with(|| (gap.to_string(), 0)).1 += 1,
        }
    }
    Ok(all)
}

fn parse_window(window: &str) -> Option<Range<i64>> {
    let (lower, upper) = window.split_once(':')?;
    Some(lower.parse().ok()?..upper.parse().ok()?)
}

fn parse_gap(gap: &str, is_inclusive: bool) -> Option<Range<i64>> {
    // A sign may come first, so the separator is the first '-' behind a digit.
    let digit = gap.find(|c: char| c.is_ascii_digit())?;
    let separator = digit + gap[digit..].find('-')?;
    let (lower, upper) = (&gap[..separator], &gap[separator + 1..]);
    let upper: i64 = upper.parse().ok()?;
    Some(lower.parse().ok()?..upper.checked_add(i64::from(is_inclusive))?)
}

/// Gaps as a field: the inverse of [`parse_gaps`].
pub(super) fn format_gaps(gaps: impl Iterator<Item = Range<i64>>) -> String {
    let mut field = String::new();
    for Range { start, end } in gaps {
        let blank = if field.is_empty() { "" } else { " " };
        // Writing to a string cannot fail.
        let _ = write!(field, "{blank}{start}-{end}");
    }
    field
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_gap_is_refused() {
        for value in [
            "3",
            "-3",
            "3-",
            "-",
            "3-x",
            "x-3",
            "3 - 4",
            "1-2-3",
            "1..2",
            "5:6",
            "+-3",
            "1-2@",
            "1-2@3",
            "1-2@3-4",
            "1-2@3:4:5",
            "@1:2",
            "1-2@x:3",
        ] {
            let refused = parse_gaps(value, false).unwrap_err();
            let part = value.split(' ').next().unwrap_or_default().to_string();
            let expected = EXPECTED;
            assert_eq!(
                refused,
                FileMistake::BadGap {
                    value: part,
                    expected
                }
            );
        }
    }

    #[test]
    fn gaps_with_windows_are_counted_and_an_inclusive_end_is_part_of_a_gap() {
        let found = parse_gaps("1-2 3-4@0:8 5-6@1:2", true).unwrap();
        assert!(found.gaps.into_iter().eq(core::iter::once(1..3)));
        assert_eq!(found.windows, Some(("3-4@0:8".to_string(), 2)));
        assert!(parse_gaps("1-9223372036854775807", true).is_err());
    }

    proptest! {
        #[test]
        fn gaps_are_read_as_they_were_written(
            gaps in prop::collection::vec((any::<i64>(), any::<i64>()), 0..4),
        ) {
            let gaps: Vec<Range<i64>> = gaps.into_iter().map(|(a, b)| a..b).collect();
            let field = format_gaps(gaps.iter().cloned());
            let windows = None;
            prop_assert_eq!(parse_gaps(&field, false), Ok(FieldGaps { gaps, windows }));
        }
    }
}
