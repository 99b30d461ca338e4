//! A capacity: bytes, or a part of a peak.
//!
//! Stands on `values`. Shared by the verbs that run something in less memory than its peak.

#![forbid(unsafe_code)]

use std::{fmt, str::FromStr};

use super::values::bytes;
use crate::escape::printable;

/// What a network or a model is to run in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Capacity {
    /// Bytes.
    Bytes(u64),
    /// A part of its peak, in percent.
    Percent(u64),
}

impl Capacity {
    /// In bytes, for something with this peak.
    pub(crate) fn of(self, peak_bytes: u64) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Percent(percent) => {
                let bytes = u128::from(peak_bytes) * u128::from(percent) / 100;
                u64::try_from(bytes).unwrap_or(u64::MAX)
            }
        }
    }
}

impl FromStr for Capacity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some(number) = text.strip_suffix('%') else {
            return bytes(text).map(Self::Bytes);
        };
        // `parse` takes a sign, too.
        let is_unsigned = number.bytes().all(|byte| byte.is_ascii_digit());
        let percent = number.parse().ok().filter(|_| is_unsigned);
        percent.map(Self::Percent).ok_or_else(|| {
            let text = printable(text);
            format!("'{text}' is not a part of the peak, expected a whole number such as 70%")
        })
    }
}

impl fmt::Display for Capacity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "{bytes}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capacity_is_bytes_or_a_part_of_the_peak() {
        let capacity = |text: &str| text.parse::<Capacity>();
        let parsed = ["4096", "2M", "2MiB", "70%"].map(|text| capacity(text).unwrap());
        let bytes = parsed.map(|capacity| capacity.of(1001));
        assert_eq!(bytes, [4096, 2 << 20, 2 << 20, 700]);
        assert_eq!(capacity("70%").unwrap().of(u64::MAX), u64::MAX / 10 * 7 + 3);
        assert_eq!(parsed.map(|c| c.to_string())[2..], ["2097152", "70%"]);
        for text in ["", "%", "-5%", "+5%", "1.5%", "70 %", "70%%", "much"] {
            assert!(capacity(text).unwrap_err().contains(&format!("'{text}'")));
        }
    }
}
