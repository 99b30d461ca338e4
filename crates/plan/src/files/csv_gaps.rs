//! Gaps and windows in a field of CSV, in MiniMalloc's form: `lower-upper` is a gap, and
//! `lower-upper@window_lower:window_upper` a window, which bytes of a tensor are needed at these
//! steps. They are separated by blanks.
//!
//! Stands on the errors of files. Invariant: what is written is read back. Several windows may have
//! the same steps, which MiniMalloc's may not.
//!
//! ```text
//! id,lower,upper,size,gaps
//! a,-9,12,1024,-7--5 3-4        two gaps: -7..-5 and 3..4
//! b,0,4,512,2-4@0:128           a window: bytes 0..128 alone are needed in 2..4
//! c,0,4,512,                    none
//! ```

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::{fmt::Write as _, ops::Range};

use super::error::FileMistake;
use crate::lifetimes::Piece;

const EXPECTED: &str = "ranges of steps lower-upper or lower-upper@window_lower:window_upper, \
                        separated by blanks";

/// What a field lists, in its order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct FieldGaps {
    pub(super) gaps: Vec<Range<i64>>,
    pub(super) windows: Vec<Piece>,
}

/// The gaps and windows that a field lists; none if it is blank. If they are inclusive, the upper
/// step is still part of a gap or a window.
pub(super) fn parse_gaps(field: &str, is_inclusive: bool) -> Result<FieldGaps, FileMistake> {
    let mut all = FieldGaps::default();
    for gap in field.split_whitespace() {
        all.add(gap, is_inclusive)
            .ok_or_else(|| FileMistake::BadGap {
                value: gap.to_string(),
                expected: EXPECTED,
            })?;
    }
    Ok(all)
}

impl FieldGaps {
    /// Adds a gap or a window; `None` if the text is neither.
    fn add(&mut self, gap: &str, is_inclusive: bool) -> Option<()> {
        match gap.split_once('@') {
            None => self.gaps.push(parse_gap(gap, is_inclusive)?),
            Some((steps, bytes)) => {
                let steps = parse_gap(steps, is_inclusive)?;
                self.windows.push(Piece::new(steps, parse_bytes(bytes)?));
            }
        }
        Some(())
    }
}

fn parse_bytes(bytes: &str) -> Option<Range<u64>> {
    let (lower, upper) = bytes.split_once(':')?;
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

/// Gaps and windows as a field, in order of their steps: the inverse of [`parse_gaps`].
pub(super) fn format_gaps(
    gaps: impl Iterator<Item = Range<i64>>,
    windows: impl Iterator<Item = Piece>,
) -> String {
    let gaps = gaps.map(|steps| (steps, None));
    let windows = windows.map(|Piece { steps, bytes, .. }| (steps, Some(bytes)));
    let mut all: Vec<(Range<i64>, Option<Range<u64>>)> = gaps.chain(windows).collect();
    all.sort_by_key(|(steps, _)| steps.start);
    let mut field = String::new();
    for (Range { start, end }, bytes) in all {
        let blank = if field.is_empty() { "" } else { " " };
        // Writing to a string cannot fail.
        let _ = write!(field, "{blank}{start}-{end}");
        if let Some(bytes) = bytes {
            let _ = write!(field, "@{}:{}", bytes.start, bytes.end);
        }
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
            "1-2@-1:3",
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
    fn an_inclusive_end_is_part_of_a_gap_and_of_a_window() {
        let found = parse_gaps("1-2 3-4@0:8 5-6@1:2", true).unwrap();
        assert!(found.gaps.into_iter().eq(core::iter::once(1..3)));
        let windows = [Piece::new(3..5, 0..8), Piece::new(5..7, 1..2)];
        assert_eq!(found.windows, windows);
        assert!(parse_gaps("1-9223372036854775807", true).is_err());
    }

    proptest! {
        #[test]
        fn gaps_and_windows_are_read_as_they_were_written(
            gaps in prop::collection::vec((any::<i64>(), any::<i64>()), 0..4),
            windows in prop::collection::vec(any::<(i64, i64, u64, u64)>(), 0..4),
        ) {
            let mut gaps: Vec<Range<i64>> = gaps.into_iter().map(|(a, b)| a..b).collect();
            let windows = windows.into_iter().map(|(a, b, low, high)| Piece::new(a..b, low..high));
            let mut windows: Vec<Piece> = windows.collect();
            gaps.sort_by_key(|gap| gap.start);
            windows.sort_by_key(|window| window.steps.start);
            let field = format_gaps(gaps.iter().cloned(), windows.iter().cloned());
            prop_assert_eq!(parse_gaps(&field, false), Ok(FieldGaps { gaps, windows }));
        }
    }
}
