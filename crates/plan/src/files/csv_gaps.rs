//! Gaps in a field of CSV, in MiniMalloc's form: `lower-upper`, separated by blanks.
//!
//! Stands on the errors of files. Invariant: what is written is read back. MiniMalloc's windows,
//! `lower-upper@window_lower:window_upper`, say that a part of a tensor is needed in a gap; they
//! are not planned, so they are refused.
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

const GAPS: &str = "ranges of steps lower-upper, separated by blanks";
const NO_WINDOWS: &str = "lower-upper without '@', since windows of a gap are not planned";

/// The gaps that a field lists; none if it is blank.
pub(super) fn parse_gaps(field: &str) -> Result<Vec<Range<i64>>, FileMistake> {
    let parse = |gap: &str| {
        parse_gap(gap).ok_or_else(|| FileMistake::BadGap {
            value: gap.to_string(),
            expected: if gap.contains('@') { NO_WINDOWS } else { GAPS },
        })
    };
    field.split_whitespace().map(parse).collect()
}

fn parse_gap(gap: &str) -> Option<Range<i64>> {
    // A sign may come first, so the separator is the first '-' behind a digit.
    let digit = gap.find(|c: char| c.is_ascii_digit())?;
    let separator = digit + gap[digit..].find('-')?;
    let (lower, upper) = (&gap[..separator], &gap[separator + 1..]);
    Some(lower.parse().ok()?..upper.parse().ok()?)
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
            "3", "-3", "3-", "-", "3-x", "x-3", "3 - 4", "1-2-3", "1..2", "5:6", "+-3",
        ] {
            let refused = parse_gaps(value).unwrap_err();
            let part = value.split(' ').next().unwrap_or_default().to_string();
            let expected = GAPS;
            assert_eq!(
                refused,
                FileMistake::BadGap {
                    value: part,
                    expected
                }
            );
        }
        let refused = parse_gaps("1-2 3-4@0:8").unwrap_err();
        let (value, expected) = ("3-4@0:8".to_string(), NO_WINDOWS);
        assert_eq!(refused, FileMistake::BadGap { value, expected });
    }

    proptest! {
        #[test]
        fn gaps_are_read_as_they_were_written(
            gaps in prop::collection::vec((any::<i64>(), any::<i64>()), 0..4),
        ) {
            let gaps: Vec<Range<i64>> = gaps.into_iter().map(|(a, b)| a..b).collect();
            let field = format_gaps(gaps.iter().cloned());
            prop_assert_eq!(parse_gaps(&field), Ok(gaps));
        }
    }
}
